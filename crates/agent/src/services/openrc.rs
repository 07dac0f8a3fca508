//! OpenRC: scripts in `/etc/init.d`, links in `/etc/runlevels`.

use std::{fs, path::Path, time::Duration};

use engine_protocol::Action;

use super::{
    ServiceError,
    state::{Activity, State},
    sysvinit::{self, failed, settles},
};
use crate::command::{Run, Tail};

/// The runlevels on the way to a system that serves, and the one that a service is put into.
const BOOT: [&str; 3] = ["sysinit", "boot", DEFAULT];
const DEFAULT: &str = "default";

/// Asks for a service's state.
pub fn read(name: &str) -> Result<State, ServiceError> {
    let id = name.to_owned();
    let Some(text) = sysvinit::on_disk(name) else { return Ok(State { id, ..State::default() }) };
    let enabled = !levels(Path::new("/etc/runlevels"), name).is_empty();
    Ok(State { id, activity: ask(name)?, enabled, ..sysvinit::of_text(&text) })
}

/// The runlevels of the boot that a service is in.
fn levels(runlevels: &Path, name: &str) -> Vec<&'static str> {
    let is_in = |level: &&str| fs::symlink_metadata(runlevels.join(level).join(name)).is_ok();
    BOOT.into_iter().filter(is_in).collect()
}

fn ask(name: &str) -> Result<Activity, ServiceError> {
    let run = Run::new(["rc-service", name, "status"]).timeout(Duration::from_mins(1));
    Ok(activity(run.finish().map_err(failed(name))?.status.code()))
}

/// What the exit status of `rc-service NAME status` means, as in `openrc-run.sh`.
fn activity(status: Option<i32>) -> Activity {
    match status {
        // Started, starting, or inactive: it waits for something and will start by itself.
        Some(0 | 8 | 16) => Activity::Running,
        // Crashed.
        Some(32) => Activity::Failing,
        // 3 is stopped, 4 is stopping; a script of System V has the statuses of the LSB.
        _ => Activity::Stopped,
    }
}

/// Does it, and looks whether it holds.
pub fn act(name: &str, action: Action, state: &State) -> Result<(), ServiceError> {
    let order = |word: &str| Run::new(["rc-service", name, word]).succeed().map_err(failed(name));
    match action {
        Action::Enable => update(&["add", name, DEFAULT], name),
        Action::Disable => {
            // `--all` fails for the runlevels that the service is not in.
            let mut words = vec!["del", name];
            words.extend(levels(Path::new("/etc/runlevels"), name));
            update(&words, name)
        }
        Action::Start | Action::Restart => {
            if state.activity == Activity::Failing {
                order("zap")?;
            }
            let output = order(action.name())?;
            if settles(|| Ok(ask(name)? == Activity::Running))? {
                return Ok(());
            }
            let state = "not running".to_owned();
            Err(ServiceError::NotRunning { name: name.to_owned(), state, log: Tail(output) })
        }
        Action::Stop => {
            let output = order("stop")?;
            if settles(|| Ok(ask(name)? == Activity::Stopped))? {
                return Ok(());
            }
            Err(ServiceError::NotStopped { name: name.to_owned(), log: Tail(output) })
        }
        _ => order(action.name()).map(drop),
    }
}

fn update(words: &[&str], name: &str) -> Result<(), ServiceError> {
    let argv = ["rc-update"].into_iter().chain(words.iter().copied());
    Run::new(argv).succeed().map(drop).map_err(failed(name))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn exit_statuses_are_states() {
        // Seen with OpenRC 0.45.2: 0 `status: started`, 3 `status: stopped`.
        assert_eq!(activity(Some(0)), Activity::Running);
        assert_eq!(activity(Some(3)), Activity::Stopped);
        assert_eq!(activity(Some(8)), Activity::Running);
        assert_eq!(activity(Some(32)), Activity::Failing);
        assert_eq!(activity(None), Activity::Stopped);
    }

    #[test]
    fn a_service_is_enabled_in_runlevels_of_the_boot() {
        let runlevels = tempfile::tempdir().unwrap();
        for (level, name) in
            [("default", "cron"), ("boot", "cron"), ("off", "savecache"), ("sysinit", "procps")]
        {
            fs::create_dir_all(runlevels.path().join(level)).unwrap();
            symlink(sysvinit::path(name), runlevels.path().join(level).join(name)).unwrap();
        }
        let of = |name| levels(runlevels.path(), name);
        assert_eq!(of("cron"), ["boot", "default"]);
        assert_eq!(of("procps"), ["sysinit"]);
        assert!(of("savecache").is_empty() && of("cro").is_empty());
    }
}
