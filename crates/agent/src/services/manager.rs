//! The service managers: how each is asked, told, and foreseen in a plan.

use std::collections::HashMap;

use engine_protocol::{Action, Mode};

use super::{
    ServiceError,
    state::{Activity, State},
    systemd, sysvinit,
    unit_file::{self, UnitFile},
};
use crate::{
    files::{managed, state::State as Path},
    node::Node,
    overlay::Prediction,
    provider::{Context, Error},
};

/// What starts and stops services on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manager {
    /// systemd.
    Systemd,
}

impl Manager {
    /// The node's.
    pub fn of(node: &Node, name: &str) -> Result<Self, ServiceError> {
        match node.facts.init_system.as_str() {
            "systemd" => Ok(Self::Systemd),
            init => Err(ServiceError::NoManager { name: name.to_owned(), init: init.to_owned() }),
        }
    }

    /// What is known of a service; in a plan, as earlier resources would leave it.
    pub fn look(self, name: &str, context: &mut Context<'_>) -> Result<State, Error> {
        let mut state = self.read(name, context.node)?;
        let planning = context.mode == Mode::Plan;
        match self {
            Self::Systemd => {
                if planning {
                    foresee_unit(name, &mut state, context)?;
                }
                of_script(name, &mut state, context)?;
            }
        }
        if planning {
            let (active, enabled) = context.overlay.service(&state.id);
            if let Some(active) = active {
                state.activity = if active { Activity::Running } else { Activity::Stopped };
            }
            state.enabled = enabled.unwrap_or(state.enabled);
        }
        Ok(state)
    }

    /// What is known of a service now. The others of the batch are asked for with the first.
    fn read(self, name: &str, node: &mut Node) -> Result<State, ServiceError> {
        if let Some(state) = node.services.get(name) {
            return Ok(state.clone());
        }
        match self {
            Self::Systemd => {
                let asked: Vec<&str> =
                    node.services.expected().filter(|other| super::is_name(other)).chain([name]).collect();
                let units: Vec<String> = asked.iter().map(|name| systemd::unit_name(name)).collect();
                let found = systemd::show_all(&units);
                let states: HashMap<String, State> = asked
                    .into_iter()
                    .zip(&units)
                    .filter_map(|(name, unit)| Some((name.to_owned(), found.get(unit)?.state())))
                    .collect();
                node.services.keep(states);
                match node.services.get(name) {
                    Some(state) => Ok(state.clone()),
                    // Asked for alone it says what is wrong.
                    None => Ok(systemd::show(name)?.state()),
                }
            }
        }
    }

    /// Whether a mask can be put where it has to be.
    pub fn check_mask(self, name: &str, context: &mut Context<'_>) -> Result<(), ServiceError> {
        match self {
            Self::Systemd => {
                let path = format!("{}/{}", unit_file::OWN, systemd::unit_name(name));
                match managed::look(context, &path)? {
                    Path::Absent | Path::NoParent(_) => Ok(()),
                    _ => Err(ServiceError::InTheWay { name: name.to_owned(), path }),
                }
            }
        }
    }

    /// Does it, and looks whether it holds.
    pub fn act(self, name: &str, action: Action, state: &State) -> Result<(), ServiceError> {
        match self {
            Self::Systemd => systemd::act(name, action, state),
        }
    }

    /// What the node would be like after an action.
    pub fn predict(self, name: &str, action: Action, state: &State) -> Prediction {
        let service = |active, enabled| Prediction::Service { name: state.id.clone(), active, enabled };
        let own = || format!("{}/{}", unit_file::OWN, systemd::unit_name(name));
        match action {
            Action::Start | Action::Restart => service(Some(true), None),
            Action::Stop => service(Some(false), None),
            Action::Enable => service(None, Some(true)),
            Action::Disable => service(None, Some(false)),
            Action::Mask => Prediction::Path(own(), Path::Link("/dev/null".to_owned())),
            Action::Unmask => Prediction::Path(state.mask.clone().unwrap_or_else(own), Path::Absent),
            _ => service(None, None),
        }
    }
}

/// What earlier resources would have made of a unit's file.
fn foresee_unit(name: &str, state: &mut State, context: &mut Context<'_>) -> Result<(), Error> {
    let unit = systemd::unit_name(name);
    match unit_file::foreseen(&unit, context)? {
        None => {}
        Some(UnitFile::Text(text)) => {
            if !state.exists {
                state.enabled = unit_file::is_wanted(&unit);
            }
            (state.exists, state.mask, state.can_reload, state.from_script) = (true, None, true, false);
            state.can_be_enabled = unit_file::can_be_enabled(&text);
        }
        Some(UnitFile::Mask(link)) => (state.exists, state.mask, state.enabled) = (false, Some(link), false),
        Some(UnitFile::Missing) => (state.exists, state.mask, state.enabled) = (false, None, false),
    }
    Ok(())
}

/// Whether an init script starts at boot systemd does not say, and of one that is new it does not know.
fn of_script(name: &str, state: &mut State, context: &mut Context<'_>) -> Result<(), Error> {
    let name = name.trim_end_matches(".service");
    let unread = !state.exists && state.mask.is_none() && sysvinit::has_script(name, context)?;
    if unread {
        (state.exists, state.stale, state.can_reload) = (true, true, true);
    }
    if unread || state.from_script {
        state.can_be_enabled = true;
        state.enabled = sysvinit::links::is_enabled(name);
    }
    Ok(())
}
