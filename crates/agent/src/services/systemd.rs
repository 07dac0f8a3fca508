//! systemd, through `systemctl`.

use std::{collections::HashMap, time::Duration};

use engine_protocol::Action;

use super::{
    ServiceError,
    state::{Activity, State},
};
use crate::command::{CommandError, Run, Tail};

/// Lines of the service's log in an error message.
const LOG_LINES: &str = "10";

/// What is asked of a unit.
const PROPERTIES: &str = "Id,Names,LoadState,ActiveState,SubState,UnitFileState,FragmentPath,Type,Result,CanReload,NeedDaemonReload";

/// The kinds of units, by the end of their name.
const KINDS: [&str; 11] = [
    ".service",
    ".socket",
    ".timer",
    ".target",
    ".path",
    ".mount",
    ".automount",
    ".swap",
    ".slice",
    ".scope",
    ".device",
];

/// What systemd knows of a unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unit {
    /// The name that it was given.
    pub id: String,
    /// All its names.
    pub names: Vec<String>,
    /// `loaded`, `not-found`, `masked`, ...
    pub load: String,
    /// `active`, `inactive`, `failed`, `activating`, ...
    pub active: String,
    /// Finer than `active`, for example `auto-restart`.
    pub sub: String,
    /// `enabled`, `disabled`, `static`, ...; empty if there is no unit file.
    pub file: String,
    /// Path of the unit file; empty if there is none.
    pub fragment: String,
    /// `simple`, `oneshot`, ...
    pub kind: String,
    /// `success` or how the last run of the service failed.
    pub result: String,
    /// Whether it can reload.
    pub can_reload: bool,
    /// Whether the unit's files are newer than what systemd has read.
    pub stale: bool,
}

impl Unit {
    /// The same in words that fit every service manager.
    pub fn state(&self) -> State {
        let masked = self.load == "masked" || self.file.starts_with("masked");
        State {
            id: self.id.clone(),
            exists: !matches!(self.load.as_str(), "not-found" | "masked" | ""),
            activity: self.activity(),
            enabled: matches!(self.file.as_str(), "enabled" | "alias"),
            // A static unit starts when others want it, a generated one when its configuration says so, and an
            // indirect one is only there to enable others.
            can_be_enabled: !matches!(self.file.as_str(), "static" | "generated" | "transient" | "indirect"),
            can_reload: self.can_reload,
            from_script: self.fragment.starts_with("/run/systemd/generator.late/"),
            mask: masked.then(|| self.fragment.clone()),
            stale: self.stale,
        }
    }

    fn activity(&self) -> Activity {
        match (self.active.as_str(), self.sub.as_str()) {
            ("activating", "auto-restart" | "auto-restart-queued") => Activity::Failing,
            ("active" | "reloading" | "refreshing" | "activating", _) => Activity::Running,
            _ => Activity::Stopped,
        }
    }

    /// Whether it has run to its end, as it should.
    fn is_done(&self) -> bool {
        self.kind == "oneshot" && self.active == "inactive" && self.result == "success"
    }
}

/// Reads the output of `systemctl show`: a block of properties for each unit that was asked for.
pub fn parse(output: &str) -> Vec<Unit> {
    output.split("\n\n").filter(|block| !block.trim().is_empty()).map(parse_unit).collect()
}

