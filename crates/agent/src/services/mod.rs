//! Services.

use engine_protocol::{Action, Mode, Resource, resource::ServiceSpec};

use crate::{
    command::CommandError,
    overlay::Prediction,
    provider::{Check, Context, Error, done, unsupported},
};

pub mod systemd;
pub mod unit;

use systemd::Unit;

/// Why a service could not be checked or applied.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// A name that the tools would misread.
    #[error("`{name}` is no name for a service")]
    Name {
        /// The name.
        name: String,
    },
    /// No provider for what runs as process 1.
    #[error("service `{name}` cannot be managed: the init system is `{init}`, and only systemd is supported")]
    NoManager {
        /// The service.
        name: String,
        /// What runs as process 1.
        init: String,
    },
    /// There is no such service.
    #[error("service `{name}` does not exist; install the package or write the unit file before")]
    NotFound {
        /// The service.
        name: String,
    },
    /// It is masked.
    #[error("service `{name}` is masked; run `systemctl unmask {name}` if that is not meant")]
    Masked {
        /// The service.
        name: String,
    },
    /// Its manager refused, or cannot be asked.
    #[error("service `{name}` cannot be managed: {source}{log}")]
    Manager {
        /// The service.
        name: String,
        /// What the manager says.
        source: CommandError,
        /// The last lines of the service's log.
        log: crate::command::Tail,
    },
    /// It was started and does not run.
    #[error("service `{name}` was started but is {state}{log}")]
    NotRunning {
        /// The service.
        name: String,
        /// Its state.
        state: String,
        /// The last lines of the service's log.
        log: crate::command::Tail,
    },
}

/// Whether a service runs, or would by what comes before.
pub fn is_running(name: &str, context: &mut Context<'_>) -> Result<bool, Error> {
    if context.mode == Mode::Plan
        && let (Some(active), _) = context.overlay.service(name)
    {
        return Ok(active);
    }
    Ok(systemd::show(name)?.is_running())
}

/// Whether a service starts at boot, or would by what comes before.
pub fn is_enabled(name: &str, context: &mut Context<'_>) -> Result<bool, Error> {
    if context.mode == Mode::Plan
        && let (_, Some(enabled)) = context.overlay.service(name)
    {
        return Ok(enabled);
    }
    Ok(systemd::show(name)?.is_enabled())
}

/// Checks a service.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r ServiceSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let name = &spec.name;
    let odd = |c: char| !(c.is_ascii_alphanumeric() || ":-_.\\@".contains(c));
    if name.is_empty() || name.starts_with(['-', '.']) || name.contains(odd) {
        return Err(ServiceError::Name { name: name.clone() }.into());
    }
    let word = match action {
        Action::Start => "started",
        Action::Stop => "stopped",
        Action::Restart => "restarted",
        Action::Reload => "reloaded",
        Action::Enable => "enabled",
        Action::Disable => "disabled",
        _ => return Err(unsupported(resource, action)),
    };
    let (active, enabled) = match action {
        Action::Start | Action::Restart => (Some(true), None),
        Action::Stop => (Some(false), None),
        Action::Enable => (None, Some(true)),
        Action::Disable => (None, Some(false)),
        _ => (None, None),
    };
    let planning = context.mode == Mode::Plan;
    if context.node.facts.init_system != "systemd" {
        let init = context.node.facts.init_system.clone();
        return Err(ServiceError::NoManager { name: name.clone(), init }.into());
    }
    let mut unit = systemd::show(name)?;
    let unborn = planning && unit.load == "not-found" && context.overlay.may_bring_service().is_some();
    if planning {
        unit.predict(context.overlay.service(name));
    }
    let prediction = Prediction::Service { name: name.clone(), active, enabled };
    let differs = |unit: Unit| {
        Check::differs(vec![done(word)], vec![prediction], move |_| {
            systemd::act(name, action, &unit)?;
            Ok(Vec::new())
        })
    };
    if unborn {
        // What brings the service may start and enable it as well; that it is wanted is certain.
        let (known_active, known_enabled) = context.overlay.service(name);
        let known = (active.is_some() && active == known_active && action != Action::Restart)
            || (enabled.is_some() && enabled == known_enabled);
        return Ok(if known { Check::UpToDate } else { differs(unit) });
    }
    let missing = unit.load == "not-found";
    let up_to_date = match action {
        Action::Stop => missing || !unit.is_running(),
        Action::Disable => missing || !unit.is_enabled(),
        _ if missing => return Err(ServiceError::NotFound { name: name.clone() }.into()),
        _ if unit.load == "masked" => return Err(ServiceError::Masked { name: name.clone() }.into()),
        Action::Start => unit.is_running(),
        Action::Enable => unit.is_enabled() || !unit.can_be_enabled(),
        // As in Chef: what does not run reads its configuration when it starts.
        Action::Reload => !unit.is_running(),
        _ => false,
    };
    Ok(if up_to_date { Check::UpToDate } else { differs(unit) })
}
