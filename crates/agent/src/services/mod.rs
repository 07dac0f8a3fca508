//! Services.

use engine_protocol::{Action, Mode, Resource, resource::ServiceSpec};

use crate::{
    command::{CommandError, Tail},
    files::FileError,
    provider::{Check, Context, Error, done, unsupported},
};

pub mod manager;
pub mod openrc;
pub mod processes;
pub mod script;
pub mod seen;
pub mod state;
pub mod systemd;
pub mod sysvinit;
pub mod unit;
pub mod unit_file;
pub mod verify;

use manager::Manager;

/// Why a service could not be checked or applied.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// A name that the tools would misread.
    #[error("`{name}` is no name for a service")]
    Name {
        /// The name.
        name: String,
    },
    /// A template of systemd.
    #[error("`{name}` is a template, which only its instances make a service; name one, such as `{}`", instance(.name))]
    Template {
        /// The template.
        name: String,
    },
    /// No provider for what runs as process 1.
    #[error(
        "service `{name}` cannot be managed: the init system is `{init}`, which is none of systemd, sysvinit and openrc"
    )]
    NoManager {
        /// The service.
        name: String,
        /// What runs as process 1.
        init: String,
    },
    /// A unit where there is no systemd.
    #[error("unit `{name}` needs systemd, and the init system is `{init}`")]
    NeedsSystemd {
        /// The unit.
        name: String,
        /// What runs as process 1.
        init: String,
    },
    /// It cannot be written to be verified.
    #[error("unit `{name}` cannot be written below `/run` to be verified: {source}")]
    Draft {
        /// The unit.
        name: String,
        /// Why.
        source: std::io::Error,
    },
    /// There is nothing to verify it with.
    #[error(
        "unit `{name}` cannot be verified: the program `systemd-analyze` is missing; install it or set `verify` to false"
    )]
    NoVerify {
        /// The unit.
        name: String,
    },
    /// `systemd-analyze verify` says no.
    #[error("unit `{name}` is refused by `systemd-analyze verify`{output}")]
    Refused {
        /// The unit.
        name: String,
        /// What it says.
        output: Tail,
    },
    /// There is no such service.
    #[error("service `{name}` does not exist; install the package or write the unit file before")]
    NotFound {
        /// The service.
        name: String,
    },
    /// It is masked.
    #[error("service `{name}` is masked; use the action `unmask` before if that is not meant")]
    Masked {
        /// The service.
        name: String,
    },
    /// What would be masked has a unit file of the operator's in the mask's place.
    #[error(
        "service `{name}` cannot be masked: its unit file is `{path}`, where the mask would be; delete that instead"
    )]
    InTheWay {
        /// The service.
        name: String,
        /// The unit file.
        path: String,
    },
    /// Only systemd can do that.
    #[error(
        "service `{name}` cannot be masked: the init system is `{init}`, and only systemd can; use `stop` and `disable`"
    )]
    CannotMask {
        /// The service.
        name: String,
        /// What runs as process 1.
        init: &'static str,
    },
    /// An init script that starts in no runlevel.
    #[error(
        "service `{name}` cannot be enabled: the header of `{path}` has no runlevel after `Default-Start:`"
    )]
    NoRunlevels {
        /// The service.
        name: String,
        /// Its script.
        path: String,
    },
    /// It cannot read its configuration while it runs.
    #[error("service `{name}` cannot be reloaded: it has no such command; use `restart`")]
    CannotReload {
        /// The service.
        name: String,
    },
    /// A file of the service.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its manager refused, or cannot be asked.
    #[error("service `{name}` cannot be managed: {source}{log}")]
    Manager {
        /// The service.
        name: String,
        /// What the manager says.
        source: CommandError,
        /// The last lines of the service's log.
        log: Tail,
    },
    /// It was started and does not run.
    #[error("service `{name}` was started but is {state}{log}")]
    NotRunning {
        /// The service.
        name: String,
        /// Its state.
        state: String,
        /// The last lines of the service's log.
        log: Tail,
    },
    /// It was stopped and runs.
    #[error("service `{name}` was stopped but still runs{log}")]
    NotStopped {
        /// The service.
        name: String,
        /// What its script printed.
        log: Tail,
    },
}

