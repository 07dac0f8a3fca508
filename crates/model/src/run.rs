//! Runs: what is triggered on a stack.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{command::Command, name::Name};

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
    /// Its controller was killed.
    Interrupted,
}

impl RunState {
    /// All states.
    pub const ALL: [RunState; 5] =
        [RunState::Running, RunState::Successful, RunState::Failed, RunState::Stopped, RunState::Interrupted];

    /// The state of that name.
    pub fn parse(name: &str) -> Option<RunState> {
        RunState::ALL.into_iter().find(|state| state.name() == name)
    }

    /// The state's name.
    pub const fn name(self) -> &'static str {
        match self {
            RunState::Running => "running",
            RunState::Successful => "successful",
            RunState::Failed => "failed",
            RunState::Stopped => "stopped",
            RunState::Interrupted => "interrupted",
        }
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// A run that begins, as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewRun {
    /// The stack.
    pub stack: Name,
    /// What was asked for.
    pub command: Command,
    /// Who triggered it: a user on a machine.
    pub operator: String,
    /// Why, in the operator's words; empty if they said nothing.
    pub comment: String,
    /// The run that it follows from by itself, as a configure does that was owed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<RunId>,
}

/// A run that is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its number.
    pub id: RunId,
    /// What it was to do, and for whom.
    #[serde(flatten)]
    pub run: NewRun,
    /// Where it stands.
    pub state: RunState,
    /// When it began, in milliseconds since 1970.
    pub started_ms: u64,
    /// When it ended, in milliseconds since 1970; nothing while it runs, or if its controller was killed.
    pub ended_ms: Option<u64>,
}
