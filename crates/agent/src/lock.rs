//! One agent at a time changes a node.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

use crate::journal;

/// Why the lock cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Its file cannot be made or opened.
    #[error("the lock {path} cannot be taken: {source}", path = path.display())]
    System {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another agent has it.
    #[error("{holder} is changing this node since more than {seconds} s; try again when it is done")]
    Held {
        /// Who.
        holder: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The controller said stop, or is gone, while another agent had it.
    #[error("stopped while waiting for {holder}")]
    Stopped {
        /// Who.
        holder: String,
    },
}

/// The lock, held as long as this lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Tries to take the lock; otherwise says who has it. The file is written only when it is made.
pub fn try_lock(state_dir: &Path) -> Result<Result<Lock, String>, LockError> {
    let path = state_dir.join("lock");
    let system = |source| LockError::System { path: path.clone(), source };
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(state_dir).map_err(system)?;
            let mut options = OpenOptions::new();
            options.read(true).append(true).create(true).mode(0o600).open(&path).map_err(system)?
        }
        opened => opened.map_err(system)?,
    };
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Ok(Lock { _file: file })),
        Err(Errno::WOULDBLOCK) => {
            let inode = file.metadata().map_err(system)?.ino();
            let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
            Ok(Err(match parse_holder(&locks, inode) {
                Some(pid) => match journal::run_of(state_dir, pid) {
                    Some(run) => format!("another agent (process {pid}, run `{run}`)"),
                    None => format!("another agent (process {pid})"),
                },
                None => "another agent".to_owned(),
            }))
        }
        Err(errno) => Err(system(errno.into())),
    }
}

/// Finds in `/proc/locks` the process that holds a lock on a file.
pub fn parse_holder(locks: &str, inode: u64) -> Option<u32> {
    locks.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, pid, file, ..] = fields[..] else { return None };
        (file.rsplit(':').next()?.parse() == Ok(inode)).then(|| pid.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_had_once_and_its_holder_is_named() {
        let state = tempfile::tempdir().unwrap();
        let lock = try_lock(state.path()).unwrap().unwrap();
        let holder = try_lock(state.path()).unwrap().unwrap_err();
        assert!(holder.contains(&std::process::id().to_string()), "{holder}");
        drop(lock);
        assert!(try_lock(state.path()).unwrap().is_ok());
    }

    #[test]
    fn the_holder_is_read_from_the_kernels_list() {
        let locks = "1: POSIX  ADVISORY  WRITE 12 fd:01:77 0 EOF\n1: -> FLOCK ADVISORY WRITE 9 fd:01:78 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 34 fd:01:78 0 EOF\n";
        assert_eq!(parse_holder(locks, 78), Some(34));
        assert_eq!(parse_holder(locks, 77), None);
    }
}
