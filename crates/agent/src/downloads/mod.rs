//! What the node fetches from elsewhere.

use crate::{command::CommandError, files::FileError};

pub mod git;
pub mod remote_file;

/// Why something could not be checked or applied.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
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
