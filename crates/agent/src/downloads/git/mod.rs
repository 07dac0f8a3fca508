//! The provider of checkouts of git repositories.
//!
//! Everything is done by the program git, in the checkout's directory, which is made and opened as other directories
//! are: no link leads out of what is granted. It stands on the commit itself, on no branch. What somebody changed in
//! files that belong to the repository stays until the revision moves, and is overwritten then, as in Chef; what does
//! not belong to it stays. Submodules come from where the repository says.

use std::os::fd::OwnedFd;

use engine_protocol::{Action, Mode, Resource, resource::GitSpec};
use rustix::process::{getegid, geteuid};

use self::{
    refs::Target,
    tool::{Git, Ready, ready},
};
use super::DownloadError;
use crate::{
    command::{Ended, Tail},
    files::{
        attributes::{Attributes, Owner},
        directory,
        state::{State, look, wrong_kind},
        tree,
    },
    overlay::Prediction,
    provider::{Check, Context, Error, digest, done, property, unsupported},
};

mod refs;
mod tool;

/// Why a checkout could not be checked or made.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no git.
    #[error("git is not installed; declare the package `git` before")]
    Missing,
    /// A user who does not exist.
    #[error("git shall run as user `{user}`, who does not exist; declare the user before")]
    NoUser {
        /// The user.
        user: String,
    },
    /// It said no.
    #[error("git cannot {what} `{repository}`: it {status}{output}")]
    Failed {
        /// What was tried.
        what: &'static str,
        /// The repository.
        repository: String,
        /// How it ended.
        status: Ended,
        /// What it printed.
        output: Tail,
    },
    /// It took too long.
    #[error("`git {command}` was killed after {seconds} s; `timeout` gives it more{output}")]
    TimedOut {
        /// Git's command.
        command: String,
        /// How long it had.
        seconds: u64,
        /// What it printed.
        output: Tail,
    },
    /// The revision is not there.
    #[error("`{repository}` has no branch or tag `{revision}`{hint}")]
    NoRevision {
        /// The repository.
        repository: String,
        /// The revision.
        revision: String,
        /// What may be meant.
        hint: &'static str,
    },
    /// There are other things at the path.
    #[error(
        "`{path}` is not empty (it has `{entry}`) and no checkout of git; remove it or choose another path"
    )]
    NotEmpty {
        /// The path.
        path: String,
        /// One entry.
        entry: String,
    },
    /// Its owner is not who runs git. What is in a checkout can make git run programs.
    #[error(
        "`{path}` belongs to {owner}, but git would run as {user}; set `user` to its owner, or give it to {user}"
    )]
    Owner {
        /// The path.
        path: String,
        /// Who owns it.
        owner: String,
        /// Who runs git.
        user: String,
    },
}

impl From<GitError> for Error {
    fn from(error: GitError) -> Self {
        Error::Download(DownloadError::Git(error))
    }
}

/// Checks a checkout.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r GitSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    if !matches!(action, Action::Sync | Action::Checkout) {
        return Err(unsupported(resource, action));
    }
    if context.mode == Mode::Plan
        && let Some(because) = context.overlay.tree(&spec.path)
    {
        return Ok(Check::Unknown(because.to_owned()));
    }
    let ready = ready(spec, context)?;
    let state = look(context, &spec.path)?;
    let checkout = match &state {
        State::NoParent(_) if context.opaque().is_some() => {
            return Ok(Check::Unknown(context.opaque().unwrap_or_default()));
        }
        State::Absent => None,
        State::Directory { attributes, fresh } => {
            same_owner(spec, &attributes.owner, &ready, context)?;
            if *fresh { None } else { open(spec, context)? }
        }
        _ => return Err(wrong_kind(&spec.path, &state, "directory").into()),
    };
    let is_missing = matches!(state, State::Absent);
    match (ready, checkout) {
        (Ready::Yes(_), Some(directory)) => check_existing(spec, action, directory, context),
        (Ready::Yes(_), None) => check_new(spec, is_missing, context),
        (Ready::After(_), None) => Ok(make(spec, is_missing, None, context)),
        (Ready::After(because), Some(_)) => Ok(Check::Unknown(because)),
    }
}

