//! Sources as the scheduler fetches them.

use std::{
    fs,
    io::Read,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use engine_model::{App, Deployment, Source};
use engine_protocol::{Piece, resource::TreeEntry};
use engine_scheduler::ports::{AppSources, ObjectStore, PortFuture, Revision, SourceFailure};
use engine_source::Sources;
use flate2::read::ZlibDecoder;
use sha2::Digest as _;

/// A store whose objects are files of a directory.
struct Files(PathBuf);

impl ObjectStore for Files {
    fn url<'a>(&'a self, bucket: &'a str, key: &'a str) -> PortFuture<'a, Result<String, SourceFailure>> {
        Box::pin(async move { Ok(format!("file://{}", self.0.join(bucket).join(key).display())) })
    }
}

fn sources(cache: &Path) -> Sources {
    Sources::new(cache.to_owned(), Arc::new(Files(cache.with_file_name("objects"))))
}

fn app(source: Source) -> App {
    let name: engine_model::Name = "shop".parse().unwrap();
    App { deployment: Some(Deployment::new(&name, source)), ..App::new(name, Vec::new()) }
}

fn git(directory: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.arg("-C").arg(directory).args(["-c", "user.name=t", "-c", "user.email=t@example.org"]);
    let output = command.args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn commit(directory: &Path, content: &str) -> String {
    fs::write(directory.join("page"), content).unwrap();
    git(directory, &["add", "--all"]);
    git(directory, &["commit", "--quiet", "--message", content]);
    git(directory, &["rev-parse", "HEAD"])
}

async fn fetch(sources: &Sources, directory: &Path, revision: &str) -> Result<Revision, SourceFailure> {
    let url = directory.display().to_string();
    sources.fetch(&app(Source::Git { url, revision: revision.to_owned() })).await
}

async fn content(sources: &Sources, revision: &Revision, path: &str) -> String {
    let file = revision.entries.iter().find(|entry| entry.path() == path).unwrap();
    let TreeEntry::File { hash, size, .. } = file else { panic!("{file:?}") };
    let piece = Piece { hash: *hash, offset: 0, length: u32::try_from(*size).unwrap() };
    let packed = sources.read(vec![piece]).await.unwrap();
    let mut text = String::new();
    ZlibDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
    text
}

fn paths(revision: &Revision) -> Vec<&str> {
    revision.entries.iter().map(TreeEntry::path).collect()
}

#[tokio::test]
async fn a_revision_is_a_branch_a_tag_or_a_commit_as_it_is_now() {
    let directory = tempfile::tempdir().unwrap();
    let (repository, cache) = (directory.path().join("shop"), directory.path().join("cache"));
    fs::create_dir_all(repository.join("bin")).unwrap();
    git(&repository, &["init", "--quiet", "--initial-branch=main"]);
    fs::write(repository.join("bin/run"), "#!/bin/sh\n").unwrap();
    symlink("bin/run", repository.join("link")).unwrap();
    let first = commit(&repository, "one");
    git(&repository, &["tag", "--annotate", "v1", "--message", "first"]);
    let sources = sources(&cache);
    let one = fetch(&sources, &repository, "main").await.unwrap();
    assert_eq!(
        (one.revision.as_str(), paths(&one)),
        (first.as_str(), vec!["bin", "bin/run", "link", "page"])
    );
    assert_eq!(content(&sources, &one, "page").await, "one");
    let second = commit(&repository, "two");
    for (revision, expected) in [
        ("main", &second),
        ("HEAD", &second),
        ("v1", &first),
        (first.as_str(), &first),
        ("refs/heads/main", &second),
    ] {
        assert_eq!(fetch(&sources, &repository, revision).await.unwrap().revision, *expected, "{revision}");
    }
    let two = fetch(&sources, &repository, &second).await.unwrap();
    assert_eq!(content(&sources, &two, "page").await, "two");
}

#[tokio::test]
async fn what_cannot_be_fetched_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let sources = sources(&directory.path().join("cache"));
    git(directory.path(), &["init", "--quiet", "--initial-branch=main", "shop"]);
    let repository = directory.path().join("shop");
    commit(&repository, "one");
    let missing = fetch(&sources, &repository, "release").await.unwrap_err().to_string();
    assert!(
        missing.contains("app `shop`") && missing.contains("no branch, tag or commit `release`"),
        "{missing}"
    );
    let option = fetch(&sources, &repository, "--upload-pack=touch").await.unwrap_err().to_string();
    assert!(option.contains("no branch, tag or commit"), "{option}");
    let nowhere = fetch(&sources, &directory.path().join("nowhere"), "main").await.unwrap_err();
    assert!(nowhere.message.contains("git cannot fetch") && nowhere.hint.is_some(), "{nowhere:?}");
    let gone = Source::Local { path: directory.path().join("gone") };
    assert!(sources.fetch(&app(gone)).await.unwrap_err().message.contains("is no directory"));
}

