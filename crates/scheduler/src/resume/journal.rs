//! What is written down, before it is done, so that a run can be taken up again.
//!
//! A run is taken up by evaluating again: the same cookbooks with the same inputs declare the same resources. So the
//! controller keeps inputs, and what has been done is known to the agents. Each entry is durable before what it speaks
//! of is begun.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use engine_model::{Attributes, InstanceStatus, Name, Rollout, RunId};
use engine_protocol::{Facts, message::Place};
use serde::{Deserialize, Serialize};

use super::attempted::{Attempted, StepAttempt};
use crate::{deployments::Deploying, event::NodeResult, fenced::Fenced, plan::RunPlan, ports::StoreFailure};

/// What a run is to do, whoever carries it out and whenever.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// The version of engine: another one may evaluate otherwise.
    pub engine: String,
    /// What marks are made with on the nodes; random, and this run's alone.
    pub key: [u8; 32],
    /// Digests of the parts of the stack. The stack itself is not kept: its attributes may hold secrets.
    pub stack: BTreeMap<String, String>,
    /// The digest of each cookbook.
    pub cookbooks: BTreeMap<String, String>,
    /// The steps.
    pub plan: RunPlan,
    /// Instances that were asked for by name.
    pub named: Vec<Name>,
    /// Attributes of the run.
    pub attributes: Attributes,
    /// Whether updates may reboot nodes.
    #[serde(default)]
    pub allow_reboot: bool,
    /// How the operator wants it to go over instances.
    pub rollout: Rollout,
    /// What it deploys.
    #[serde(default)]
    pub deploying: Deploying,
}

/// All that is needed to take a run up again.
#[derive(Debug, Clone, PartialEq)]
pub struct Journal {
    /// What it is to do.
    pub intent: Intent,
    /// What was written ahead of doing it, in order.
    pub entries: Vec<Entry>,
}

/// A part of a node's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// What was asked for.
    First,
    /// The reaction to it. There is another round if somebody else is online when the run is taken up again.
    Reaction {
        /// Counted from 0.
        round: u32,
    },
}

/// Where in a run a step stands on its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The part.
    pub phase: Phase,
    /// The step, counted from 0.
    pub step: usize,
}

impl std::fmt::Display for Position {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.phase {
            Phase::First => write!(formatter, "first.{}", self.step),
            Phase::Reaction { round } => write!(formatter, "reaction.{round}.{}", self.step),
        }
    }
}

/// One thing that is written down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "entry")]
pub enum Entry {
    /// A round of reactions begins with these instances online.
    Reaction {
        /// The round, counted from 0.
        round: u32,
        /// What all its recipes see.
        instances: Vec<Name>,
    },
    /// An instance begins its first part.
    NodeBegan {
        /// The instance.
        instance: Name,
        /// Its status before that.
        status: InstanceStatus,
        /// The instances that its recipes see online.
        online: Vec<Name>,
    },
    /// The first resources of a step are handed over.
    StepBegan {
        /// The instance.
        instance: Name,
        /// The step.
        at: Position,
        /// What the recipes saw of the node.
        facts: Box<Facts>,
    },
    /// A checkpoint of a step is reached: all before it is done.
    Checkpoint {
        /// The instance.
        instance: Name,
        /// The step.
        at: Position,
        /// What the recipes see of the node from there on.
        facts: Box<Facts>,
    },
    /// A step is done, delayed notifications included.
    StepDone {
        /// The instance.
        instance: Name,
        /// The step.
        at: Position,
        /// Why the node is to be rebooted at the end of the part, if a resource asked for that.
        reboot: Option<String>,
        /// The boot in which it was done.
        boot_id: String,
    },
    /// A part came to an end that stands, well or not.
    NodeEnded {
        /// The instance.
        instance: Name,
        /// The part.
        phase: Phase,
        /// How.
        result: NodeResult,
    },
}

/// Whether an end stands. Whoever was stopped, lost or not reached can still come to another one.
pub(crate) fn stands(result: &NodeResult) -> bool {
    match result {
        NodeResult::Successful
        | NodeResult::Failed { .. }
        | NodeResult::EvaluationFailed { .. }
        | NodeResult::Refused { .. } => true,
        NodeResult::Unreachable { .. }
        | NodeResult::LeftOut { .. }
        | NodeResult::ConnectionLost { .. }
        | NodeResult::Stopped { .. }
        | NodeResult::NotTried { .. } => false,
    }
}

/// The journal of the run in hand, and what stands in it.
pub(crate) struct RunJournal {
    writes: Arc<Fenced>,
    run: RunId,
    key: [u8; 32],
    attempted: Mutex<Attempted>,
}

impl RunJournal {
    pub(crate) fn new(writes: Arc<Fenced>, run: RunId, key: [u8; 32], attempted: Attempted) -> Self {
        RunJournal { writes, run, key, attempted: Mutex::new(attempted) }
    }

    /// Writes an entry down; it is durable when this returns.
    pub(crate) async fn write(&self, entry: Entry) -> Result<(), StoreFailure> {
        self.writes.write_ahead(self.run, entry.clone()).await?;
        self.attempted(|attempted| attempted.add(entry));
        Ok(())
    }

    /// What is known of a step.
    pub(crate) fn step(&self, instance: &Name, at: Position) -> StepAttempt {
        self.attempted(|attempted| attempted.step(instance, at))
    }

    /// Looks at what is known, or adds to it.
    pub(crate) fn attempted<T>(&self, look: impl FnOnce(&mut Attempted) -> T) -> T {
        look(&mut self.attempted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What an agent is told of where a step stands.
    pub(crate) fn place(&self, at: Position) -> Place {
        Place { key: self.key, step: at.to_string() }
    }
}
