//! Swap, mounts and volumes.

use crate::{command::CommandError, files::FileError};

pub mod fstab;
pub mod mount;
pub mod superblock;
pub mod swap_file;
pub mod table;
pub mod volume;

/// Why storage could not be checked or applied.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// A file of the system.
    #[error(transparent)]
    File(#[from] FileError),
    /// A program that the provider needs.
    #[error("{what}: {source}")]
    Tool {
        /// What was tried.
        what: String,
        /// What it says.
        source: CommandError,
    },
    /// Something cannot be read.
    #[error("{path} cannot be read: {source}")]
    Read {
        /// What.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The mount point is missing.
    #[error(
        "`{path}` cannot be a mount point because it is no directory that exists; declare the directory before"
    )]
    NoMountPoint {
        /// The mount point.
        path: String,
    },
    /// Something else is mounted there.
    #[error("on `{path}` `{found}` is mounted, not `{wanted}`; unmount it first")]
    Occupied {
        /// The mount point.
        path: String,
        /// What is mounted.
        found: String,
        /// What should be.
        wanted: String,
    },
    /// There is no such device.
    #[error(
        "the device `{device}` does not exist; is it attached, and is this its name on the node (`lsblk` shows them)?"
    )]
    NoDevice {
        /// The device.
        device: String,
    },
    /// It is something else.
    #[error("`{device}` is no block device")]
    NotADevice {
        /// What was named.
        device: String,
    },
    /// The device holds something else, and it is kept.
    #[error(
        "`{device}` is not blank: {found}; it is left alone (`wipefs {device}` shows what is on it; if that may be lost, `blkdiscard --zeroout {device}` clears it)"
    )]
    NotBlank {
        /// The device.
        device: String,
        /// What is on it.
        found: String,
    },
    /// The device is mounted elsewhere.
    #[error("`{device}` is mounted on `{found}`, not on `{wanted}`; unmount it first")]
    Elsewhere {
        /// The device.
        device: String,
        /// Where it is mounted.
        found: String,
        /// Where it should be.
        wanted: String,
    },
    /// The file is something else, and it is kept.
    #[error("`{path}` is a file that is no swap; it is left alone, remove it first if it may be lost")]
    NotSwap {
        /// The path.
        path: String,
    },
    /// There is no room for the swap file.
    #[error("`{path}` cannot be made: there is no room for {size_mib} MiB")]
    Full {
        /// The path.
        path: String,
        /// The size wanted, in MiB.
        size_mib: u64,
    },
}

impl StorageError {
    /// Whether the message may quote what a sensitive resource hides.
    pub fn may_quote(&self) -> bool {
        match self {
            StorageError::Read { .. }
            | StorageError::NoMountPoint { .. }
            | StorageError::NotSwap { .. }
            | StorageError::Full { .. } => false,
            StorageError::File(error) => error.may_quote(),
            StorageError::Tool { .. }
            | StorageError::Occupied { .. }
            | StorageError::NoDevice { .. }
            | StorageError::NotADevice { .. }
            | StorageError::NotBlank { .. }
            | StorageError::Elsewhere { .. } => true,
        }
    }
}

/// Names the program's package in the error if the program is missing.
pub(crate) fn tool(what: impl Into<String>) -> impl FnOnce(CommandError) -> StorageError {
    let what = what.into();
    move |source| StorageError::Tool { what, source }
}
