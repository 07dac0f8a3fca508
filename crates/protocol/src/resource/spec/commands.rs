//! Commands, scripts and waiting.

use serde::{Deserialize, Serialize};

use super::Content;

/// A command, never a shell string.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecuteSpec {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// How it runs.
    pub process: ProcessSpec,
}

/// A text for an interpreter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptSpec {
    /// Name of the script.
    pub name: String,
    /// The interpreter and its arguments before the script's path.
    pub interpreter: Vec<String>,
    /// The text.
    pub code: Content,
    /// How it runs.
    pub process: ProcessSpec,
}

/// How a command or script runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessSpec {
    /// Skip it if this path exists.
    pub creates: Option<String>,
    /// Working directory.
    pub cwd: Option<String>,
    /// Environment variables on top of a minimal environment, in order.
    pub environment: Vec<(String, String)>,
    /// User to run as.
    pub user: Option<String>,
    /// Group to run as.
    pub group: Option<String>,
    /// Exit statuses that mean success.
    pub returns: Vec<i32>,
    /// Report output while it runs.
    pub live_stream: bool,
}

/// Something to wait for; all that is set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitForSpec {
    /// What it is, for people.
    pub name: String,
    /// `host:port` that must accept TCP connections.
    pub address: Option<String>,
    /// URL that must answer a GET.
    pub url: Option<String>,
    /// Statuses that count as an answer; 200 to 299 if empty.
    pub statuses: Vec<i32>,
    /// Absolute path where something must be.
    pub path: Option<String>,
    /// Wait until none of it is so any more.
    pub absent: bool,
}
