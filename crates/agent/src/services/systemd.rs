//! systemd, through `systemctl`.

use std::time::Duration;

use engine_protocol::Action;

use super::ServiceError;
use crate::command::{CommandError, Run, Tail};

/// Lines of the service's log in an error message.
const LOG_LINES: &str = "10";

/// What systemd knows of a unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unit {
    /// `loaded`, `not-found`, `masked`, ...
    pub load: String,
    /// `active`, `inactive`, `failed`, `activating`, ...
    pub active: String,
    /// Finer than `active`, for example `auto-restart`.
    pub sub: String,
    /// `enabled`, `disabled`, `static`, ...; empty if there is no unit file.
    pub file: String,
    /// `simple`, `oneshot`, ...
    pub kind: String,
    /// `success` or how the last run of the service failed.
    pub result: String,
    /// Whether the unit's files are newer than what systemd has read.
    pub stale: bool,
}

impl Unit {
    /// Whether it runs or is on its way to.
    pub fn is_running(&self) -> bool {
        match self.active.as_str() {
            "active" | "reloading" | "refreshing" => true,
            "activating" => self.sub != "auto-restart" && self.sub != "auto-restart-queued",
            _ => false,
        }
    }

    /// Whether it starts at boot.
    pub fn is_enabled(&self) -> bool {
        matches!(self.file.as_str(), "enabled" | "alias")
    }

    /// Whether enabling it has a meaning: a static or generated unit starts when others want it.
    pub fn can_be_enabled(&self) -> bool {
        !matches!(self.file.as_str(), "static" | "generated" | "transient")
    }

    /// Whether it has run to its end, as it should.
    fn is_done(&self) -> bool {
        self.kind == "oneshot" && self.active == "inactive" && self.result == "success"
    }

    /// Puts predictions over what is.
    pub fn predict(&mut self, (active, enabled): (Option<bool>, Option<bool>)) {
        if let Some(active) = active {
            (if active { "active" } else { "inactive" }).clone_into(&mut self.active);
        }
        if let Some(enabled) = enabled.filter(|_| self.can_be_enabled()) {
            (if enabled { "enabled" } else { "disabled" }).clone_into(&mut self.file);
        }
    }
}

/// Reads the output of `systemctl show`.
pub fn parse(output: &str) -> Unit {
    let mut unit = Unit::default();
    for (key, value) in output.lines().filter_map(|line| line.split_once('=')) {
        let field = match key {
            "LoadState" => &mut unit.load,
            "ActiveState" => &mut unit.active,
            "SubState" => &mut unit.sub,
            "UnitFileState" => &mut unit.file,
            "Type" => &mut unit.kind,
            "Result" => &mut unit.result,
            "NeedDaemonReload" => {
                unit.stale = value == "yes";
                continue;
            }
            _ => continue,
        };
        value.clone_into(field);
    }
    unit
}

fn unit_name(name: &str) -> String {
    const SUFFIXES: [&str; 5] = [".service", ".socket", ".timer", ".target", ".path"];
    let has_suffix = SUFFIXES.iter().any(|suffix| name.ends_with(suffix));
    if has_suffix { name.to_owned() } else { format!("{name}.service") }
}

/// Asks for a unit's state.
pub fn show(name: &str) -> Result<Unit, ServiceError> {
    let properties = "LoadState,ActiveState,SubState,UnitFileState,Type,Result,NeedDaemonReload";
    let unit = unit_name(name);
    let run = Run::new(["systemctl", "show", "--no-pager", "--property", properties, "--", &unit]);
    let output =
        run.timeout(Duration::from_mins(1)).succeed().map_err(|source| failed(name, source, false))?;
    Ok(parse(&output))
}

/// Does it, and looks whether it holds.
pub fn act(name: &str, action: Action, unit: &Unit) -> Result<(), ServiceError> {
    if unit.stale && !matches!(action, Action::Stop | Action::Disable) {
        let reload = Run::new(["systemctl", "daemon-reload"]);
        reload.succeed().map_err(|source| failed(name, source, false))?;
    }
    let run = Run::new(["systemctl", "--no-ask-password", action.name(), "--", &unit_name(name)]);
    run.succeed().map_err(|source| failed(name, source, true))?;
    if matches!(action, Action::Start | Action::Restart) {
        let now = show(name)?;
        if !now.is_running() && !now.is_done() {
            let state = format!("{} ({})", now.active, now.result);
            return Err(ServiceError::NotRunning { name: name.to_owned(), state, log: log(name) });
        }
    }
    Ok(())
}

fn failed(name: &str, source: CommandError, with_log: bool) -> ServiceError {
    let log = if with_log { log(name) } else { Tail(String::new()) };
    ServiceError::Manager { name: name.to_owned(), source, log }
}

fn log(name: &str) -> Tail {
    let unit = unit_name(name);
    let run = Run::new(["journalctl", "--no-pager", "--quiet", "--lines", LOG_LINES, "--unit", &unit]);
    Tail(run.timeout(Duration::from_secs(20)).succeed().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NGINX: &str = "Type=forking\nResult=success\nLoadState=loaded\nActiveState=active\n\
                         SubState=running\nUnitFileState=enabled\nNeedDaemonReload=no\n";
    const MISSING: &str = "Result=success\nLoadState=not-found\nActiveState=inactive\nSubState=dead\n\
                           UnitFileState=\nNeedDaemonReload=no\n";
    const LOOPING: &str = "Type=simple\nResult=exit-code\nLoadState=loaded\nActiveState=activating\n\
                           SubState=auto-restart\nUnitFileState=static\nNeedDaemonReload=yes\n";

    #[test]
    fn a_running_service_is_running_and_enabled() {
        let unit = parse(NGINX);
        assert!(unit.is_running() && unit.is_enabled() && !unit.stale);
    }

    #[test]
    fn a_missing_service_is_neither() {
        let unit = parse(MISSING);
        assert_eq!(unit.load, "not-found");
        assert!(!unit.is_running() && !unit.is_enabled());
    }

    #[test]
    fn a_service_that_is_restarted_again_and_again_does_not_run() {
        let unit = parse(LOOPING);
        assert!(!unit.is_running() && unit.stale && !unit.can_be_enabled());
    }

    #[test]
    fn names_of_other_units_are_kept() {
        assert_eq!(unit_name("nginx"), "nginx.service");
        assert_eq!(unit_name("ssh.socket"), "ssh.socket");
        assert_eq!(unit_name("php8.2-fpm"), "php8.2-fpm.service");
    }
}
