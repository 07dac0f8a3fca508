//! The program git: as which user it runs, where, and with which settings.

use std::{
    os::fd::{AsRawFd, OwnedFd},
    path::Path,
};

use engine_protocol::{Mode, resource::GitSpec};
use rustix::{
    fs::{AtFlags, statat},
    process::geteuid,
};

use super::GitError;
use crate::{
    command::{CommandError, Ended, Finished, SEARCH_PATH, Tail},
    execute::run_as,
    files::split,
    provider::{Context, Error},
};

/// Settings that neither the repository nor the user's own configuration can change.
const SETTINGS: [&str; 9] = [
    // No helper program that a URL names, no hook and no watcher that is in the checkout.
    "protocol.ext.allow=never",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    // Nothing stays behind that still works in the checkout.
    "gc.autoDetach=false",
    "maintenance.autoDetach=false",
    // A server that says nothing is given up after a minute.
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=60",
    // Words that nobody reads.
    "advice.detachedHead=false",
    "init.defaultBranch=main",
];

/// Nobody is there to answer: what would ask fails.
const SSH: &str = "ssh -o BatchMode=yes -o ConnectTimeout=10";

/// Whether git can be run as the user that is wanted.
pub enum Ready {
    /// It can, with this user id.
    Yes(u32),
    /// Not before this resource; plan mode only.
    After(String),
}

/// Looks for the program and the user.
pub fn ready(spec: &GitSpec, context: &mut Context<'_>) -> Result<Ready, Error> {
    if !SEARCH_PATH.split(':').any(|directory| Path::new(directory).join("git").exists()) {
        let because = if context.mode == Mode::Plan { context.opaque() } else { None };
        return because.map(Ready::After).ok_or_else(|| GitError::Missing.into());
    }
    let Some(user) = &spec.user else { return Ok(Ready::Yes(geteuid().as_raw())) };
    match context.node.accounts().user_id(user) {
        Some(uid) => Ok(Ready::Yes(uid)),
        None if context.mode == Mode::Plan && context.overlay.user(user) == Some(true) => {
            Ok(Ready::After(context.overlay.first_change().unwrap_or_default().to_owned()))
        }
        None => Err(GitError::NoUser { user: user.clone() }.into()),
    }
}

/// Git as the user of a checkout.
#[derive(Clone, Copy)]
pub struct Git<'s> {
    spec: &'s GitSpec,
    directory: Option<&'s OwnedFd>,
    to_the_end: bool,
}

impl<'s> Git<'s> {
    /// In no checkout.
    pub fn anywhere(spec: &'s GitSpec) -> Self {
        Self { spec, directory: None, to_the_end: false }
    }

    /// In the directory of the checkout.
    pub fn within(spec: &'s GitSpec, directory: &'s OwnedFd) -> Self {
        Self { spec, directory: Some(directory), to_the_end: false }
    }

    /// The same, but it is not killed when it is time to stop: for what changes files.
    pub fn to_the_end(self) -> Self {
        Self { to_the_end: true, ..self }
    }

    /// Whether a part of the history alone has been fetched.
    pub fn is_shallow(self) -> bool {
        let shallow = |directory| statat(directory, ".git/shallow", AtFlags::SYMLINK_NOFOLLOW).is_ok();
        self.directory.is_some_and(shallow)
    }

    /// Runs it, whatever its status.
    pub fn run(self, arguments: &[&str], context: &mut Context<'_>) -> Result<Finished, Error> {
        let mut argv = vec!["git".to_owned()];
        argv.extend(SETTINGS.iter().flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]));
        argv.extend(arguments.iter().map(ToString::to_string));
        // By its handle, so that nobody can put another directory in its place meanwhile.
        let place =
            self.directory.map(|handle| format!("/proc/{}/fd/{}", std::process::id(), handle.as_raw_fd()));
        let run = run_as(argv, self.spec.user.as_deref(), None, context)?
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_SSH_COMMAND", SSH)
            // A directory that has no repository is in none.
            .env("GIT_CEILING_DIRECTORIES", split(&self.spec.path).0)
            .cwd(place.as_deref().unwrap_or("/"));
        let finished = if self.to_the_end { run.finish() } else { run.finish_unless(context.stopping) };
        finished.map_err(|error| match error {
            CommandError::Stopped { .. } => Error::Stopped,
            CommandError::TimedOut { seconds, output, .. } => {
                let command = arguments.first().map_or("", |argument| argument).to_owned();
                GitError::TimedOut { command, seconds, output }.into()
            }
            error => Error::Command(error),
        })
    }

    /// Runs it, which must succeed, and gives back what it prints; `what` was tried with it.
    pub fn succeed(
        self,
        what: &'static str,
        arguments: &[&str],
        context: &mut Context<'_>,
    ) -> Result<String, Error> {
        let finished = self.run(arguments, context)?;
        if finished.status.success() { Ok(finished.output) } else { Err(self.failed(what, finished)) }
    }

    /// The error for how it ended.
    pub fn failed(self, what: &'static str, finished: Finished) -> Error {
        let repository = self.spec.repository.clone();
        let (status, output) = (Ended(finished.status), Tail(finished.output));
        GitError::Failed { what, repository, status, output }.into()
    }
}
