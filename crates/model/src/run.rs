//! Runs: what is triggered on a stack.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Identifies a run. Later runs of a store have greater numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub u64);

impl fmt::Display for RunId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for RunId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(RunId)
    }
}

/// Where a run stands. The words are those of an OpsWorks command's status, with `running`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It has begun.
    Running,
    /// Every node did its part.
    Successful,
    /// At least one node did not.
    Failed,
    /// The operator stopped it.
    Stopped,
}

impl RunState {
    /// The state's name.
    pub const fn name(self) -> &'static str {
        match self {
            RunState::Running => "running",
            RunState::Successful => "successful",
            RunState::Failed => "failed",
            RunState::Stopped => "stopped",
        }
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}
