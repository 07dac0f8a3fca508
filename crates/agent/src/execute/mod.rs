//! Commands and scripts that a recipe wants to run.

use std::time::Duration;

use engine_protocol::{
    Action, Change, FromAgent, Resource,
    resource::{ExecuteSpec, ProcessSpec},
};
use rustix::process::geteuid;

use crate::{
    command::{CommandError, Run},
    converge::guards::path_exists,
    overlay::Prediction,
    provider::{Check, Context, Error, done, unsupported},
};

pub mod script;

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
    #[error("a command can run as `{user}` only if the agent runs as root; connect as root or with sudo")]
    User {
        /// The user or group.
        user: String,
    },
    /// A user who does not exist.
    #[error("a command shall run as user `{user}`, who does not exist; declare the user before")]
    NoUser {
        /// The user.
        user: String,
    },
    /// The script's text cannot be given to the interpreter.
    #[error("the script cannot be put at {path}: {source}")]
    Script {
        /// Where it should be.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
}

impl ExecuteError {
    /// Whether the message may quote what a sensitive resource hides.
    pub fn may_quote(&self) -> bool {
        match self {
            ExecuteError::Empty
            | ExecuteError::User { .. }
            | ExecuteError::NoUser { .. }
            | ExecuteError::Script { .. } => false,
            ExecuteError::Command(_) => true,
        }
    }
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
    Ok(check_process(&spec.process, context, move |context| {
        Ok(run(resource, &spec.argv, &spec.process, context)?)
    }))
}

/// Looks whether the process has to run at all.
fn check_process<'r>(
    process: &'r ProcessSpec,
    context: &mut Context<'_>,
    run: impl FnOnce(&mut Context<'_>) -> Result<Vec<Change>, Error> + 'r,
) -> Check<'r> {
    if let Some(path) = &process.creates {
        match path_exists(path, context) {
            Ok(true) => return Check::Skipped(format!("`{path}` exists")),
            Ok(false) => {}
            Err(because) => return Check::Unknown(because),
        }
    }
    let mut predictions = vec![Prediction::Anything];
    predictions.extend(process.creates.clone().map(Prediction::Created));
    Check::differs(vec![done("ran")], predictions, run)
}

/// Runs it to its end; its output comes back, and while it runs if that is wanted.
fn run(
    resource: &Resource,
    argv: &[String],
    process: &ProcessSpec,
    context: &mut Context<'_>,
) -> Result<Vec<Change>, ExecuteError> {
    let run = prepare(argv, process, context)?;
    let returns = if process.returns.is_empty() { &[0][..] } else { &process.returns };
    let output = if process.live_stream && !resource.common.sensitive {
        let reporter = &mut *context.reporter;
        run.expect_live(returns, &mut |text| {
            reporter.send(&FromAgent::Output { resource: resource.id, text });
            reporter.flush();
        })?
    } else {
        run.expect(returns)?
    };
    Ok(if output.is_empty() { Vec::new() } else { vec![Change::Output { text: output }] })
}

fn prepare(argv: &[String], process: &ProcessSpec, context: &mut Context<'_>) -> Result<Run, ExecuteError> {
    let run = run_as(argv.to_vec(), process.user.as_deref(), process.group.as_deref(), context)?;
    let run = run.cwd(process.cwd.as_deref().unwrap_or("/"));
    Ok(process.environment.iter().fold(run, |run, (name, value)| run.env(name, value)))
}

/// A command as a user and a group, by default the agent's own. Only the try's own limit counts.
pub fn run_as(
    mut argv: Vec<String>,
    user: Option<&str>,
    group: Option<&str>,
    context: &mut Context<'_>,
) -> Result<Run, ExecuteError> {
    let me = geteuid().as_raw();
    let account = match user {
        Some(name) => {
            let user = context.node.accounts().user(name);
            Some(user.ok_or_else(|| ExecuteError::NoUser { user: name.to_owned() })?)
        }
        None => context.node.accounts().user_name(me).and_then(|name| context.node.accounts().user(&name)),
    };
    let other_user = account.as_ref().filter(|user| user.uid != me);
    if other_user.is_some() || group.is_some() {
        let mut runuser = vec!["runuser".to_owned()];
        if let Some(user) = &account {
            runuser.extend(["-u".to_owned(), user.name.clone()]);
        }
        if let Some(group) = group {
            runuser.extend(["-g".to_owned(), group.to_owned()]);
        }
        if me != 0 {
            let user = user.or(group).unwrap_or_default().to_owned();
            return Err(ExecuteError::User { user });
        }
        runuser.push("--".to_owned());
        argv.splice(0..0, runuser);
    }
    let run = Run::new(argv).timeout(Duration::MAX);
    Ok(match account {
        Some(user) => run.env("HOME", &user.home).env("USER", &user.name).env("LOGNAME", &user.name),
        None => run,
    })
}
