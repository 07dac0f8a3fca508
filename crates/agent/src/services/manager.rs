//! The service managers: how each is asked, told, and foreseen in a plan.

use engine_protocol::{Action, Mode};

use super::{
    ServiceError, openrc, script,
    seen::Seen,
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
    /// System V init.
    SysVInit,
    /// OpenRC.
    OpenRc,
}

impl Manager {
    /// The node's.
    pub fn of(node: &Node, name: &str) -> Result<Self, ServiceError> {
        match node.facts.init_system.as_str() {
            "systemd" => Ok(Self::Systemd),
            "sysvinit" => Ok(Self::SysVInit),
            "openrc" => Ok(Self::OpenRc),
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
            Self::SysVInit | Self::OpenRc => {
                if planning {
                    foresee_script(name, &mut state, context)?;
                }
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
            Self::Systemd => read_units(name, &mut node.services),
            Self::SysVInit => node.services.keep([(name.to_owned(), sysvinit::read(name)?)]),
            Self::OpenRc => node.services.keep([(name.to_owned(), openrc::read(name)?)]),
        }
        match node.services.get(name) {
            Some(state) => Ok(state.clone()),
            // Asked for alone it says what is wrong.
            None => Ok(systemd::show(name)?.state()),
        }
    }

    /// Refuses what cannot be done, whatever the service's state.
    pub fn refuse(self, name: &str, action: Action, context: &mut Context<'_>) -> Result<(), Error> {
        let owned = || name.to_owned();
        match (self, action) {
            (Self::Systemd, Action::Mask) => {
                let path = format!("{}/{}", unit_file::OWN, systemd::unit_name(name));
                match managed::look(context, &path)? {
                    Path::Absent | Path::NoParent(_) => Ok(()),
                    _ => Err(ServiceError::InTheWay { name: owned(), path }.into()),
                }
            }
            (Self::SysVInit | Self::OpenRc, Action::Mask) => {
                Err(ServiceError::CannotMask { name: owned(), init: self.name() }.into())
            }
            (Self::SysVInit, Action::Enable) if sysvinit::has_update_rc() => {
                match sysvinit::text(name, context)? {
                    Some(text) if !script::has_runlevels(&text) => {
                        Err(ServiceError::NoRunlevels { name: owned(), path: sysvinit::path(name) }.into())
                    }
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// As in the facts of the node.
    fn name(self) -> &'static str {
        match self {
            Self::Systemd => "systemd",
            Self::SysVInit => "sysvinit",
            Self::OpenRc => "openrc",
        }
    }

    /// Does it, and looks whether it holds.
    pub fn act(self, name: &str, action: Action, state: &State) -> Result<(), ServiceError> {
        match self {
            Self::Systemd => systemd::act(name, action, state),
            Self::SysVInit => sysvinit::act(name, action),
            Self::OpenRc => openrc::act(name, action, state),
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

/// Asks systemd for this service and for those that will be asked for.
fn read_units(name: &str, seen: &mut Seen) {
    let asked = seen.expected().filter(|other| super::is_name(other)).chain([name]);
    let asked: Vec<(String, String)> =
        asked.map(|name| (name.to_owned(), systemd::unit_name(name))).collect();
    let units: Vec<&str> = asked.iter().map(|(_, unit)| unit.as_str()).collect();
    let found = systemd::show_all(&units);
    seen.keep(asked.into_iter().filter_map(|(name, unit)| Some((name, found.get(&unit)?.state()))));
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
    let unread = !state.exists && state.mask.is_none() && sysvinit::text(name, context)?.is_some();
    if unread {
        (state.exists, state.stale, state.can_reload) = (true, true, true);
    }
    if unread || state.from_script {
        state.can_be_enabled = true;
        state.enabled = sysvinit::links::is_enabled(name);
    }
    Ok(())
}

/// What earlier resources would have made of an init script.
fn foresee_script(name: &str, state: &mut State, context: &mut Context<'_>) -> Result<(), Error> {
    if context.overlay.path(&sysvinit::path(name)).is_some() {
        let text = sysvinit::text(name, context)?;
        let said = text.as_deref().map(sysvinit::of_text).unwrap_or_default();
        (state.exists, state.can_be_enabled) = (said.exists, said.can_be_enabled);
        state.can_reload = said.can_reload;
    }
    Ok(())
}