impl ServiceError {
    /// Whether the message may quote what a sensitive resource hides.
    pub fn may_quote(&self) -> bool {
        match self {
            ServiceError::Name { .. }
            | ServiceError::Template { .. }
            | ServiceError::NoManager { .. }
            | ServiceError::NeedsSystemd { .. }
            | ServiceError::Draft { .. }
            | ServiceError::NoVerify { .. }
            | ServiceError::NotFound { .. }
            | ServiceError::Masked { .. }
            | ServiceError::InTheWay { .. }
            | ServiceError::CannotMask { .. }
            | ServiceError::NoRunlevels { .. }
            | ServiceError::CannotReload { .. } => false,
            ServiceError::File(error) => error.may_quote(),
            ServiceError::Refused { .. }
            | ServiceError::Manager { .. }
            | ServiceError::NotRunning { .. }
            | ServiceError::NotStopped { .. } => true,
        }
    }
}

/// An instance of a template, for messages.
fn instance(template: &str) -> String {
    template.replacen('@', "@1", 1)
}

/// Whether a service runs, or would by what comes before; else what makes that unforeseeable.
pub fn is_running(name: &str, context: &mut Context<'_>) -> Result<Result<bool, String>, Error> {
    let state = Manager::of(context.node, name)?.look(name, context)?;
    let foreseen = context.overlay.service(&state.id).0.is_some();
    Ok(known(state.is_running(), foreseen, context))
}

/// Whether a service starts at boot, or would by what comes before; else what makes that unforeseeable.
pub fn is_enabled(name: &str, context: &mut Context<'_>) -> Result<Result<bool, String>, Error> {
    let state = Manager::of(context.node, name)?.look(name, context)?;
    let foreseen = context.overlay.service(&state.id).1.is_some();
    Ok(known(state.enabled, foreseen, context))
}

/// A package or command before may start and enable what does not run.
fn known(holds: bool, foreseen: bool, context: &Context<'_>) -> Result<bool, String> {
    match context.opaque() {
        Some(because) if !holds && !foreseen => Err(because),
        _ => Ok(holds),
    }
}

/// Whether no tool can take it for something else.
fn is_name(name: &str) -> bool {
    let odd = |c: char| !(c.is_ascii_alphanumeric() || ":-_.\\@".contains(c));
    !(name.is_empty() || name.starts_with(['-', '.']) || name.contains(odd))
}

/// Checks a service.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r ServiceSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    check_action(resource, &spec.name, action, context)
}

/// Checks what services and units have in common: whether they run and when they start.
fn check_action<'r>(
    resource: &'r Resource,
    name: &'r str,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let word = word(action).ok_or_else(|| unsupported(resource, action))?;
    if !is_name(name) {
        return Err(ServiceError::Name { name: name.to_owned() }.into());
    }
    let manager = Manager::of(context.node, name)?;
    let state = manager.look(name, context)?;
    let unborn = context.mode == Mode::Plan && !state.exists && state.mask.is_none();
    if unborn && let Some(because) = context.overlay.may_bring_service() {
        // What brings the service may start and enable it as well; that it is wanted is certain. Whether there will
        // be something to undo is not.
        match action {
            Action::Start if state.is_running() => return Ok(Check::UpToDate),
            Action::Enable if state.enabled => return Ok(Check::UpToDate),
            Action::Stop if state.is_running() => {}
            Action::Disable if state.enabled => {}
            Action::Stop | Action::Disable | Action::Reload => return Ok(Check::Unknown(because.to_owned())),
            _ => {}
        }
    } else if state.is_up_to_date(name, action)? {
        return Ok(Check::UpToDate);
    }
    manager.refuse(name, action, context)?;
    let prediction = manager.predict(name, action, &state);
    Ok(Check::differs(vec![done(word)], vec![prediction], move |_| {
        manager.act(name, action, &state)?;
        Ok(Vec::new())
    }))
}

/// What an action leaves, in a word.
fn word(action: Action) -> Option<&'static str> {
    Some(match action {
        Action::Start => "started",
        Action::Stop => "stopped",
        Action::Restart => "restarted",
        Action::Reload => "reloaded",
        Action::Enable => "enabled",
        Action::Disable => "disabled",
        Action::Mask => "masked",
        Action::Unmask => "unmasked",
        _ => return None,
    })
}