#[tokio::test]
async fn no_url_runs_a_program() {
    let directory = tempfile::tempdir().unwrap();
    let sources = sources(&directory.path().join("cache"));
    let made = directory.path().join("made");
    let url = format!("ext::touch {}", made.display());
    let failure = sources.fetch(&app(Source::Git { url, revision: "main".to_owned() })).await.unwrap_err();
    assert!(failure.message.contains("git cannot fetch"), "{failure}");
    assert!(!made.exists());
}

#[tokio::test]
async fn a_directory_comes_without_what_git_ignores_and_keeps() {
    let directory = tempfile::tempdir().unwrap();
    let (site, sources) = (directory.path().join("site"), sources(&directory.path().join("cache")));
    for below in [".git", "target", ".hidden"] {
        fs::create_dir_all(site.join(below)).unwrap();
        fs::write(site.join(below).join("file"), below).unwrap();
    }
    fs::write(site.join(".gitignore"), "target/\n").unwrap();
    fs::write(site.join("page"), "one").unwrap();
    let source = || app(Source::Local { path: site.clone() });
    let one = sources.fetch(&source()).await.unwrap();
    assert_eq!(paths(&one), [".gitignore", ".hidden", ".hidden/file", "page"]);
    assert_eq!(sources.fetch(&source()).await.unwrap(), one);
    fs::write(site.join("page"), "two").unwrap();
    let two = sources.fetch(&source()).await.unwrap();
    assert_ne!(two.revision, one.revision);
    // What an earlier revision was made of can still be read.
    assert_eq!(content(&sources, &one, "page").await, "one");
}

#[tokio::test]
async fn an_object_is_fetched_from_where_its_store_says() {
    let directory = tempfile::tempdir().unwrap();
    let sources = sources(&directory.path().join("cache"));
    let objects = directory.path().join("objects/releases");
    fs::create_dir_all(&objects).unwrap();
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(3);
    header.set_mode(0o644);
    archive.append_data(&mut header, "page", "one".as_bytes()).unwrap();
    let archive = archive.into_inner().unwrap();
    fs::write(objects.join("shop.tar"), &archive).unwrap();
    let checksum = engine_protocol::ContentHash(sha2::Sha256::digest(&archive).into()).to_string();
    let source = |key: &str, checksum: &str| Source::Archive {
        url: format!("s3://releases/{key}"),
        checksum: checksum.to_owned(),
        strip_components: 0,
    };
    let fetched = sources.fetch(&app(source("shop.tar", &checksum))).await.unwrap();
    assert_eq!(content(&sources, &fetched, "page").await, "one");
    let other = sources.fetch(&app(source("shop.tar", &"0".repeat(64)))).await.unwrap_err();
    assert!(other.message.contains("s3://releases/shop.tar gives has the SHA-256"), "{other}");
    let nothing = sources.fetch(&app(source("", &"0".repeat(64)))).await.unwrap_err();
    assert!(nothing.message.contains("names no object"), "{nothing}");
}
