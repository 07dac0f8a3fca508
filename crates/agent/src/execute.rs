//! The provider of commands.

use std::time::Duration;

use engine_protocol::{Action, Change, Resource, resource::ExecuteSpec};
use rustix::process::geteuid;

use crate::{
    command::{CommandError, Run},
    converge::guards::path_exists,
    overlay::Prediction,
    provider::{Check, Context, Error, done, unsupported},
};

/// Why a command could not be run.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// It failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// There is no program.
    #[error("a command needs at least a program")]
    Empty,
    /// Another user's command.
    #[error(
        "a command can run as user `{user}` only if the agent runs as root; connect as root or with sudo"
    )]
    User {
        /// The user.
        user: String,
    },
    /// A user who does not exist.
    #[error("a command shall run as user `{user}`, who does not exist; declare the user before")]
    NoUser {
        /// The user.
        user: String,
    },
}

/// Checks a command.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r ExecuteSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    if action != Action::Run {
        return Err(unsupported(resource, action));
    }
    if spec.argv.is_empty() {
        return Err(ExecuteError::Empty.into());
    }
    if let Some(path) = &spec.creates {
        match path_exists(path, context) {
            Ok(true) => return Ok(Check::Skipped(format!("`{path}` exists"))),
            Ok(false) => {}
            Err(because) => return Ok(Check::Unknown(because)),
        }
    }
    let predictions = vec![Prediction::Anything];
    Ok(Check::differs(vec![done("ran")], predictions, move |context| {
        let output = prepare(spec, context)?.expect(&returns(spec)).map_err(ExecuteError::from)?;
        Ok(if output.is_empty() { Vec::new() } else { vec![Change::Output { text: output }] })
    }))
}

fn returns(spec: &ExecuteSpec) -> Vec<i32> {
    if spec.returns.is_empty() { vec![0] } else { spec.returns.clone() }
}

fn prepare(spec: &ExecuteSpec, context: &mut Context<'_>) -> Result<Run, ExecuteError> {
    let me = geteuid().as_raw();
    let mut argv = spec.argv.clone();
    let account = match &spec.user {
        Some(name) => {
            let user = context.node.accounts().user(name);
            let user = user.ok_or_else(|| ExecuteError::NoUser { user: name.clone() })?;
            if user.uid != me {
                if me != 0 {
                    return Err(ExecuteError::User { user: name.clone() });
                }
                argv.splice(0..0, ["runuser", "-u", &user.name, "--"].map(ToOwned::to_owned));
            }
            Some(user)
        }
        None => context.node.accounts().user_name(me).and_then(|name| context.node.accounts().user(&name)),
    };
    let seconds = if spec.timeout_seconds == 0 { 3600 } else { spec.timeout_seconds };
    let mut run = Run::new(argv).timeout(Duration::from_secs(seconds.into()));
    if let Some(user) = account {
        run = run.env("HOME", &user.home).env("USER", &user.name).env("LOGNAME", &user.name);
    }
    run = run.cwd(spec.cwd.as_deref().unwrap_or("/"));
    Ok(spec.environment.iter().fold(run, |run, (name, value)| run.env(name, value)))
}
