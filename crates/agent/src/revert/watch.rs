//! The watchdog: a process that outlives the agent, the connection and, where systemd runs, the boot.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{FlockOperation, flock},
    process::{geteuid, setsid},
};

use super::{Pending, RevertError, decide, forget, lock_file};
use crate::{
    command::Run,
    converge,
    facts::Sources,
    lock::{Lock, try_lock},
    node::{Node, Settings},
};

/// Locked by the watchdog as long as it watches.
const WATCHED: &str = "unconfirmed.watched";

/// The state directory of the node's own agent: the unit of systemd is for it alone, since there is one.
const STATE_DIR: &str = "/var/lib/engine";

const UNIT: &str = "engine-revert.service";
const UNIT_FILE: &str = "/etc/systemd/system/engine-revert.service";

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// How long a watchdog may take to begin.
const BEGIN: Duration = Duration::from_secs(5);

/// Makes sure that somebody watches. Whoever calls this holds the node's lock, so a watchdog that is there stays.
pub fn start(settings: &Settings, program: Option<&Path>) -> Result<(), RevertError> {
    let failed = |why: String| RevertError::Watchdog { why };
    let state_dir = &settings.state_dir;
    if is_watched(state_dir) {
        return Ok(());
    }
    let program = program.ok_or_else(|| failed("the agent does not know its own program".to_owned()))?;
    if start_unit(state_dir, program) && begins(state_dir) {
        return Ok(());
    }
    let mut command = Command::new(program);
    command.arg("--state-dir").arg(state_dir).arg("revert");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
    command.spawn().map_err(|error| failed(format!("{}: {error}", program.display())))?;
    if begins(state_dir) { Ok(()) } else { Err(failed("the watchdog does not begin".to_owned())) }
}

/// As a unit of systemd: no session's end ends it, and the next boot starts it again. Says whether systemd took it.
fn start_unit(state_dir: &Path, program: &Path) -> bool {
    let usable = Path::new("/run/systemd/system").is_dir() && geteuid().is_root();
    if !usable || state_dir != Path::new(STATE_DIR) {
        return false;
    }
    // A shell, because security policies may not let systemd itself run what is below /var.
    let text = format!(
        "[Unit]\nDescription=Puts back what engine changed and nobody confirmed\n\n\
         [Service]\nExecStart=/bin/sh -c 'exec \"$0\" --state-dir {STATE_DIR} revert' {}\n\n\
         [Install]\nWantedBy=multi-user.target\n",
        program.display().to_string().replace('%', "%%")
    );
    fs::write(UNIT_FILE, text).is_ok() && systemctl(&["enable", "--now", UNIT])
}

fn systemctl(arguments: &[&str]) -> bool {
    let argv = ["systemctl"].iter().chain(arguments);
    Run::new(argv).timeout(Duration::from_secs(30)).finish().is_ok_and(|finished| finished.status.success())
}

fn begins(state_dir: &Path) -> bool {
    let deadline = Instant::now() + BEGIN;
    while Instant::now() < deadline {
        if is_watched(state_dir) {
            return true;
        }
        thread::sleep(Duration::from_millis(10));
    }
    false
}

fn is_watched(state_dir: &Path) -> bool {
    let Ok(file) = lock_file(state_dir, WATCHED) else { return false };
    // Shared, so that two who look do not take each other for a watchdog.
    flock(&file, FlockOperation::NonBlockingLockShared).is_err()
}

/// Watches until there is nothing any more that could have to be put back.
pub fn watch(settings: &Settings) -> Result<(), String> {
    // The end of the agent's session must not end it. Who leads a group has a session of its own already.
    let _ = setsid();
    let state_dir = &settings.state_dir;
    let file = lock_file(state_dir, WATCHED).map_err(|error| format!("{}: {error}", state_dir.display()))?;
    // One is enough. Somebody may only look whether there is one.
    let deadline = Instant::now() + BEGIN;
    while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        if Instant::now() >= deadline {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(10));
    }
    loop {
        thread::sleep(PAUSE);
        if Pending::read(state_dir).is_some_and(|pending| !pending.is_due()) {
            continue;
        }
        // Who holds the lock may be about to change more, or has just put the end off.
        let Ok(Ok(lock)) = try_lock(state_dir) else { continue };
        if put_back_if_due(settings, &lock) {
            remove_unit(state_dir);
            // In this order: who has the lock next must not take this for a watchdog.
            drop(file);
            drop(lock);
            return Ok(());
        }
    }
}

/// Puts back what is due; says whether nothing is left. The lock is the node's.
pub fn put_back_if_due(settings: &Settings, _lock: &Lock) -> bool {
    let state_dir = &settings.state_dir;
    if Pending::read(state_dir).is_none() {
        return true;
    }
    let Ok(_decision) = decide(state_dir) else { return false };
    let Some(pending) = Pending::read(state_dir) else { return true };
    if !pending.is_due() {
        return false;
    }
    let facts = Sources::of(state_dir).collect();
    converge::put_back(&mut Node::new(settings.clone(), facts), pending);
    forget(state_dir).is_ok()
}

fn remove_unit(state_dir: &Path) {
    if state_dir == Path::new(STATE_DIR) && Path::new(UNIT_FILE).exists() {
        systemctl(&["disable", UNIT]);
        let _ = fs::remove_file(UNIT_FILE);
        systemctl(&["daemon-reload"]);
    }
}
