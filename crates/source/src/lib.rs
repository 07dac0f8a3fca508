//! The sources of apps: git repositories, archives, of S3 as well, and directories of the controller.
//!
//! A source is fetched as it is now, and its files are kept by their content ([`content`]), so that nodes can ask for
//! what they do not have. Implements the port [`AppSources`].

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use engine_model::{App, Source};
use engine_protocol::Piece;
use engine_scheduler::ports::{AppSources, ObjectStore, PortFuture, Revision, SourceFailure};

mod archive;
mod content;
mod git;
mod local;
mod tree;

use archive::ArchiveError;
use content::{ContentError, Contents};
use git::GitError;
use local::LocalError;

/// How URLs of objects in S3 begin; a bucket and a key follow.
const S3: &str = "s3://";

/// Fetches sources into a directory of the controller.
#[derive(Clone)]
pub struct Sources {
    directory: PathBuf,
    contents: Arc<Contents>,
    objects: Arc<dyn ObjectStore>,
}

/// Why a source could not be fetched.
#[derive(Debug, thiserror::Error)]
enum SourceError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Local(#[from] LocalError),
    #[error(transparent)]
    Content(#[from] ContentError),
    #[error("{url}: {}", .failure.message)]
    Object { url: String, failure: SourceFailure },
    #[error("{0} names no object; write s3://BUCKET/KEY")]
    NoObject(String),
    #[error("it ended before its time")]
    Ended,
}

impl SourceError {
    fn hint(&self) -> Option<String> {
        match self {
            SourceError::Git(error) => error.hint(),
            SourceError::Archive(error) => error.hint(),
            SourceError::Object { failure, .. } => failure.hint.clone(),
            _ => None,
        }
    }
}

impl Sources {
    /// Keeps what it fetches below this directory, which is made when something is fetched.
    pub fn new(directory: PathBuf, objects: Arc<dyn ObjectStore>) -> Self {
        let contents = Arc::new(Contents::new(directory.join("content")));
        Sources { directory, contents, objects }
    }

    async fn fetch(&self, app: &App) -> Result<Revision, SourceError> {
        let Some(deployment) = &app.deployment else { return Err(SourceError::Ended) };
        self.contents.make()?;
        let contents = Arc::clone(&self.contents);
        match deployment.source.clone() {
            Source::Git { url, revision } => {
                let repository = git::Repository::of(&self.directory.join("git"), &url)?;
                let commit = repository.resolve(&revision).await?;
                blocking(move || Ok(repository.read(&commit, &contents)?)).await
            }
            Source::Archive { url, checksum, strip_components } => {
                let file = self.archive(&url, &checksum).await?;
                blocking(move || {
                    let strip = strip_components as usize;
                    let entries = archive::unpack(&file, &url, strip, &contents)?;
                    Ok(Revision { revision: checksum, entries })
                })
                .await
            }
            Source::Local { path } => blocking(move || Ok(local::read(&path, &contents)?)).await,
        }
    }
}

impl Sources {
    /// The file of an archive, fetched unless it is there.
    async fn archive(&self, url: &str, checksum: &str) -> Result<PathBuf, SourceError> {
        let downloads = self.directory.join("archives");
        if let Some(kept) = archive::kept(&downloads, checksum) {
            return Ok(kept);
        }
        let asked = self.asked(url).await?;
        let (url, checksum) = (url.to_owned(), checksum.to_owned());
        blocking(move || Ok(archive::fetch(&downloads, &url, &asked, &checksum)?)).await
    }

    /// What to ask a server for.
    async fn asked(&self, url: &str) -> Result<String, SourceError> {
        let Some(object) = url.strip_prefix(S3) else { return Ok(url.to_owned()) };
        let named = object.split_once('/').filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty());
        let (bucket, key) = named.ok_or_else(|| SourceError::NoObject(url.to_owned()))?;
        let signed = self.objects.url(bucket, key).await;
        signed.map_err(|failure| SourceError::Object { url: url.to_owned(), failure })
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(SourceError::Ended))
}

impl AppSources for Sources {
    fn fetch<'a>(&'a self, app: &'a App) -> PortFuture<'a, Result<Revision, SourceFailure>> {
        Box::pin(async move {
            self.fetch(app).await.map_err(|error| SourceFailure {
                message: format!("the source of app `{}`: {error}", app.name),
                hint: error.hint(),
            })
        })
    }

    fn read(&self, pieces: Vec<Piece>) -> PortFuture<'_, Result<Vec<u8>, SourceFailure>> {
        let contents = Arc::clone(&self.contents);
        Box::pin(async move {
            let read = blocking(move || Ok(contents.read(&pieces)?)).await;
            read.map_err(|error| SourceFailure { message: error.to_string(), hint: None })
        })
    }
}

/// Something that the system refused to do with a file of the controller.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {}: {source}", path.display())]
struct FileFailure {
    what: &'static str,
    path: PathBuf,
    source: io::Error,
}

fn cannot(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileFailure {
    let path = path.to_owned();
    move |source| FileFailure { what, path, source }
}
