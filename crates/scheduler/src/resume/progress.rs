//! What a run asks its journal, and tells it.

use std::collections::BTreeMap;

use engine_model::{InstanceStatus, Name};
use engine_protocol::{Facts, message::Place};

use super::journal::{Entry, Phase, Position, RunJournal, stands};
use crate::{event::NodeResult, ports::StoreFailure, shared::Shared, work::Work};

impl Shared {
    fn journal(&self) -> Option<&RunJournal> {
        self.journal.as_ref()
    }

    /// Writes an entry down. What it speaks of must not be begun if that fails.
    pub(crate) async fn write_ahead(&self, entry: Entry) -> Result<(), NodeResult> {
        match self.journal() {
            Some(journal) => journal.write(entry).await.map_err(|failure| match failure {
                StoreFailure::StackLost { .. } => NodeResult::Stopped { position: failure.to_string() },
                StoreFailure::Failed { .. } => {
                    NodeResult::Failed { error: format!("nothing further is begun: {failure}") }
                }
            }),
            None => Ok(()),
        }
    }

    /// Where a step stands, for the agent.
    pub(crate) fn place(&self, at: Position) -> Option<Place> {
        Some(self.journal()?.place(at))
    }

    /// Who is online when a reaction begins, and its round. The first one of an attempt goes on with the round of the
    /// attempt before, unless somebody has come online since: then all react to that.
    pub(crate) async fn online_at_reaction(&self, now: Vec<Name>, first: bool) -> (Phase, Vec<Name>) {
        let Some(journal) = self.journal() else { return (Phase::Reaction { round: 0 }, now) };
        let then = journal
            .attempted(|attempted| attempted.reaction().map(|(round, online)| (round, online.to_vec())));
        match then {
            Some((round, then)) if first && now.iter().all(|name| then.contains(name)) => {
                (Phase::Reaction { round }, then)
            }
            then => {
                let round = then.map_or(0, |(round, _)| round + 1);
                if let Err(failure) = journal.write(Entry::Reaction { round, instances: now.clone() }).await {
                    self.give_up(failure);
                }
                (Phase::Reaction { round }, now)
            }
        }
    }

    /// Begins nothing further: the store does not answer.
    fn give_up(&self, failure: StoreFailure) {
        self.keep_store_failure(failure);
        self.stop.set();
    }

    /// An instance is about to begin its first part: its status before that, and who is online for its recipes. In a
    /// later attempt both are what they were then.
    pub(crate) async fn begin_node(
        &self,
        instance: &Name,
        online: Vec<Name>,
    ) -> Result<(InstanceStatus, Vec<Name>), NodeResult> {
        let status = self.status(instance);
        let Some(journal) = self.journal() else { return Ok((status, online)) };
        if let Some(then) = journal.attempted(|attempted| attempted.begun(instance).cloned()) {
            return Ok(then);
        }
        let entry = Entry::NodeBegan { instance: instance.clone(), status, online: online.clone() };
        self.write_ahead(entry).await?;
        Ok((status, online))
    }

    /// Whether an earlier attempt may have done something on an instance.
    pub(crate) fn was_touched(&self, instance: &Name) -> bool {
        self.journal().is_some_and(|journal| journal.attempted(|attempted| attempted.touched(instance)))
    }

    /// What a step's recipes saw of the node when its first resources were handed over, if they were.
    pub(crate) fn facts_then(&self, instance: &Name, at: Position) -> Option<Box<Facts>> {
        self.journal()?.step(instance, at).facts
    }

    /// Writes down what a step's recipes see of the node, unless that was done. Its first resources are about to be
    /// handed over.
    pub(crate) async fn begin_step(
        &self,
        instance: &Name,
        at: Position,
        now: &Facts,
    ) -> Result<(), NodeResult> {
        if !self.is_journaled() || self.facts_then(instance, at).is_some() {
            return Ok(());
        }
        let facts = Box::new(now.clone());
        self.write_ahead(Entry::StepBegan { instance: instance.clone(), at, facts }).await
    }

    /// What recipes see of the node behind a checkpoint of a step, the checkpoints counted from 0.
    pub(crate) async fn reach_checkpoint(
        &self,
        instance: &Name,
        at: Option<Position>,
        number: usize,
        now: &Facts,
    ) -> Result<Box<Facts>, NodeResult> {
        let facts = Box::new(now.clone());
        let (Some(journal), Some(at)) = (self.journal(), at) else { return Ok(facts) };
        if let Some(then) = journal.step(instance, at).checkpoints.into_iter().nth(number) {
            return Ok(Box::new(then));
        }
        self.write_ahead(Entry::Checkpoint { instance: instance.clone(), at, facts: facts.clone() }).await?;
        Ok(facts)
    }

    /// Whether a step is done, and its reboot with it.
    pub(crate) fn is_done(&self, instance: &Name, at: Position, boot_id: &str) -> bool {
        let done = self.journal().and_then(|journal| journal.step(instance, at).done);
        done.is_some_and(|done| !done.waits_for_reboot(boot_id))
    }

    /// How an earlier attempt ended a part of a node's work, if that stands.
    pub(crate) fn ended(&self, instance: &Name, phase: Phase) -> Option<NodeResult> {
        self.journal()?.attempted(|attempted| attempted.ended(instance, phase).cloned())
    }

    /// Writes down how a part of a node's work ended, if that stands.
    pub(crate) async fn end_phase(&self, instance: &Name, phase: Phase, result: &Result<(), NodeResult>) {
        let result = result.clone().err().unwrap_or(NodeResult::Successful);
        let Some(journal) = self.journal().filter(|_| stands(&result)) else { return };
        let entry = Entry::NodeEnded { instance: instance.clone(), phase, result };
        // It is done whether or not that can be written: at worst it is looked at again.
        if let Err(failure) = journal.write(entry).await {
            self.keep_store_failure(failure);
        }
    }

    /// The nodes on which nothing is left to do, and how they ended.
    pub(crate) fn over(&self, work: &Work) -> BTreeMap<Name, NodeResult> {
        self.journal().map(|journal| journal.attempted(|attempted| attempted.over(work))).unwrap_or_default()
    }

    /// Whether the run can be taken up again.
    pub(crate) fn is_journaled(&self) -> bool {
        self.journal.is_some()
    }
}
