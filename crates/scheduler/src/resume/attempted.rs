//! What the attempts of a run so far have come to, by its journal.

use std::collections::BTreeMap;

use engine_model::{InstanceStatus, Name};
use engine_protocol::Facts;

use super::journal::{Entry, Phase, Position};
use crate::{
    event::NodeResult,
    work::{NodeWork, Work},
};

/// What the attempts of a run so far have come to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attempted {
    /// The newest round of reactions, and who was online when it began.
    reaction: Option<(u32, Vec<Name>)>,
    nodes: BTreeMap<Name, Node>,
}

#[derive(Debug, Clone, Default)]
struct Node {
    begun: Option<(InstanceStatus, Vec<Name>)>,
    steps: BTreeMap<Position, StepAttempt>,
    ended: BTreeMap<Phase, NodeResult>,
}

/// What is known of a step.
#[derive(Debug, Clone, Default)]
pub(crate) struct StepAttempt {
    /// What its recipes saw of the node, if it was begun.
    pub(crate) facts: Option<Box<Facts>>,
    /// The same after each checkpoint that was reached.
    pub(crate) checkpoints: Vec<Facts>,
    /// Whether it is done.
    pub(crate) done: Option<StepDone>,
}

/// A step that is done.
#[derive(Debug, Clone)]
pub(crate) struct StepDone {
    reboot: bool,
    boot_id: String,
}

impl StepDone {
    /// Whether a reboot that it asked for has not come yet.
    pub(crate) fn waits_for_reboot(&self, boot_id: &str) -> bool {
        self.reboot && self.boot_id == boot_id
    }
}

impl Attempted {
    /// By the entries, in their order.
    pub(crate) fn of(entries: Vec<Entry>) -> Self {
        let mut attempted = Attempted::default();
        for entry in entries {
            attempted.add(entry);
        }
        attempted
    }

    pub(crate) fn add(&mut self, entry: Entry) {
        match entry {
            Entry::Reaction { round, instances } => self.reaction = Some((round, instances)),
            Entry::NodeBegan { instance, status, online } => {
                self.node(instance).begun = Some((status, online));
            }
            Entry::StepBegan { instance, at, facts } => self.step_of(instance, at).facts = Some(facts),
            Entry::Checkpoint { instance, at, facts } => self.step_of(instance, at).checkpoints.push(*facts),
            Entry::StepDone { instance, at, reboot, boot_id } => {
                self.step_of(instance, at).done = Some(StepDone { reboot: reboot.is_some(), boot_id });
            }
            Entry::NodeEnded { instance, phase, result } => {
                self.node(instance).ended.insert(phase, result);
            }
        }
    }

    fn node(&mut self, instance: Name) -> &mut Node {
        self.nodes.entry(instance).or_default()
    }

    fn step_of(&mut self, instance: Name, at: Position) -> &mut StepAttempt {
        self.node(instance).steps.entry(at).or_default()
    }

    /// The newest round of reactions and who was online, if one has begun.
    pub(crate) fn reaction(&self) -> Option<(u32, &[Name])> {
        self.reaction.as_ref().map(|(round, online)| (*round, online.as_slice()))
    }

    /// The status that an instance had when it began its first part, and who was online.
    pub(crate) fn begun(&self, instance: &Name) -> Option<&(InstanceStatus, Vec<Name>)> {
        self.nodes.get(instance)?.begun.as_ref()
    }

    /// Whether anything may have been done on an instance.
    pub(crate) fn touched(&self, instance: &Name) -> bool {
        self.nodes.get(instance).is_some_and(|node| !node.steps.is_empty())
    }

    pub(crate) fn step(&self, instance: &Name, at: Position) -> StepAttempt {
        self.nodes.get(instance).and_then(|node| node.steps.get(&at)).cloned().unwrap_or_default()
    }

    /// The nodes that have done all that is asked of them so far, and how they ended. They may have to react again.
    pub(crate) fn over(&self, work: &Work) -> BTreeMap<Name, NodeResult> {
        let first = |node: &NodeWork| match node.primary {
            Some(_) => self.ended(&node.instance.name, Phase::First).cloned(),
            None => Some(NodeResult::Successful),
        };
        let reaction = |node: &NodeWork| {
            if node.reaction.is_none() {
                return Some(NodeResult::Successful);
            }
            let (round, online) = self.reaction()?;
            let ended = self.ended(&node.instance.name, Phase::Reaction { round }).cloned();
            // Who was not online then does not react.
            let is_out = node.primary.is_some() && !online.contains(&node.instance.name);
            ended.or(is_out.then_some(NodeResult::Successful))
        };
        let over = work.nodes.iter().filter_map(|node| {
            let ended = first(node)?;
            let ended = if ended.is_success() { reaction(node)? } else { ended };
            Some((node.instance.name.clone(), ended))
        });
        over.collect()
    }

    /// How a part ended, if that stands.
    pub(crate) fn ended(&self, instance: &Name, phase: Phase) -> Option<&NodeResult> {
        self.nodes.get(instance)?.ended.get(&phase)
    }
}