/// Git runs programs that a checkout names, so nobody runs it in a checkout of somebody else.
fn same_owner(
    spec: &GitSpec,
    owner: &Owner,
    ready: &Ready,
    context: &mut Context<'_>,
) -> Result<(), GitError> {
    let accounts = context.node.accounts();
    let name = |uid: u32| accounts.user_name(uid).unwrap_or_else(|| uid.to_string());
    let (owner, user) = match (owner, ready) {
        (Owner::Id(owner), Ready::Yes(uid)) if owner != uid => (name(*owner), name(*uid)),
        (Owner::Predicted(owner), Ready::Yes(uid)) => (owner.clone(), name(*uid)),
        (Owner::Predicted(owner), Ready::After(_)) if spec.user.as_ref() != Some(owner) => {
            (owner.clone(), spec.user.clone().unwrap_or_else(|| name(geteuid().as_raw())))
        }
        _ => return Ok(()),
    };
    Err(GitError::Owner { path: spec.path.clone(), owner, user })
}

/// Opens the checkout that is in a directory; nothing if it is empty.
fn open(spec: &GitSpec, context: &mut Context<'_>) -> Result<Option<OwnedFd>, Error> {
    let directory = directory::open_existing(context, &spec.path)?;
    let names = tree::names(&directory, &spec.path)?;
    match names.first() {
        None => Ok(None),
        Some(_) if names.iter().any(|name| name.as_bytes() == b".git") => Ok(Some(directory)),
        Some(entry) => {
            let (path, entry) = (spec.path.clone(), entry.to_string_lossy().into_owned());
            Err(GitError::NotEmpty { path, entry }.into())
        }
    }
}

/// The commit that is wanted, or in a plan the resource without which it cannot be asked for.
fn find(spec: &GitSpec, context: &mut Context<'_>) -> Result<Result<Target, String>, Error> {
    let first_change = match context.mode {
        Mode::Plan => context.overlay.first_change().map(ToOwned::to_owned),
        Mode::Apply => None,
    };
    match (Target::find(spec, context), first_change) {
        (Err(Error::Download(_)), Some(because)) => Ok(Err(because)),
        (found, _) => found.map(Ok),
    }
}

fn check_new<'r>(spec: &'r GitSpec, is_missing: bool, context: &mut Context<'_>) -> Result<Check<'r>, Error> {
    Ok(match find(spec, context)? {
        Ok(target) => make(spec, is_missing, Some(target), context),
        Err(because) => Check::Unknown(because),
    })
}

/// The first checkout, in a directory that is missing or empty, or has one that was not completed.
fn make<'r>(
    spec: &'r GitSpec,
    is_missing: bool,
    target: Option<Target>,
    context: &mut Context<'_>,
) -> Check<'r> {
    let account = spec.user.as_ref().map(|name| (name, context.node.accounts().user(name)));
    let (owner, group) = match account {
        None => (Owner::Id(geteuid().as_raw()), Owner::Id(getegid().as_raw())),
        Some((_, Some(user))) => (Owner::Id(user.uid), Owner::Id(user.gid)),
        Some((name, None)) => (Owner::Predicted(name.clone()), Owner::Predicted(name.clone())),
    };
    let attributes = Attributes { owner, group, mode: context.default_mode(0o777) };
    let mut predictions = vec![Prediction::Tree(spec.path.clone())];
    if is_missing {
        let state = State::Directory { attributes: attributes.clone(), fresh: true };
        predictions.insert(0, Prediction::Path(spec.path.clone(), state));
    }
    let changes = vec![done("checked out"), property("revision", None, Some(spec.revision.clone()))];
    // A branch may have moved on by the time that a saved plan is applied.
    let commit = target.as_ref().map(|target| digest(&target.commit));
    Check::differs(changes, predictions, move |context| {
        let target = target.map_or_else(|| Target::find(spec, context), Ok)?;
        if is_missing {
            directory::make(context, &spec.path, &attributes)?;
        }
        let directory = directory::open_existing(context, &spec.path)?;
        let git = Git::within(spec, &directory);
        git.succeed("make a checkout of", &["init", "--quiet", "--template="], context)?;
        set_remote(git, spec, context)?;
        target.fetch(git, spec, context)?;
        switch(git, spec, &target, context)?;
        Ok(Vec::new())
    })
    .hiding(commit)
}

