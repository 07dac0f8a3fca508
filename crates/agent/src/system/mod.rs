//! The system as a whole.

use crate::{command::CommandError, files::FileError};

pub mod hostname;
pub mod hosts_entry;
pub mod kernel_module;
pub mod limits;
pub mod locale;
pub mod reboot;
pub mod sysctl;
pub mod timezone;

/// Why a setting of the system could not be checked or applied.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// A file of the system.
    #[error(transparent)]
    File(#[from] FileError),
    /// A request to reboot cannot be kept.
    #[error("the request to reboot cannot be written to {path}: {source}", path = path.display())]
    Reboot {
        /// Where it is kept.
        path: std::path::PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A program that the provider needs.
    #[error("{what}: {source}")]
    Tool {
        /// What was tried.
        what: String,
        /// What it says.
        source: CommandError,
    },
}
