//! Checkouts of real repositories.

mod common;

use std::{
    fs,
    net::TcpListener,
    os::{fd::OwnedFd, unix::fs::symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use common::*;
use engine_protocol::{
    Action, Change, FromAgent, Mode, Resource, Spec, Status, message::End, resource::GitSpec,
};

/// A repository with two commits on `main`, served by git's own daemon, and a place for a checkout.
struct Place {
    directory: tempfile::TempDir,
    port: u16,
}

fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(directory)
        .args(["-c", "user.name=t", "-c", "user.email=t@t", "-c", "protocol.file.allow=always"])
        .args(arguments)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("HOME", directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = directory.path().join("served");
        let place = Self { directory, port };
        place.repository("app");
        place.commit("one");
        place.commit("two");
        // Ends with the test's process.
        thread::spawn(move || {
            for connection in listener.incoming() {
                let socket = OwnedFd::from(connection.unwrap());
                let base = format!("--base-path={}", served.display());
                let mut daemon = Command::new("git");
                daemon.args(["daemon", "--inetd", "--export-all", &base]).arg(&served);
                daemon.stdin(socket.try_clone().unwrap()).stdout(socket).stderr(Stdio::null());
                daemon.status().unwrap();
            }
        });
        place
    }

    fn repository(&self, name: &str) -> PathBuf {
        let path = self.directory.path().join("served").join(name);
        fs::create_dir_all(&path).unwrap();
        git(&path, &["init", "--quiet", "--initial-branch=main"]);
        path
    }

    fn served(&self) -> PathBuf {
        self.directory.path().join("served/app")
    }

    /// A commit with this content of `file`; its hash.
    fn commit(&self, content: &str) -> String {
        fs::write(self.served().join("file"), content).unwrap();
        git(&self.served(), &["add", "-A"]);
        git(&self.served(), &["commit", "--quiet", "--allow-empty", "-m", content]);
        git(&self.served(), &["rev-parse", "HEAD"])
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("app")
    }

    fn content(&self) -> String {
        fs::read_to_string(self.path().join("file")).unwrap()
    }

    fn head(&self) -> String {
        git(&self.path(), &["rev-parse", "HEAD"])
    }

    fn spec(&self, revision: &str) -> GitSpec {
        GitSpec {
            path: self.path().display().to_string(),
            repository: format!("git://127.0.0.1:{}/app", self.port),
            revision: revision.into(),
            ..GitSpec::default()
        }
    }

    fn run_all(&self, mode: Mode, resources: Vec<Resource>) -> Ran {
        converge(mode, collection(resources, self.directory.path()), &self.directory.path().join("state"))
    }

    /// Plans and applies it: both say the same.
    fn apply(&self, resource: Resource) -> (&'static str, Vec<Change>) {
        let plan = self.run_all(Mode::Plan, vec![resource.clone()]);
        let ran = self.run_all(Mode::Apply, vec![resource]);
        if let Status::Failed { error, .. } = &ran.outcomes[0].status {
            panic!("{error}");
        }
        assert_eq!(plan.statuses(), ran.statuses());
        assert_eq!(plan.outcomes[0].changes, ran.outcomes[0].changes);
        (word(&ran.outcomes[0].status), ran.outcomes[0].changes.clone())
    }

    fn sync(&self, spec: GitSpec) -> (&'static str, Vec<Change>) {
        self.apply(checkout(spec))
    }

    fn error(&self, spec: GitSpec) -> String {
        let ran = self.run_all(Mode::Apply, vec![checkout(spec)]);
        match &ran.outcomes[0].status {
            Status::Failed { error, .. } => error.clone(),
            status => panic!("{status:?}"),
        }
    }
}

fn checkout(spec: GitSpec) -> Resource {
    resource("git", &spec.path.clone(), Action::Sync, Spec::Git(spec))
}

fn revision(old: Option<&str>, new: &str) -> Change {
    let short = |commit: &str| commit.chars().take(10).collect::<String>();
    Change::Property { name: "revision".into(), old: old.map(short), new: Some(short(new)) }
}

fn checked_out(revision: &str) -> Vec<Change> {
    let revision = Change::Property { name: "revision".into(), old: None, new: Some(revision.into()) };
    vec![Change::Done { what: "checked out".into() }, revision]
}

const UP_TO_DATE: (&str, Vec<Change>) = ("up to date", Vec::new());

#[test]
fn a_branch_is_checked_out_and_followed() {
    let place = Place::new();
    for name in ["main", "HEAD", "refs/heads/main"] {
        let _ = fs::remove_dir_all(place.path());
        let old = place.commit(name);
        assert_eq!(place.sync(place.spec(name)), ("changed", checked_out(name)), "{name}");
        assert_eq!((place.content(), place.head()), (name.to_owned(), old.clone()));
        assert_eq!(place.sync(place.spec(name)), UP_TO_DATE);
        let new = place.commit("newer");
        assert_eq!(place.sync(place.spec(name)), ("changed", vec![revision(Some(&old), &new)]));
        assert_eq!((place.content(), place.head()), ("newer".to_owned(), new));
        assert_eq!(place.sync(place.spec(name)), UP_TO_DATE);
    }
    assert_eq!(git(&place.path(), &["status", "--porcelain"]), "");
}

#[test]
fn tags_and_commits_are_checked_out() {
    let place = Place::new();
    git(&place.served(), &["tag", "light"]);
    let tagged = place.commit("tagged");
    git(&place.served(), &["tag", "-a", "-m", "x", "annotated"]);
    let last = place.commit("last");
    // A tag goes before a branch of the same name.
    git(&place.served(), &["branch", "annotated"]);
    assert_eq!(place.sync(place.spec("annotated")), ("changed", checked_out("annotated")));
    assert_eq!((place.content(), place.head()), ("tagged".into(), tagged.clone()));
    assert_eq!(place.sync(place.spec("annotated")), UP_TO_DATE);
    assert_eq!(place.sync(place.spec(&last)), ("changed", vec![revision(Some(&tagged), &last)]));
    assert_eq!(place.sync(place.spec("light")).0, "changed");
    assert_eq!(place.content(), "two");
    assert_eq!(place.sync(place.spec("refs/tags/annotated")).0, "changed");
    assert_eq!(place.content(), "tagged");
}

#[test]
fn what_is_in_the_way_goes_when_the_revision_moves_and_the_rest_stays() {
    let place = Place::new();
    place.sync(place.spec("main"));
    fs::write(place.path().join("file"), "mine").unwrap();
    fs::write(place.path().join("mine"), "mine").unwrap();
    fs::write(place.path().join("new"), "mine").unwrap();
    // Nothing has moved.
    assert_eq!(place.sync(place.spec("main")), UP_TO_DATE);
    assert_eq!(place.content(), "mine");
    fs::write(place.served().join("new"), "theirs").unwrap();
    place.commit("three");
    assert_eq!(place.sync(place.spec("main")).0, "changed");
    assert_eq!(place.content(), "three");
    assert_eq!(fs::read_to_string(place.path().join("mine")).unwrap(), "mine");
    assert_eq!(fs::read_to_string(place.path().join("new")).unwrap(), "theirs");
}

#[test]
fn history_is_as_deep_as_is_said() {
    let place = Place::new();
    let count = || git(&place.path(), &["rev-list", "--count", "HEAD"]);
    let shallow = |revision: &str| GitSpec { depth: Some(1), ..place.spec(revision) };
    place.sync(shallow("main"));
    assert_eq!((count(), place.content()), ("1".into(), "two".into()));
    let third = place.commit("three");
    assert_eq!(place.sync(shallow("main")).0, "changed");
    assert_eq!((count(), place.content()), ("1".into(), "three".into()));
    // All of it, once something is fetched.
    place.commit("four");
    assert_eq!(place.sync(place.spec("main")).0, "changed");
    assert_eq!(count(), "4");
    git(&place.served(), &["tag", "-a", "-m", "x", "v1", &third]);
    // This server gives no commit that no branch or tag ends in.
    for revision in [git(&place.served(), &["rev-parse", "HEAD~3"]).as_str(), third.as_str(), "v1"] {
        fs::remove_dir_all(place.path()).unwrap();
        place.sync(shallow(revision));
        assert_eq!(place.head(), git(&place.served(), &["rev-parse", &format!("{revision}^{{}}")]));
    }
    assert_eq!(count(), "1");
}

#[test]
fn checkout_leaves_alone_what_is_checked_out() {
    let place = Place::new();
    let checkout = || with_action(checkout(place.spec("main")), Action::Checkout);
    fs::create_dir(place.path()).unwrap();
    assert_eq!(place.apply(checkout()), ("changed", checked_out("main")));
    place.commit("three");
    assert_eq!(place.apply(checkout()), UP_TO_DATE);
    assert_eq!(place.content(), "two");
}

#[test]
fn a_checkout_that_was_not_completed_is() {
    let place = Place::new();
    fs::create_dir(place.path()).unwrap();
    git(&place.path(), &["init", "--quiet"]);
    for action in [Action::Checkout, Action::Sync] {
        assert_eq!(
            place.apply(with_action(checkout(place.spec("main")), action)),
            ("changed", checked_out("main"))
        );
        assert_eq!(place.content(), "two");
        fs::remove_dir_all(place.path()).unwrap();
        fs::create_dir(place.path()).unwrap();
        git(&place.path(), &["init", "--quiet"]);
    }
}

#[test]
fn another_repository_is_a_change() {
    let place = Place::new();
    place.sync(place.spec("main"));
    let old = place.spec("main").repository;
    let moved = GitSpec { repository: format!("file://{}", place.served().display()), ..place.spec("main") };
    let change =
        Change::Property { name: "repository".into(), old: Some(old), new: Some(moved.repository.clone()) };
    assert_eq!(place.sync(moved.clone()), ("changed", vec![change]));
    assert_eq!(place.sync(moved), UP_TO_DATE);
}

#[test]
fn submodules_come_with_it_if_that_is_said() {
    let place = Place::new();
    let library = place.repository("library");
    fs::write(library.join("inside"), "1").unwrap();
    git(&library, &["add", "-A"]);
    git(&library, &["commit", "--quiet", "-m", "x"]);
    git(&place.served(), &["submodule", "--quiet", "add", "../library", "vendor"]);
    place.commit("three");
    place.sync(place.spec("main"));
    assert!(!place.path().join("vendor/inside").exists());
    let with = GitSpec { submodules: true, ..place.spec("main") };
    let updated = vec![Change::Done { what: "submodules updated".into() }];
    assert_eq!(place.sync(with.clone()), ("changed", updated));
    assert!(place.path().join("vendor/inside").exists());
    assert_eq!(place.sync(with.clone()), UP_TO_DATE);
    fs::write(library.join("inside"), "2").unwrap();
    git(&library, &["commit", "--quiet", "-am", "y"]);
    git(&place.served().join("vendor"), &["pull", "--quiet"]);
    place.commit("four");
    assert_eq!(place.sync(with.clone()).0, "changed");
    assert_eq!(fs::read_to_string(place.path().join("vendor/inside")).unwrap(), "2");
    assert_eq!(place.sync(with), UP_TO_DATE);
}

#[test]
fn nothing_that_is_in_a_checkout_is_run() {
    let place = Place::new();
    place.sync(place.spec("main"));
    let marker = place.directory.path().join("marker");
    let program = place.directory.path().join("program");
    fs::write(&program, format!("#!/bin/sh\ntouch {}\n", marker.display())).unwrap();
    fs::create_dir_all(place.path().join(".git/hooks")).unwrap();
    let hook = place.path().join(".git/hooks/post-checkout");
    fs::copy(&program, &hook).unwrap();
    for path in [&program, &hook] {
        assert!(Command::new("chmod").arg("755").arg(path).status().unwrap().success());
    }
    git(&place.path(), &["config", "core.fsmonitor", &program.display().to_string()]);
    place.commit("three");
    assert_eq!(place.sync(place.spec("main")).0, "changed");
    assert!(!marker.exists());
    // By itself git runs them.
    git(&place.path(), &["checkout", "--quiet", "--force", "HEAD~1"]);
    assert!(marker.exists());
}

#[test]
fn what_cannot_be_checked_out_is_said_and_leaves_nothing() {
    let place = Place::new();
    let error = place.error(place.spec("v9"));
    assert!(error.ends_with("/app` has no branch or tag `v9`"), "{error}");
    let short = &git(&place.served(), &["rev-parse", "HEAD"])[..10];
    assert!(place.error(place.spec(short)).contains("all its digits"));
    let elsewhere = GitSpec { repository: "file:///nonexistent".into(), ..place.spec("main") };
    let error = place.error(elsewhere);
    assert!(
        error.contains("ask for the revision in `file:///nonexistent`") && error.contains("fatal:"),
        "{error}"
    );
    let unknown = "0123456789012345678901234567890123456789";
    assert!(!place.path().exists());
    assert!(place.error(place.spec(unknown)).contains("fetch from"));
    let below = GitSpec { path: place.path().join("no/app").display().to_string(), ..place.spec("main") };
    fs::remove_dir_all(place.path()).unwrap();
    assert!(place.error(below).contains("declare it before"));
}

#[test]
fn what_is_no_checkout_is_left_alone() {
    let place = Place::new();
    fs::create_dir(place.path()).unwrap();
    fs::write(place.path().join("mine"), "").unwrap();
    let error = place.error(place.spec("main"));
    assert!(error.contains("is not empty (it has `mine`)"), "{error}");
    fs::remove_dir_all(place.path()).unwrap();
    fs::write(place.path(), "").unwrap();
    assert!(place.error(place.spec("main")).contains("is a file, not a directory"));
    fs::remove_file(place.path()).unwrap();
    let outside = tempfile::tempdir().unwrap();
    symlink(outside.path(), place.path()).unwrap();
    assert!(place.error(place.spec("main")).contains("symbolic link"));
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    // Nor is a directory above it one.
    fs::remove_file(place.path()).unwrap();
    fs::create_dir(place.path()).unwrap();
    git(place.directory.path(), &["init", "--quiet"]);
    assert_eq!(place.sync(place.spec("main")).0, "changed");
}

#[test]
fn a_plan_does_not_know_what_is_in_a_checkout() {
    let place = Place::new();
    let inside = place.path().join("file").display().to_string();
    let absent = with_action(file(&inside, b""), Action::Delete);
    let mut guarded = execute(&["true"]);
    guarded.common.only_if.push(engine_protocol::resource::Guard::PathExists { path: inside });
    let resources = vec![
        checkout(place.spec("main")),
        directory(&place.path().display().to_string()),
        absent,
        guarded,
        checkout(place.spec("main")),
    ];
    let plan = place.run_all(Mode::Plan, resources.clone());
    let expected = [(0, "changed"), (1, "up to date"), (2, "unknown"), (3, "unknown"), (4, "unknown")];
    assert_eq!(plan.statuses(), expected);
    let ran = place.run_all(Mode::Apply, resources);
    let expected = [(0, "changed"), (1, "up to date"), (2, "changed"), (3, "skipped"), (4, "up to date")];
    assert_eq!(ran.statuses(), expected);
}

#[test]
fn a_plan_does_not_fail_for_a_repository_that_may_be_brought_before() {
    let place = Place::new();
    let before = file(&place.directory.path().join("before").display().to_string(), b"");
    let later = GitSpec { repository: "file:///nonexistent".into(), ..place.spec("main") };
    let plan = place.run_all(Mode::Plan, vec![before, checkout(later.clone())]);
    assert_eq!(plan.statuses(), [(0, "changed"), (1, "unknown")]);
    assert_eq!(place.run_all(Mode::Plan, vec![checkout(later)]).statuses(), [(0, "failed")]);
}

#[test]
fn a_stop_while_a_server_is_silent_is_no_failure() {
    let place = Place::new();
    // Connections are accepted, and nobody ever answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let repository = format!("git://{}/app", silent.local_addr().unwrap());
    let spec = GitSpec { repository, ..place.spec("main") };
    let started = |message: &FromAgent| matches!(message, FromAgent::Started { .. });
    let collection = collection(vec![checkout(spec)], place.directory.path());
    let ran = converge_until(Mode::Apply, collection, &place.directory.path().join("state"), started);
    assert_eq!((ran.statuses(), ran.applied), (vec![], End::Stopped { remaining: 1 }));
    assert!(!place.path().exists());
}
