//! System V init: scripts in `/etc/init.d`, links in the directories of runlevels.
//!
//! Whether a service runs its script says, by the exit statuses of the LSB. As in Chef, where a script has no `status`
//! its process decides: by the id in its pid file, else by its name.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use engine_protocol::Action;

pub mod links;

use super::{
    ServiceError, processes,
    script::{self, Commands},
    state::{Activity, State},
};
use crate::{
    command::{self, CommandError, Run, Tail},
    files::{
        managed,
        state::{Body, State as Path},
    },
    provider::{Context, Error},
};

/// How long a daemon may take to do what its script said it did.
const SETTLE: Duration = Duration::from_secs(5);

/// Pause between looks meanwhile.
const PAUSE: Duration = Duration::from_millis(50);

/// Bytes of a script that are read.
const BYTES: u64 = 1024 * 1024;

/// Path of a service's script.
pub fn path(name: &str) -> String {
    format!("/etc/init.d/{name}")
}

/// A service's script, as earlier resources would leave it.
pub fn text(name: &str, context: &mut Context<'_>) -> Result<Option<String>, Error> {
    let path = path(name);
    let body = |body: Body| body.read(&path, BYTES).map(|text| String::from_utf8_lossy(&text).into_owned());
    Ok(match managed::look(context, &path)? {
        Path::File { body: content, .. } => Some(body(content)?),
        Path::Link(_) => on_disk(name),
        _ => None,
    })
}

/// A service's script as it is.
pub fn on_disk(name: &str) -> Option<String> {
    fs::read(path(name)).ok().map(|text| String::from_utf8_lossy(&text).into_owned())
}

/// Asks for a service's state.
pub fn read(name: &str) -> Result<State, ServiceError> {
    let id = name.to_owned();
    let Some(text) = on_disk(name) else { return Ok(State { id, ..State::default() }) };
    let activity = if runs(name, &text)? { Activity::Running } else { Activity::Stopped };
    let enabled = links::is_enabled(name);
    Ok(State { id, activity, enabled, ..of_text(&text) })
}

/// What a script says of its service.
pub fn of_text(text: &str) -> State {
    let Commands { reload, .. } = script::commands(text);
    State { exists: true, can_be_enabled: true, can_reload: reload, ..State::default() }
}

fn runs(name: &str, text: &str) -> Result<bool, ServiceError> {
    if script::commands(text).status {
        let run = Run::new([path(name).as_str(), "status"]).timeout(Duration::from_mins(1));
        match run.finish().map_err(failed(name))?.status.code() {
            Some(0) => return Ok(true),
            // Dead, with a pid file or a lock file left behind or without.
            Some(1..=3) => return Ok(false),
            // Unknown.
            _ => {}
        }
    }
    Ok(processes::runs(name, &script::pid_files(text, name)))
}

/// Does it, and looks whether it holds.
pub fn act(name: &str, action: Action) -> Result<(), ServiceError> {
    let text = on_disk(name).unwrap_or_default();
    let commands = script::commands(&text);
    let order = |word: &str| Run::new([path(name).as_str(), word]).succeed().map_err(failed(name));
    match action {
        Action::Enable | Action::Disable => enable(name, action),
        Action::Stop => {
            let output = order("stop")?;
            await_end(name, &text, output)
        }
        Action::Restart if !commands.restart => {
            if runs(name, &text)? {
                let output = order("stop")?;
                await_end(name, &text, output)?;
            }
            let output = order("start")?;
            await_begin(name, &text, output)
        }
        Action::Start | Action::Restart => {
            let output = order(action.name())?;
            await_begin(name, &text, output)
        }
        _ => order(action.name()).map(drop),
    }
}

/// Waits until a service runs. Of a script without `status` nobody knows whether it has a process at all.
fn await_begin(name: &str, text: &str, output: String) -> Result<(), ServiceError> {
    if !script::commands(text).status || settles(|| runs(name, text))? {
        return Ok(());
    }
    let state = "not running".to_owned();
    Err(ServiceError::NotRunning { name: name.to_owned(), state, log: Tail(output) })
}

fn await_end(name: &str, text: &str, output: String) -> Result<(), ServiceError> {
    if settles(|| runs(name, text).map(|runs| !runs))? {
        return Ok(());
    }
    Err(ServiceError::NotStopped { name: name.to_owned(), log: Tail(output) })
}

/// Waits until it is so; says no if it does not become so.
pub(super) fn settles(mut is_so: impl FnMut() -> Result<bool, ServiceError>) -> Result<bool, ServiceError> {
    let end = Instant::now() + SETTLE;
    while !is_so()? {
        if Instant::now() >= end {
            return Ok(false);
        }
        thread::sleep(PAUSE);
    }
    Ok(true)
}

/// Makes or turns the links of the runlevels that the script's header names.
fn enable(name: &str, action: Action) -> Result<(), ServiceError> {
    let enable = action == Action::Enable;
    let steps = if has_update_rc() {
        // The first makes links where there are none, the second turns those that are there.
        [["update-rc.d", name, "defaults"], ["update-rc.d", name, action.name()]]
    } else {
        let word = if enable { "on" } else { "off" };
        [["chkconfig", "--add", name], ["chkconfig", name, word]]
    };
    for step in steps {
        Run::new(step).succeed().map_err(failed(name))?;
    }
    Ok(())
}

/// Whether links are kept as Debian does it, after the LSB header alone.
pub fn has_update_rc() -> bool {
    command::SEARCH_PATH
        .split(':')
        .any(|directory| fs::exists(format!("{directory}/update-rc.d")).unwrap_or(false))
}

pub(super) fn failed(name: &str) -> impl Fn(CommandError) -> ServiceError {
    move |source| ServiceError::Manager { name: name.to_owned(), source, log: Tail(String::new()) }
}
