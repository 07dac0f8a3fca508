//! Instances: the machines that an operator manages.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::name::Name;

/// A machine of the stack.
///
/// It is configured through its layers alone; nothing here reaches a recipe but the name, the
/// address and the host name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Name, unique in the stack.
    pub name: Name,
    /// Layers it is in, in stack-file order. Empty only for a registered instance that is not
    /// assigned.
    pub layers: Vec<Name>,
    /// How it is reached.
    pub connection: Connection,
    /// The address that other instances reach it at; the SSH host name where the file says nothing.
    pub address: String,
    /// The host name it shall have; its name where the file says nothing.
    pub hostname: String,
    /// Whether the machine was made by somebody else and handed to the stack.
    pub registered: bool,
}

impl Instance {
    /// The host name of an instance for which the file says none: its name, with `-` for what no host name has.
    pub fn default_hostname(name: &Name) -> String {
        name.as_str().replace('_', "-").trim_end_matches('-').to_owned()
    }
}

/// How an instance is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Connection {
    /// Over SSH. What is `None` comes from the user's `ssh_config`.
    Ssh {
        /// Host name, address or alias in `ssh_config`.
        host: String,
        /// User to log in as.
        user: Option<String>,
        /// TCP port.
        port: Option<u16>,
        /// Private key.
        identity_file: Option<PathBuf>,
    },
    /// This machine, without SSH.
    Local,
}

/// Where an instance stands in its life. The words are those of AWS OpsWorks Stacks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceStatus {
    /// In the stack file, never set up.
    #[default]
    Pending,
    /// Handed to the stack, reached, and in no layer.
    Registered,
    /// Setup is running.
    RunningSetup,
    /// Setup succeeded: it takes part in configure, and recipes see it.
    Online,
    /// Setup failed.
    SetupFailed,
    /// It was online and could not be reached at the last try.
    ConnectionLost,
    /// Shutdown is running.
    ShuttingDown,
    /// Shutdown recipes have run.
    Stopped,
}

impl InstanceStatus {
    /// All statuses.
    pub const ALL: [InstanceStatus; 8] = [
        InstanceStatus::Pending,
        InstanceStatus::Registered,
        InstanceStatus::RunningSetup,
        InstanceStatus::Online,
        InstanceStatus::SetupFailed,
        InstanceStatus::ConnectionLost,
        InstanceStatus::ShuttingDown,
        InstanceStatus::Stopped,
    ];

    /// The status as OpsWorks wrote it.
    pub const fn name(self) -> &'static str {
        match self {
            InstanceStatus::Pending => "pending",
            InstanceStatus::Registered => "registered",
            InstanceStatus::RunningSetup => "running_setup",
            InstanceStatus::Online => "online",
            InstanceStatus::SetupFailed => "setup_failed",
            InstanceStatus::ConnectionLost => "connection_lost",
            InstanceStatus::ShuttingDown => "shutting_down",
            InstanceStatus::Stopped => "stopped",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<InstanceStatus> {
        InstanceStatus::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// A status, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusRecord {
    /// The status.
    pub status: InstanceStatus,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
}

impl fmt::Display for InstanceStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}
