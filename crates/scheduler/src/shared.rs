//! What the nodes of a run share.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use engine_model::{Attributes, Command, Instance, InstanceStatus, Layer, Name, Rollout, Stack};
use engine_protocol::Mode;
use tokio::sync::Semaphore;

use crate::{
    deployments::Deployments,
    event::{Counts, NodeResult, NodeSummary, RunEvent},
    execute::Sink,
    fenced::Fenced,
    history::History,
    ports::{AppSources, Connector, Evaluator, StoreFailure},
    resume::journal::RunJournal,
    rollout::{self, Group},
    saved::{Recorder, SavedNode},
    secrets::Vault,
    stop::StopSignal,
    work::Progress,
};

/// How long shutdown recipes may take where no layer says it, as in OpsWorks.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_mins(2);

/// What the nodes of a run share.
pub(crate) struct Shared {
    pub(crate) stack: Arc<Stack>,
    pub(crate) evaluator: Arc<dyn Evaluator>,
    pub(crate) mode: Mode,
    /// Keeps a plan while it is made.
    pub(crate) recorder: Option<Recorder>,
    pub(crate) run_label: String,
    /// Whether this takes up an attempt that was interrupted.
    pub(crate) again: bool,
    /// What the run deploys.
    pub(crate) deployments: Deployments,
    pub(crate) sources: Arc<dyn AppSources>,
    pub(crate) run_attributes: Attributes,
    /// Whether updates may reboot nodes.
    pub(crate) allow_reboot: bool,
    /// How the operator wants it to go over instances.
    pub(crate) rollout: Rollout,
    /// Instances that the operator asked for by name.
    pub(crate) named: Vec<Name>,
    pub(crate) stop: StopSignal,
    pub(crate) connector: Arc<dyn Connector>,
    /// What secrets are, as far as nodes were given them.
    pub(crate) vault: Vault,
    /// Writes to the store; a plan writes nothing.
    pub(crate) writes: Option<Arc<Fenced>>,
    pub(crate) sink: Sink,
    /// What is written down so that the run can be taken up again; nothing for a plan, saved or not.
    pub(crate) journal: Option<RunJournal>,
    /// Remembers what happens; a plan is not remembered.
    pub(crate) history: Option<History>,
    pub(crate) permits: Semaphore,
    pub(crate) statuses: Mutex<BTreeMap<Name, InstanceStatus>>,
    pub(crate) store_failure: Mutex<Option<StoreFailure>>,
}

impl Shared {
    pub(crate) fn emit(&self, mut event: RunEvent) {
        self.vault.scrub_event(&mut event);
        if let Some(history) = &self.history {
            history.tell(&event);
        }
        (self.sink)(event);
    }

    pub(crate) fn status(&self, instance: &Name) -> InstanceStatus {
        let statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        statuses.get(instance).copied().unwrap_or_default()
    }

    /// The store has failed, which is said at the end.
    pub(crate) fn keep_store_failure(&self, failure: StoreFailure) {
        *self.store_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
    }

    /// In a plan the status is remembered for the rest of the plan alone.
    pub(crate) async fn set_status(&self, instance: &Name, to: InstanceStatus) {
        let from = {
            let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
            statuses.insert(instance.clone(), to).unwrap_or_default()
        };
        if from == to {
            return;
        }
        if let Some(writes) = &self.writes {
            let moved = (from == InstanceStatus::Online) != (to == InstanceStatus::Online);
            let why = moved.then(|| format!("{instance} is {to}"));
            self.keep(writes.set_status(instance, to, why.as_deref()).await);
            self.emit(RunEvent::StatusChanged { instance: instance.clone(), from, to });
        }
    }

    /// Whether somebody else may hold the stack by now.
    pub(crate) fn is_stack_lost(&self) -> bool {
        self.writes.as_ref().is_some_and(|writes| writes.is_lost())
    }

    /// What the store gave; that it failed is told at the end of the run.
    pub(crate) fn keep<T>(&self, stored: Result<T, StoreFailure>) -> Option<T> {
        stored.map_err(|failure| self.keep_store_failure(failure)).ok()
    }

    /// What was planned for a node, if a plan is kept and this is a whole one.
    pub(crate) fn planned(&self, node: &Progress) -> Option<SavedNode> {
        let recorder = self.recorder.as_ref()?;
        let (primary, reaction) = recorder.take(&node.instance.name);
        let whole = node.result.is_none() && !node.connected.as_ref()?.record.ends_at_checkpoint;
        let (first, reacts) = node.parts;
        whole.then(|| SavedNode {
            instance: node.instance.clone(),
            primary: first.then_some(primary),
            reaction: reacts.then_some(reaction),
        })
    }

    /// How a command goes over these instances; told if it is not all at once. A plan changes nothing, so it goes
    /// all at once.
    pub(crate) fn groups(&self, command: Command, instances: &[Name]) -> Vec<Group> {
        let groups = rollout::groups(&self.stack, command, instances, &self.rollout);
        for group in groups.iter().filter(|group| group.batches.len() > 1 || !group.after.is_empty()) {
            self.emit(RunEvent::RolloutPlanned {
                layer: group.layer.clone(),
                after: group.after.iter().map(|position| groups[*position].layer.clone()).collect(),
                batches: group.batches.clone(),
            });
        }
        if self.mode == Mode::Plan { Vec::new() } else { groups }
    }

    /// How long a command may take on an instance: what its most patient layer says.
    pub(crate) fn time_limit(&self, command: Command, instance: &Instance) -> Option<Duration> {
        let limit = |layer: &Layer| layer.shutdown_timeout.unwrap_or(SHUTDOWN_TIMEOUT);
        (command == Command::Shutdown).then(|| self.stack.layers_of(instance).map(limit).max())?
    }

    pub(crate) fn online_without(&self, without: &[Name]) -> Vec<Name> {
        self.stack
            .instances
            .iter()
            .map(|instance| &instance.name)
            .filter(|name| self.status(name) == InstanceStatus::Online)
            .filter(|name| !without.contains(name))
            .cloned()
            .collect()
    }

    pub(crate) fn finish(&self, mut node: Progress) -> NodeSummary {
        node.result.iter_mut().for_each(|result| self.vault.scrub_result(result));
        let summary = NodeSummary {
            instance: node.instance.name,
            result: node.result.unwrap_or(NodeResult::Successful),
            counts: node.connected.map_or_else(Counts::default, |connected| connected.counts),
            duration_ms: milliseconds(node.began.elapsed()),
        };
        if node.over {
            return summary;
        }
        self.emit(RunEvent::NodeFinished {
            instance: summary.instance.clone(),
            result: summary.result.clone(),
            counts: summary.counts,
            duration_ms: summary.duration_ms,
        });
        summary
    }
}

pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
