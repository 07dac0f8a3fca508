//! Git repositories, through the program git: it knows the user's credentials, proxies and hosts.

use std::{
    fs::{DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use engine_scheduler::ports::Revision;
use sha2::{Digest, Sha256};

use crate::{
    FileFailure,
    archive::{self, ArchiveError},
    cannot,
    content::Contents,
};

/// Why a repository could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GitError {
    #[error("git is not installed on this machine")]
    Missing,
    #[error("git cannot be started: {0}")]
    Start(io::Error),
    #[error("git cannot {what} `{url}`: {output}")]
    Failed { what: &'static str, url: String, output: String },
    #[error("`{url}` has no branch, tag or commit `{revision}`")]
    NoRevision { url: String, revision: String },
    #[error(transparent)]
    File(#[from] FileFailure),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

impl GitError {
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            GitError::Missing => Some("install git, or set `fetch = \"node\"` for the app".to_owned()),
            GitError::Failed { url, .. } => {
                Some(format!("`git ls-remote {url}` shows what git says by itself"))
            }
            _ => None,
        }
    }
}

/// A bare copy of a repository, with all its branches and tags.
#[derive(Debug)]
pub(crate) struct Repository {
    directory: PathBuf,
    url: String,
    /// Others who fetch the same repository wait.
    _lock: File,
}

impl Repository {
    /// The copy of a repository below a directory.
    pub(crate) fn of(below: &Path, url: &str) -> Result<Self, GitError> {
        let name = engine_protocol::ContentHash(Sha256::digest(url).into()).to_string();
        let directory = below.join(&name[..32]);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&directory);
        made.map_err(cannot("make the directory", &directory))?;
        let path = directory.join("engine.lock");
        let lock = File::create(&path).map_err(cannot("write", &path))?;
        lock.lock().map_err(cannot("lock", &path))?;
        Ok(Repository { directory, url: url.to_owned(), _lock: lock })
    }

    /// Fetches what is new, and says which commit a revision is: a tag, a branch, or the commit itself.
    pub(crate) async fn resolve(&self, revision: &str) -> Result<String, GitError> {
        self.git("make a copy of", &["init", "--quiet", "--bare", "--template="]).await?;
        if is_commit(revision)
            && let Some(commit) = self.commit(revision).await?
        {
            return Ok(commit);
        }
        let all = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*", "+HEAD:refs/engine/HEAD"];
        let fetch = ["fetch", "--quiet", "--force", "--prune", "--no-auto-maintenance", "--", &self.url];
        self.git("fetch", &[&fetch[..], &all].concat()).await?;
        let names = match revision {
            "HEAD" => vec!["refs/engine/HEAD".to_owned()],
            full if full.starts_with("refs/") => vec![full.to_owned()],
            // As Chef looks for it.
            short => vec![format!("refs/tags/{short}"), format!("refs/heads/{short}"), short.to_owned()],
        };
        for name in names {
            if let Some(commit) = self.commit(&name).await? {
                return Ok(commit);
            }
        }
        if is_commit(revision) {
            // No branch leads to it, but it may be there.
            let _ = self.git("fetch", &["fetch", "--quiet", "--", &self.url, revision]).await;
            if let Some(commit) = self.commit(revision).await? {
                return Ok(commit);
            }
        }
        Err(GitError::NoRevision { url: self.url.clone(), revision: revision.to_owned() })
    }

    async fn commit(&self, name: &str) -> Result<Option<String>, GitError> {
        let name = format!("{name}^{{commit}}");
        let output = self.run(&["rev-parse", "--verify", "--quiet", "--end-of-options", &name]).await?;
        let commit = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(Some(commit).filter(|commit| output.status.success() && is_commit(commit)))
    }

    /// Keeps the files of a commit.
    pub(crate) fn read(&self, commit: &str, contents: &Contents) -> Result<Revision, GitError> {
        let mut command = self.command(&["archive", "--format=tar", commit]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(start)?;
        let entries = match child.stdout.take() {
            Some(stdout) => archive::tar(stdout, &self.url, 0, contents),
            None => Ok(Vec::new()),
        };
        let output = child.wait_with_output().map_err(start)?;
        if !output.status.success() {
            return Err(self.failed("read a commit of", &output));
        }
        Ok(Revision { revision: commit.to_owned(), entries: entries? })
    }

    async fn git(&self, what: &'static str, arguments: &[&str]) -> Result<(), GitError> {
        let output = self.run(arguments).await?;
        if output.status.success() { Ok(()) } else { Err(self.failed(what, &output)) }
    }

    async fn run(&self, arguments: &[&str]) -> Result<Output, GitError> {
        let mut command = tokio::process::Command::from(self.command(arguments));
        command.kill_on_drop(true).output().await.map_err(start)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.arg("--git-dir").arg(&self.directory).args(arguments).stdin(Stdio::null());
        // Nobody is there to answer, and no URL runs a program.
        command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_ALLOW_PROTOCOL", "file:git:http:https:ssh");
        if std::env::var_os("GIT_SSH_COMMAND").is_none() {
            command.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes");
        }
        for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"] {
            command.env_remove(variable);
        }
        command
    }

    fn failed(&self, what: &'static str, output: &Output) -> GitError {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim();
        let output = if said.is_empty() { output.status.to_string() } else { said.replace('\n', "; ") };
        GitError::Failed { what, url: self.url.clone(), output }
    }
}

fn start(error: io::Error) -> GitError {
    if error.kind() == io::ErrorKind::NotFound { GitError::Missing } else { GitError::Start(error) }
}

/// Whether it is a whole SHA-1 or SHA-256.
fn is_commit(revision: &str) -> bool {
    matches!(revision.len(), 40 | 64) && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}
