//! Conditions on resources.

use std::{fs, time::Duration};

use engine_protocol::{Mode, Resource, resource::Guard};

use crate::{
    command::{CommandError, Run},
    files::state::State,
    provider::Context,
};

/// How long a guard's command may take.
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
    match guard {
        Guard::PathExists { path } => path_exists(path, context).map_err(Undecided::Unknown),
        Guard::Command { argv } => {
            if context.mode == Mode::Plan
                && let Some(first) = context.overlay.first_change()
            {
                return Err(Undecided::Unknown(first.to_owned()));
            }
            match Run::new(argv).cwd("/").timeout(TIMEOUT).finish_unless(context.stopping) {
                Ok(finished) => Ok(finished.status.success()),
                Err(CommandError::Stopped { .. }) => Err(Undecided::Stopped),
                Err(error) => Err(Undecided::Failed(error.to_string())),
            }
        }
    }
}

/// Whether something is at a path, a dangling link included; in plan mode as earlier resources would
/// leave it, with the one that makes it unforeseeable as the error.
pub fn path_exists(path: &str, context: &Context<'_>) -> Result<bool, String> {
    if context.mode == Mode::Plan {
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
