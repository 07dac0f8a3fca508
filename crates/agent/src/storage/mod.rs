//! Swap, mounts and volumes.

use crate::{command::CommandError, files::FileError};

pub mod mount;
pub mod swap_file;
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
}
