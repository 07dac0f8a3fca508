//! Commands that run at set times.

use crate::{command::CommandError, files::FileError};

pub mod cron;
pub mod timer;

/// Why a job could not be checked or applied.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
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
