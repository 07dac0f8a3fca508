//! The system as a whole.

use crate::{command::CommandError, files::FileError};

pub mod hostname;
mod hosts;
pub mod hosts_entry;
pub mod kernel_module;
pub mod limits;
pub mod locale;
mod locale_text;
mod modules;
pub mod reboot;
pub mod sysctl;
mod sysctl_text;
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
    /// The host's name.
    #[error(transparent)]
    Hostname(#[from] hostname::HostnameError),
    /// A line of `/etc/hosts`.
    #[error(transparent)]
    Hosts(#[from] hosts_entry::HostsError),
    /// Limits of sessions.
    #[error(transparent)]
    Limits(#[from] limits::LimitsError),
    /// The locale.
    #[error(transparent)]
    Locale(#[from] locale::LocaleError),
    /// A kernel module.
    #[error(transparent)]
    Module(#[from] kernel_module::ModuleError),
    /// A kernel parameter.
    #[error(transparent)]
    Sysctl(#[from] sysctl::SysctlError),
    /// The time zone.
    #[error(transparent)]
    Timezone(#[from] timezone::TimezoneError),
    /// A program that the provider needs.
    #[error("{what}: {source}")]
    Tool {
        /// What was tried.
        what: String,
        /// What it says.
        source: CommandError,
    },
}

impl SystemError {
    /// Whether the message may quote what a sensitive resource hides.
    pub fn may_quote(&self) -> bool {
        match self {
            SystemError::Reboot { .. } => false,
            SystemError::File(error) => error.may_quote(),
            SystemError::Hostname(_)
            | SystemError::Hosts(_)
            | SystemError::Limits(_)
            | SystemError::Locale(_)
            | SystemError::Module(_)
            | SystemError::Sysctl(_)
            | SystemError::Timezone(_)
            | SystemError::Tool { .. } => true,
        }
    }
}
