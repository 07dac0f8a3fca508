//! Changes that the node puts back by itself unless a fresh connection confirms them in time.
//!
//! Before the first such change of an event, what is replaced is written to the state directory and a [watchdog](watch)
//! is started that outlives the agent. It puts everything back when the time is over and nobody has confirmed. While an
//! agent holds the node's lock it waits: the time begins anew with the event's end.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use engine_protocol::{Resource, frame};
use rustix::{
    fs::{FlockOperation, flock},
    time::{ClockId, clock_gettime},
};
use serde::{Deserialize, Serialize};

pub mod watch;

/// What is kept, below the state directory.
const FILE: &str = "unconfirmed";

/// Locked by who confirms or puts back, so that the other one comes too late.
const DECISION: &str = "unconfirmed.lock";

/// Why a change cannot be made so that it can be put back, or cannot be confirmed.
#[derive(Debug, thiserror::Error)]
pub enum RevertError {
    /// The resource replaces no file.
    #[error("it cannot be put back, so `confirm` makes no sense: it replaces no file")]
    NoFile,
    /// What is kept cannot be written or read.
    #[error("what is replaced cannot be kept in {path}, so nothing was changed: {source}", path = path.display())]
    Keep {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nobody would put it back.
    #[error("nobody would put the change back, so nothing was changed: {why}")]
    Watchdog {
        /// Why.
        why: String,
    },
}

/// What is put back unless it is confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Tells it from all others.
    pub id: String,
    /// The run that changed it, for the journal.
    pub run: String,
    /// The seconds in which it must be confirmed.
    pub seconds: u32,
    /// The boot in which it was changed.
    boot_id: String,
    /// When it is put back, in seconds since the boot.
    due: u64,
    /// The files as they were.
    pub(crate) files: Vec<Resource>,
    /// Those to whom the change was told: they do again what they were told to.
    pub(crate) told: Vec<Resource>,
}

impl Pending {
    /// Nothing yet.
    pub fn new(run: &str, seconds: u32) -> Self {
        let mut pending = Pending {
            id: random("uuid"),
            run: run.to_owned(),
            seconds,
            boot_id: random("boot_id"),
            due: 0,
            files: Vec::new(),
            told: Vec::new(),
        };
        pending.put_off();
        pending
    }

    /// Lets the time begin anew.
    pub fn put_off(&mut self) {
        self.due = since_boot() + u64::from(self.seconds);
    }

    /// Whether the time is over: of an earlier boot it always is.
    pub fn is_due(&self) -> bool {
        self.seconds_left() == 0
    }

    /// How long it can still be confirmed.
    pub fn seconds_left(&self) -> u64 {
        if self.boot_id == random("boot_id") { self.due.saturating_sub(since_boot()) } else { 0 }
    }

    /// What is kept on this node, if there is something.
    pub fn read(state_dir: &Path) -> Option<Self> {
        let bytes = fs::read(state_dir.join(FILE)).ok()?;
        // What a damaged file would put back nobody knows; nothing is kept of a change that was not made.
        frame::decode(&bytes).ok()
    }

    /// Keeps it, on the disk when this returns.
    pub fn write(&self, state_dir: &Path) -> Result<(), RevertError> {
        let path = state_dir.join(FILE);
        let failed = |source| RevertError::Keep { path: path.clone(), source };
        let framed = frame::encode(self).map_err(|error| failed(io::Error::other(error)))?;
        let draft = state_dir.join(format!("{FILE}.new"));
        let write = || -> io::Result<()> {
            let mut options = OpenOptions::new();
            let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
            file.write_all(&framed[frame::HEADER_BYTES..])?;
            file.sync_all()?;
            fs::rename(&draft, &path)?;
            File::open(state_dir)?.sync_all()
        };
        write().map_err(failed)
    }
}

/// Lets what was changed stay; says no if it has been put back.
pub fn confirm(state_dir: &Path, id: &str) -> Result<bool, RevertError> {
    let failed = |source| RevertError::Keep { path: state_dir.join(FILE), source };
    if Pending::read(state_dir).is_none() {
        return Ok(false);
    }
    let _decision = decide(state_dir).map_err(failed)?;
    if Pending::read(state_dir).is_none_or(|pending| pending.id != id) {
        return Ok(false);
    }
    forget(state_dir).map_err(failed)?;
    Ok(true)
}

/// Decides alone, as long as what is returned lives.
fn decide(state_dir: &Path) -> io::Result<File> {
    let file = lock_file(state_dir, DECISION)?;
    flock(&file, FlockOperation::LockExclusive)?;
    Ok(file)
}

fn lock_file(state_dir: &Path, name: &str) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(state_dir.join(name))
}

fn forget(state_dir: &Path) -> io::Result<()> {
    fs::remove_file(state_dir.join(FILE))?;
    File::open(state_dir)?.sync_all()
}

/// What the kernel has made up: `boot_id` for this boot, `uuid` anew each time.
fn random(name: &str) -> String {
    fs::read_to_string(Path::new("/proc/sys/kernel/random").join(name)).unwrap_or_default()
}

/// Seconds, in which the node has slept included.
fn since_boot() -> u64 {
    u64::try_from(clock_gettime(ClockId::Boottime).tv_sec).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_confirmed_is_confirmed_once_and_by_its_id_alone() {
        let state = tempfile::tempdir().unwrap();
        assert!(!confirm(state.path(), "x").unwrap());
        let pending = Pending::new("run", 60);
        pending.write(state.path()).unwrap();
        assert_eq!(Pending::read(state.path()).as_ref(), Some(&pending));
        assert!(!confirm(state.path(), "x").unwrap());
        assert!(confirm(state.path(), &pending.id).unwrap());
        assert!(!confirm(state.path(), &pending.id).unwrap());
        assert_ne!(Pending::new("run", 60).id, pending.id);
    }

    #[test]
    fn what_an_earlier_boot_left_is_due() {
        let mut pending = Pending::new("run", 60);
        assert!(!pending.is_due());
        pending.boot_id = "another".into();
        assert!(pending.is_due());
        assert!(Pending::new("run", 0).is_due());
    }
}
