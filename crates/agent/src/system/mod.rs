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
    /// There is no such kernel parameter.
    #[error("the kernel has no parameter `{key}`; if a module brings it, load that before")]
    NoParameter {
        /// Its name.
        key: String,
    },
    /// The kernel does not take the value.
    #[error("the kernel parameter `{key}` cannot be read or set: {source}")]
    Parameter {
        /// Its name.
        key: String,
        /// What the kernel says.
        source: std::io::Error,
    },
    /// Something cannot be read.
    #[error("{path} cannot be read: {source}")]
    Read {
        /// What.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// There is no such time zone.
    #[error("there is no time zone `{name}` below /usr/share/zoneinfo; is the package `tzdata` installed?")]
    NoZone {
        /// Its name.
        name: String,
    },
    /// The locale is not there and cannot be generated.
    #[error("the locale `{name}` is not there and cannot be generated; declare the package `locales` before")]
    NoLocale {
        /// Its name.
        name: String,
    },
    /// The kernel does not take the host's name.
    #[error("the host's name cannot be set: {source}")]
    Hostname {
        /// What the kernel says.
        source: std::io::Error,
    },
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
