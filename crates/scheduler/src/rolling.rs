//! Carries work out group by group and batch by batch.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use engine_model::{HealthCheck, Name, UnreachablePolicy};
use tokio::{sync::watch, task::JoinSet};

use crate::{
    event::{NodeResult, RunEvent},
    ports::PortFuture,
    rollout::{self, Group},
    shared::Shared,
    work::Progress,
};

/// Whether an instance's turn comes.
pub(crate) enum Turn {
    /// It does.
    Now {
        /// What must hold of it afterwards.
        health: Option<HealthCheck>,
        /// Who is online when its batch begins, without the batch itself and those that something is done on at the
        /// same time; nothing where there are no batches.
        online: Option<Vec<Name>>,
    },
    /// It does not, and this is what becomes of it.
    Never(NodeResult),
}

/// What is to be done on one instance.
pub(crate) type Job = Box<dyn FnOnce(Turn) -> PortFuture<'static, Progress> + Send>;

/// What groups that wait are told: nothing yet, that all is done, or why not.
type End = Option<Result<(), String>>;

/// What all groups see.
#[derive(Default)]
struct Common {
    /// Why no further batch of any group is begun.
    aborted: Mutex<Option<String>>,
}

impl Common {
    fn aborted(&self) -> Option<String> {
        self.aborted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Does all jobs: those of groups in their order, the others at once.
pub(crate) async fn roll_out(
    shared: &Arc<Shared>,
    groups: Vec<Group>,
    mut jobs: BTreeMap<Name, Job>,
) -> Vec<Progress> {
    let common = Arc::new(Common::default());
    let mut ends: Vec<watch::Receiver<End>> = Vec::new();
    let mut tasks = JoinSet::new();
    let unsettled: Vec<Vec<Name>> =
        (0..groups.len()).map(|position| rollout::unsettled(&groups, position)).collect();
    for (group, unsettled) in groups.into_iter().zip(unsettled) {
        let (ended, end) = watch::channel(None);
        let waits = group.after.iter().filter_map(|position| ends.get(*position).cloned()).collect();
        ends.push(end);
        let take = |names: &Vec<Name>| -> Vec<(Name, Job)> {
            names.iter().filter_map(|name| Some((name.clone(), jobs.remove(name)?))).collect()
        };
        let batches = group.batches.iter().map(take).collect();
        let running = Running { shared: Arc::clone(shared), common: Arc::clone(&common), group, unsettled };
        tasks.spawn(running.run(waits, batches, ended));
    }
    for job in jobs.into_values() {
        tasks.spawn(async move { vec![job(Turn::Now { health: None, online: None }).await] });
    }
    let mut all: Vec<Progress> = joined(tasks).await.into_iter().flatten().collect();
    let position = |name: &Name| shared.stack.instances.iter().position(|instance| instance.name == *name);
    all.sort_by_key(|node| position(&node.instance.name));
    all
}

/// What tasks gave back, in no order. A panic goes on.
async fn joined<T: 'static>(mut tasks: JoinSet<T>) -> Vec<T> {
    let mut ended = Vec::new();
    while let Some(joined) = tasks.join_next().await {
        match joined {
            Ok(done) => ended.push(done),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => {}
        }
    }
    ended
}

/// A group that is worked on.
struct Running {
    shared: Arc<Shared>,
    common: Arc<Common>,
    group: Group,
    /// Of whom it cannot be said where they stand meanwhile.
    unsettled: Vec<Name>,
}

impl Running {
    async fn run(
        self,
        waits: Vec<watch::Receiver<End>>,
        batches: Vec<Vec<(Name, Job)>>,
        ended: watch::Sender<End>,
    ) -> Vec<Progress> {
        let mut reason = None;
        for mut wait in waits {
            let end = wait.wait_for(Option::is_some).await.map(|end| end.clone());
            if let Ok(Some(Err(error))) = end {
                reason.get_or_insert(error);
            }
        }
        let waited = !self.group.after.is_empty();
        let of = batches.len();
        let mut done = Vec::new();
        let mut failed = 0;
        for (index, batch) in batches.into_iter().enumerate() {
            if reason.is_none() && index > 0 {
                self.pause().await;
            }
            reason = reason.or_else(|| self.common.aborted());
            if let Some(reason) = &reason {
                for (_, job) in batch {
                    done.push(job(Turn::Never(NodeResult::NotTried { reason: reason.clone() })).await);
                }
                continue;
            }
            if of > 1 || waited {
                self.shared.emit(RunEvent::BatchStarted {
                    layer: self.group.layer.clone(),
                    batch: index + 1,
                    of,
                    instances: batch.iter().map(|(name, _)| name.clone()).collect(),
                });
            }
            let mut tasks = JoinSet::new();
            let members: Vec<Name> = batch.iter().map(|(name, _)| name.clone()).collect();
            let online = self.shared.online_without(&[&members[..], &self.unsettled].concat());
            for (_, job) in batch {
                tasks.spawn(job(Turn::Now {
                    health: self.group.health.clone(),
                    online: Some(online.clone()),
                }));
            }
            let nodes = joined(tasks).await;
            reason = self.reason_to_stop(&nodes, &mut failed);
            done.extend(nodes);
        }
        if let (Some(reason), Some(_)) = (&reason, done.iter().find(|node| is_not_tried(node))) {
            let left = done.iter().filter(|node| is_not_tried(node));
            self.shared.emit(RunEvent::RolloutStopped {
                layer: self.group.layer.clone(),
                reason: reason.clone(),
                instances: left.map(|node| node.instance.name.clone()).collect(),
            });
        }
        ended.send_replace(Some(reason.map_or(Ok(()), Err)));
        done
    }

    async fn pause(&self) {
        if self.group.pause.is_zero() || self.shared.stop.is_set() {
            return;
        }
        self.shared.emit(RunEvent::BatchPause {
            layer: self.group.layer.clone(),
            seconds: self.group.pause.as_secs(),
        });
        let mut stop = self.shared.stop.clone();
        tokio::select! {
            () = tokio::time::sleep(self.group.pause) => {}
            () = stop.wait() => {}
        }
    }

    /// Why no further batch is to be begun, if there is a reason.
    fn reason_to_stop(&self, nodes: &[Progress], failed: &mut u32) -> Option<String> {
        let layer = &self.group.layer;
        let mut reason = None;
        for node in nodes {
            let name = &node.instance.name;
            match &node.result {
                Some(NodeResult::Unreachable { .. }) => match self.group.unreachable {
                    UnreachablePolicy::Skip => {}
                    UnreachablePolicy::FailLayer => {
                        reason = Some(format!("`{name}` of layer `{layer}` cannot be reached"));
                    }
                    UnreachablePolicy::Abort => {
                        let error =
                            format!("`{name}` of layer `{layer}` cannot be reached, which ends the run");
                        *self.common.aborted.lock().unwrap_or_else(PoisonError::into_inner) =
                            Some(error.clone());
                        reason = Some(error);
                    }
                },
                // A run that the operator stops says so for every instance.
                Some(result) if !result.is_success() && !matches!(result, NodeResult::Stopped { .. }) => {
                    *failed += 1;
                }
                _ => {}
            }
        }
        let too_many = || format!("{failed} of layer `{layer}` failed, and {} may", self.group.max_failures);
        reason.or_else(|| (*failed > self.group.max_failures).then(too_many))
    }
}

fn is_not_tried(node: &Progress) -> bool {
    matches!(node.result, Some(NodeResult::NotTried { .. }))
}
