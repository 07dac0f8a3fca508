//! What all resources have: notifications, guards, retries.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Action, ResourceId};

/// What all resources have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Common {
    /// Whom to tell when this resource changed.
    pub notifies: Vec<Notification>,
    /// All must hold, or the resource is skipped.
    pub only_if: Vec<Guard>,
    /// None may hold, or the resource is skipped.
    pub not_if: Vec<Guard>,
    /// How often to try again after a failure.
    pub retries: u32,
    /// Seconds between tries.
    pub retry_delay_seconds: u32,
    /// Never show content, arguments or output.
    pub sensitive: bool,
    /// Go on after a failure.
    pub ignore_failure: bool,
    /// Seconds that one try may take; `None` for the default of the type.
    pub timeout_seconds: Option<u32>,
    /// The mask of permission bits that what is made anew does not get, unless a mode is set; 0o022 if `None`.
    pub umask: Option<u32>,
    /// The node puts back what this resource replaced unless a fresh connection confirms within so many seconds of the
    /// event's end; `None` for a change that stays whatever comes of it.
    pub confirm_seconds: Option<u32>,
}

/// Seconds in which a change must be confirmed if nobody says otherwise.
pub const CONFIRM_SECONDS: u32 = 60;

/// A notification from the resource that holds it to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// What the target shall do.
    pub action: Action,
    /// The target.
    pub target: ResourceId,
    /// When.
    pub timing: Timing,
}

/// When a notification is acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// Before the notifying resource is changed.
    Before,
    /// Right after it changed.
    Immediately,
    /// Once, at the end of the node run.
    Delayed,
}

/// A condition that is evaluated on the node, right before the resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// Holds if the command exits with 0.
    Command {
        /// Program and arguments.
        argv: Vec<String>,
    },
    /// Holds if something is at the path; a dangling link counts.
    PathExists {
        /// Absolute path.
        path: String,
    },
    /// Holds if the package is installed.
    PackageInstalled {
        /// Its name.
        name: String,
    },
    /// Holds if the service runs.
    ServiceRunning {
        /// Its name.
        name: String,
    },
    /// Holds if the service starts at boot.
    ServiceEnabled {
        /// Its name.
        name: String,
    },
    /// Holds if the user exists.
    UserExists {
        /// Its name.
        name: String,
    },
    /// Holds if the group exists.
    GroupExists {
        /// Its name.
        name: String,
    },
    /// Holds if something accepts TCP connections.
    PortOpen {
        /// `host:port`.
        address: String,
    },
    /// Holds if a GET is answered with a status from 200 to 299.
    UrlAnswers {
        /// `http` or `https`.
        url: String,
    },
}

impl fmt::Display for Guard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Guard::Command { argv } => write!(formatter, "command `{}`", argv.join(" ")),
            Guard::PathExists { path } => write!(formatter, "path `{path}` exists"),
            Guard::PackageInstalled { name } => write!(formatter, "package `{name}` is installed"),
            Guard::ServiceRunning { name } => write!(formatter, "service `{name}` runs"),
            Guard::ServiceEnabled { name } => write!(formatter, "service `{name}` is enabled"),
            Guard::UserExists { name } => write!(formatter, "user `{name}` exists"),
            Guard::GroupExists { name } => write!(formatter, "group `{name}` exists"),
            Guard::PortOpen { address } => write!(formatter, "port `{address}` is open"),
            Guard::UrlAnswers { url } => write!(formatter, "`{url}` answers"),
        }
    }
}
