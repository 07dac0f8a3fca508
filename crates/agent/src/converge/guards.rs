//! Conditions on resources.

use std::{
    fs,
    time::{Duration, Instant},
};

use engine_protocol::{Mode, Resource, resource::Guard};

use crate::{
    accounts,
    command::{CommandError, Run},
    files::state::State,
    network::{self, patience::Patience},
    packages,
    provider::{Context, Error},
    services,
};

/// How long a guard may take.
pub const TIMEOUT: Duration = Duration::from_mins(1);

/// What guards say of a resource.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Go,
    /// This one says no.
    Skip(String),
    /// It depends on a change that this resource would make; plan mode only.
    Unknown(String),
    /// One could not be evaluated.
    Failed(String),
    /// It was time to stop before one ended.
    Stopped,
}

/// Evaluates all guards of a resource; the first that decides does. Their commands are run in a plan too.
pub fn evaluate(resource: &Resource, context: &mut Context<'_>) -> Verdict {
    let only_if = resource.common.only_if.iter().map(|guard| (guard, true));
    let not_if = resource.common.not_if.iter().map(|guard| (guard, false));
    let mut unknown = None;
    for (guard, wanted) in only_if.chain(not_if) {
        let shown = if resource.common.sensitive { "a guard".to_owned() } else { guard.to_string() };
        match holds(guard, context) {
            Ok(holds) if holds == wanted => {}
            Ok(_) if wanted => return Verdict::Skip(format!("only if {shown}")),
            Ok(_) => return Verdict::Skip(format!("not if {shown}")),
            Err(Undecided::Stopped) => return Verdict::Stopped,
            Err(Undecided::Unknown(because)) => unknown = Some(because),
            Err(Undecided::Failed(error)) if resource.common.sensitive => {
                drop(error);
                return Verdict::Failed("a guard of a sensitive resource cannot be evaluated".to_owned());
            }
            Err(Undecided::Failed(error)) => {
                return Verdict::Failed(format!("the guard {shown} cannot be evaluated: {error}"));
            }
        }
    }
    unknown.map_or(Verdict::Go, Verdict::Unknown)
}

enum Undecided {
    Unknown(String),
    Failed(String),
    Stopped,
}

fn holds(guard: &Guard, context: &mut Context<'_>) -> Result<bool, Undecided> {
    let first_change = match context.mode {
        Mode::Plan => context.overlay.first_change().map(ToOwned::to_owned),
        Mode::Apply => None,
    };
    match guard {
        Guard::PathExists { path } => path_exists(path, context).map_err(Undecided::Unknown),
        Guard::PackageInstalled { name } => {
            let installed = packages::is_installed(name, context).map_err(failed)?;
            unless_brought(installed, context)
        }
        Guard::UserExists { name } => {
            let exists = accounts::user_exists(name, context);
            unless_brought(exists, context)
        }
        Guard::GroupExists { name } => {
            let exists = accounts::group_exists(name, context);
            unless_brought(exists, context)
        }
        Guard::ServiceRunning { name } => {
            services::is_running(name, context).map_err(failed)?.map_err(Undecided::Unknown)
        }
        Guard::ServiceEnabled { name } => {
            services::is_enabled(name, context).map_err(failed)?.map_err(Undecided::Unknown)
        }
        // What these see may be different once something changed.
        Guard::Command { .. } | Guard::PortOpen { .. } | Guard::UrlAnswers { .. }
            if first_change.is_some() =>
        {
            Err(Undecided::Unknown(first_change.unwrap_or_default()))
        }
        Guard::PortOpen { address } => {
            let seen =
                network::port_open(address, patience(context)).map_err(|error| failed(error.into()))?;
            Ok(seen.is_ok())
        }
        Guard::UrlAnswers { url } => {
            let seen =
                network::url_answers(url, &[], patience(context)).map_err(|error| failed(error.into()))?;
            Ok(seen.is_ok())
        }
        Guard::Command { argv } => {
            match Run::new(argv).cwd("/").timeout(TIMEOUT).finish_unless(context.stopping) {
                Ok(finished) => Ok(finished.status.success()),
                Err(CommandError::Stopped { .. }) => Err(Undecided::Stopped),
                Err(error) => Err(Undecided::Failed(error.to_string())),
            }
        }
    }
}

fn patience<'a>(context: &Context<'a>) -> Patience<'a> {
    Patience::new(context.stopping, Instant::now() + TIMEOUT)
}

fn failed(error: Error) -> Undecided {
    match error {
        Error::Stopped => Undecided::Stopped,
        error => Undecided::Failed(error.to_string()),
    }
}

/// A package or command before may bring what is not there.
fn unless_brought(there: bool, context: &Context<'_>) -> Result<bool, Undecided> {
    match context.opaque() {
        Some(because) if !there => Err(Undecided::Unknown(because)),
        _ => Ok(there),
    }
}

/// Whether something is at a path, a dangling link included; in plan mode as earlier resources would
/// leave it, with the one that makes it unforeseeable as the error.
pub fn path_exists(path: &str, context: &Context<'_>) -> Result<bool, String> {
    if context.mode == Mode::Plan {
        if context.overlay.is_created(path) {
            return Ok(true);
        }
        if let Some(because) = context.overlay.tree_above(path) {
            return Err(because.to_owned());
        }
        match context.overlay.path(path) {
            Some(State::Absent | State::NoParent(_) | State::Blocked { .. }) => {
                return context.opaque().map_or(Ok(false), Err);
            }
            Some(_) => return Ok(true),
            None => {}
        }
        let exists = fs::symlink_metadata(path).is_ok();
        return match context.opaque() {
            Some(because) if !exists => Err(because),
            _ => Ok(exists),
        };
    }
    Ok(fs::symlink_metadata(path).is_ok())
}