fn parse_unit(block: &str) -> Unit {
    let mut unit = Unit::default();
    for (key, value) in block.lines().filter_map(|line| line.split_once('=')) {
        let field = match key {
            "Id" => &mut unit.id,
            "LoadState" => &mut unit.load,
            "ActiveState" => &mut unit.active,
            "SubState" => &mut unit.sub,
            "UnitFileState" => &mut unit.file,
            "FragmentPath" => &mut unit.fragment,
            "Type" => &mut unit.kind,
            "Result" => &mut unit.result,
            "Names" => {
                unit.names = value.split(' ').map(ToOwned::to_owned).collect();
                continue;
            }
            "CanReload" => {
                unit.can_reload = value == "yes";
                continue;
            }
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

/// The name with its kind: a service, unless it says something else.
pub fn unit_name(name: &str) -> String {
    let has_kind = KINDS.iter().any(|kind| name.ends_with(kind));
    if has_kind { name.to_owned() } else { format!("{name}.service") }
}

/// Whether it is a template, which has no state: only its instances do.
pub fn is_template(unit: &str) -> bool {
    unit.split_once('@').is_some_and(|(_, rest)| rest.starts_with('.'))
}

/// Asks for a unit's state.
pub fn show(name: &str) -> Result<Unit, ServiceError> {
    let unit = unit_name(name);
    if is_template(&unit) {
        return Err(ServiceError::Template { name: name.to_owned() });
    }
    let output = ask(&[&unit]).succeed().map_err(|source| failed(name, source, false))?;
    Ok(parse(&output).into_iter().next().unwrap_or_default())
}

/// Asks for the state of several units at once, by their full names; what cannot be told is left out.
pub fn show_all(units: &[&str]) -> HashMap<String, Unit> {
    let units: Vec<&str> = units.iter().copied().filter(|unit| !is_template(unit)).collect();
    let mut states = HashMap::new();
    for unit in ask(&units).parsed().succeed().map(|output| parse(&output)).unwrap_or_default() {
        for name in &unit.names {
            states.insert(name.clone(), unit.clone());
        }
    }
    states
}

fn ask(units: &[&str]) -> Run {
    let words = ["systemctl", "show", "--no-pager", "--property", PROPERTIES, "--"];
    let argv = words.into_iter().chain(units.iter().copied());
    Run::new(argv).timeout(Duration::from_mins(1))
}

/// Makes systemd read its files again.
pub fn reload_files(name: &str) -> Result<(), ServiceError> {
    let reload = Run::new(["systemctl", "daemon-reload"]);
    reload.succeed().map(drop).map_err(|source| failed(name, source, false))
}

/// Makes systemd forget that a unit failed which is no more.
pub fn forget_failure(name: &str) {
    // It says no if there is nothing to forget.
    let _ = Run::new(["systemctl", "reset-failed", "--", &unit_name(name)]).finish();
}

/// Does it, and looks whether it holds.
pub fn act(name: &str, action: Action, state: &State) -> Result<(), ServiceError> {
    if state.stale && !matches!(action, Action::Stop | Action::Disable | Action::Mask | Action::Unmask) {
        reload_files(name)?;
    }
    let until_boot =
        action == Action::Unmask && state.mask.as_ref().is_some_and(|link| link.starts_with("/run/"));
    let options: &[&str] = if until_boot { &["--runtime"] } else { &[] };
    let unit = unit_name(name);
    let words = ["systemctl", "--no-ask-password", action.name()].into_iter();
    let run = Run::new(words.chain(options.iter().copied()).chain(["--", &unit]));
    run.succeed().map_err(|source| failed(name, source, true))?;
    if matches!(action, Action::Start | Action::Restart) {
        let now = show(name)?;
        if now.activity() != Activity::Running && !now.is_done() {
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

    /// What systemd 252 of Debian 12 printed, all asked for at once.
    const SHOWN: &str = include_str!("fixtures/systemctl-show.txt");

    fn state(name: &str) -> State {
        let units = parse(SHOWN);
        let unit = units.iter().find(|unit| unit.names.iter().any(|known| known == name));
        unit.unwrap_or_else(|| panic!("{name} is not in the fixture")).state()
    }

    #[test]
    fn several_units_are_read_at_once_by_any_of_their_names() {
        assert_eq!(parse(SHOWN).len(), 10);
        let ssh = state("sshd.service");
        assert_eq!(ssh.id, "ssh.service");
        assert!(ssh.exists && ssh.is_running() && ssh.enabled && ssh.can_reload && !ssh.stale);
        assert_eq!(state("ssh.socket").activity, Activity::Stopped);
    }

    #[test]
    fn a_missing_service_is_neither_running_nor_enabled() {
        let missing = state("nonexist.service");
        assert!(!missing.exists && !missing.is_running() && !missing.enabled && missing.mask.is_none());
    }

    #[test]
    fn a_masked_service_may_still_run() {
        let cron = state("cron.service");
        assert_eq!(cron.mask.as_deref(), Some("/etc/systemd/system/cron.service"));
        assert!(cron.is_running() && !cron.enabled && !cron.exists);
        assert_eq!(state("exim4.service").mask.as_deref(), Some("/run/systemd/system/exim4.service"));
    }

    #[test]
    fn a_service_that_is_restarted_again_and_again_does_not_run() {
        assert_eq!(state("looping.service").activity, Activity::Failing);
    }

    #[test]
    fn what_only_others_start_cannot_be_enabled() {
        let orphan = state("orphan.service");
        assert!(orphan.stale && !orphan.can_be_enabled);
        assert!(!state("helper.service").can_be_enabled);
        assert!(state("getty@tty9.service").can_be_enabled);
        assert!(state("sysvone.service").from_script && !orphan.from_script);
    }

    #[test]
    fn names_of_other_units_are_kept() {
        assert_eq!(unit_name("nginx"), "nginx.service");
        assert_eq!(unit_name("ssh.socket"), "ssh.socket");
        assert_eq!(unit_name("php8.2-fpm"), "php8.2-fpm.service");
        assert!(is_template("getty@.service") && !is_template("getty@tty1.service"));
    }
}