fn check_existing<'r>(
    spec: &'r GitSpec,
    action: Action,
    directory: OwnedFd,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let git = Git::within(spec, &directory);
    let Some(current) = current(git, context)? else { return check_new(spec, false, context) };
    if action == Action::Checkout {
        return Ok(Check::UpToDate);
    }
    let target = match find(spec, context)? {
        Ok(target) => target,
        Err(because) => return Ok(Check::Unknown(because)),
    };
    let remote = remote(git, context)?;
    let moves = current != target.commit;
    let mut changes = Vec::new();
    if remote.as_deref() != Some(&spec.repository) {
        changes.push(property("repository", remote, Some(spec.repository.clone())));
    }
    if moves {
        changes.push(property("revision", Some(shorten(&current)), Some(shorten(&target.commit))));
    } else if spec.submodules && !has_submodules(git, context)? {
        changes.push(done("submodules updated"));
    }
    if changes.is_empty() {
        return Ok(Check::UpToDate);
    }
    let predictions = vec![Prediction::Tree(spec.path.clone())];
    Ok(Check::differs(changes, predictions, move |context| {
        let git = Git::within(spec, &directory);
        set_remote(git, spec, context)?;
        if moves && !target.is_there(git, context)? {
            target.fetch(git, spec, context)?;
        }
        if moves {
            switch(git, spec, &target, context)?;
        } else if spec.submodules {
            update_submodules(git, spec, context)?;
        }
        Ok(Vec::new())
    }))
}

/// The commit that the checkout stands on; nothing if it has none yet.
fn current(git: Git<'_>, context: &mut Context<'_>) -> Result<Option<String>, Error> {
    let finished = git.run(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"], context)?;
    match finished.status.code() {
        Some(0) => Ok(finished.output.lines().last().map(|line| line.trim().to_owned())),
        Some(1) => Ok(None),
        _ => Err(git.failed("look at the checkout of", finished)),
    }
}

/// Where the checkout says that it comes from.
fn remote(git: Git<'_>, context: &mut Context<'_>) -> Result<Option<String>, Error> {
    let finished = git.run(&["config", "--get", "remote.origin.url"], context)?;
    match finished.status.code() {
        Some(0) => Ok(finished.output.lines().last().map(|line| line.trim().to_owned())),
        Some(1) => Ok(None),
        _ => Err(git.failed("read the configuration of the checkout of", finished)),
    }
}

fn set_remote(git: Git<'_>, spec: &GitSpec, context: &mut Context<'_>) -> Result<(), Error> {
    for (key, value) in [("url", spec.repository.as_str()), ("fetch", refs::BRANCHES)] {
        let key = format!("remote.origin.{key}");
        git.succeed("set the remote to", &["config", "--replace-all", &key, value], context)?;
    }
    Ok(())
}

/// Puts the files of the commit in place.
fn switch(git: Git<'_>, spec: &GitSpec, target: &Target, context: &mut Context<'_>) -> Result<(), Error> {
    let arguments = ["checkout", "--quiet", "--force", "--detach", &target.commit];
    git.to_the_end().succeed("check out the revision of", &arguments, context)?;
    if spec.submodules { update_submodules(git, spec, context) } else { Ok(()) }
}

/// Whether all submodules are there, at the commits that the checkout names.
fn has_submodules(git: Git<'_>, context: &mut Context<'_>) -> Result<bool, Error> {
    let listed =
        git.succeed("look at the submodules of", &["submodule", "status", "--recursive"], context)?;
    Ok(!listed.starts_with(['-', '+', 'U'])
        && !["\n-", "\n+", "\nU"].iter().any(|sign| listed.contains(sign)))
}

fn update_submodules(git: Git<'_>, spec: &GitSpec, context: &mut Context<'_>) -> Result<(), Error> {
    let what = "update the submodules of";
    git.succeed(what, &["submodule", "--quiet", "sync", "--recursive"], context)?;
    let mut arguments = vec!["submodule", "--quiet", "update", "--init", "--recursive", "--force"];
    let depth = spec.depth.map(|depth| depth.to_string());
    if let Some(depth) = &depth {
        arguments.extend(["--depth", depth]);
    }
    git.to_the_end().succeed(what, &arguments, context)?;
    Ok(())
}

/// The beginning of a commit's hash, which is enough to tell one from another.
fn shorten(commit: &str) -> String {
    commit.chars().take(10).collect()
}
