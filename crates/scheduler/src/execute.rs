//! Carries a plan out.
//!
//! Every instance of the run is reached at once. The primary steps run as soon as their node is
//! there; when all of them have ended, those that are online by then react with configure and one
//! view of the stack. A node that fails stops nobody else.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use engine_model::{Attributes, Instance, InstanceStatus, LifecycleEvent, Name, RunId, RunState, Stack};
use engine_protocol::Mode;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    event::{Counts, NodeResult, NodeSummary, RunEvent, RunSummary},
    node_run::NodeRun,
    plan::{NodePlan, PlanError, Request, RunPlan, Step, plan},
    ports::{ConnectFailure, Connector, Evaluator, Store, StoreFailure},
    reboot, status,
    stop::StopSignal,
};

/// How a run is carried out.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether nodes may be changed.
    pub mode: Mode,
    /// How many nodes are worked on at the same time, at least one.
    pub parallel: usize,
    /// Attributes of this run alone, above all others.
    pub attributes: Attributes,
}

/// Where run events go.
pub type Sink = Arc<dyn Fn(RunEvent) + Send + Sync>;

/// Carries runs out on one stack.
pub struct Executor {
    /// The stack.
    pub stack: Arc<Stack>,
    /// Reaches instances.
    pub connector: Arc<dyn Connector>,
    /// Runs recipes.
    pub evaluator: Arc<dyn Evaluator>,
    /// Remembers state.
    pub store: Arc<dyn Store>,
    /// Hears what happens.
    pub sink: Sink,
    /// Says when to stop.
    pub stop: StopSignal,
}

/// Why a run did not begin, or could not be remembered.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The request makes no sense.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreFailure),
}

/// What the nodes of a run share.
pub(crate) struct Shared {
    pub(crate) stack: Arc<Stack>,
    pub(crate) evaluator: Arc<dyn Evaluator>,
    pub(crate) mode: Mode,
    pub(crate) run_label: String,
    pub(crate) run_attributes: Attributes,
    /// Instances that the operator asked for by name.
    named: Vec<Name>,
    pub(crate) stop: StopSignal,
    pub(crate) connector: Arc<dyn Connector>,
    store: Arc<dyn Store>,
    sink: Sink,
    permits: Semaphore,
    statuses: Mutex<BTreeMap<Name, InstanceStatus>>,
    store_failure: Mutex<Option<StoreFailure>>,
}

/// A node and how far it has come.
struct Progress {
    instance: Instance,
    began: Instant,
    connected: Option<NodeRun>,
    result: Option<NodeResult>,
}

impl Executor {
    /// Plans a run and carries it out.
    pub async fn run(&self, request: &Request, settings: &Settings) -> Result<RunSummary, ExecuteError> {
        let began = Instant::now();
        let statuses = self.store.statuses(&self.stack.name).await?;
        let run_plan = plan(&self.stack, &statuses, request)?;
        let run = match settings.mode {
            Mode::Apply => Some(self.store.begin_run(&self.stack.name, request.event).await?),
            Mode::Plan => None,
        };
        let shared = Arc::new(Shared {
            stack: Arc::clone(&self.stack),
            evaluator: Arc::clone(&self.evaluator),
            connector: Arc::clone(&self.connector),
            store: Arc::clone(&self.store),
            sink: Arc::clone(&self.sink),
            stop: self.stop.clone(),
            mode: settings.mode,
            run_label: format!(
                "{}-{}",
                self.stack.name,
                run.map_or_else(|| "plan".to_owned(), |run| run.to_string())
            ),
            run_attributes: settings.attributes.clone(),
            named: request.instances.clone(),
            permits: Semaphore::new(settings.parallel.max(1)),
            statuses: Mutex::new(statuses),
            store_failure: Mutex::new(None),
        });
        shared.emit(RunEvent::RunStarted {
            run,
            stack: self.stack.name.clone(),
            event: request.event,
            mode: settings.mode,
            instances: participants(&self.stack, &run_plan)
                .iter()
                .map(|instance| instance.name.clone())
                .collect(),
        });
        let nodes = carry_out(&shared, &run_plan).await;
        let summary =
            RunSummary { nodes, duration_ms: milliseconds(began.elapsed()), stopped: shared.stop.is_set() };
        let remembered = self.remember(run, &summary).await;
        // Whatever the store says, the operator wants to know where each host stands.
        shared.emit(RunEvent::RunFinished { summary: summary.clone() });
        remembered?;
        match shared.store_failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(failure) => Err(failure.into()),
            None => Ok(summary),
        }
    }

    async fn remember(&self, run: Option<RunId>, summary: &RunSummary) -> Result<(), StoreFailure> {
        let Some(run) = run else { return Ok(()) };
        let state = if summary.stopped {
            RunState::Stopped
        } else if summary.is_success() {
            RunState::Successful
        } else {
            RunState::Failed
        };
        self.store.end_run(run, state).await
    }
}

fn participants<'a>(stack: &'a Stack, plan: &RunPlan) -> Vec<&'a Instance> {
    let takes_part = |instance: &&Instance| {
        plan.primary.iter().chain(&plan.reaction).any(|node| node.instance == instance.name)
    };
    stack.instances.iter().filter(takes_part).collect()
}

async fn carry_out(shared: &Arc<Shared>, run_plan: &RunPlan) -> Vec<NodeSummary> {
    let online = shared.online_without(match run_plan.event {
        LifecycleEvent::Setup | LifecycleEvent::Shutdown => &run_plan.primary,
        _ => &[],
    });
    let mut tasks = JoinSet::new();
    for (position, instance) in participants(&shared.stack, run_plan).into_iter().enumerate() {
        let steps = steps_of(&run_plan.primary, &instance.name);
        let (shared, instance, online) = (Arc::clone(shared), instance.clone(), online.clone());
        let event = run_plan.event;
        tasks.spawn(async move { (position, primary(shared, instance, event, steps, online).await) });
    }
    let nodes = collect(tasks).await;

    let online = shared.online_without(&[]);
    let mut summaries = BTreeMap::new();
    let mut tasks = JoinSet::new();
    for (position, mut node) in nodes {
        let steps = steps_of(&run_plan.reaction, &node.instance.name);
        let reacts = node.result.is_none() && online.contains(&node.instance.name);
        let (shared, online) = (Arc::clone(shared), online.clone());
        match steps {
            Some(steps) if reacts => {
                tasks.spawn(async move {
                    reaction(&shared, &mut node, &steps, &online).await;
                    (position, node)
                });
            }
            _ => {
                summaries.insert(position, shared.finish(node));
            }
        }
    }
    for (position, node) in collect(tasks).await {
        summaries.insert(position, shared.finish(node));
    }
    summaries.into_values().collect()
}

async fn collect(mut tasks: JoinSet<(usize, Progress)>) -> Vec<(usize, Progress)> {
    let mut nodes = Vec::new();
    while let Some(joined) = tasks.join_next().await {
        match joined {
            Ok(node) => nodes.push(node),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => {}
        }
    }
    nodes.sort_by_key(|(position, _)| *position);
    nodes
}

fn steps_of(plans: &[NodePlan], instance: &Name) -> Option<Vec<Step>> {
    plans.iter().find(|plan| plan.instance == *instance).map(|plan| plan.steps.clone())
}

/// Connects, and runs the primary steps if the instance has any.
async fn primary(
    shared: Arc<Shared>,
    instance: Instance,
    event: LifecycleEvent,
    steps: Option<Vec<Step>>,
    online: Vec<Name>,
) -> Progress {
    let mut node = Progress { began: Instant::now(), connected: None, result: None, instance };
    // Acquiring fails only if the semaphore is closed, which nobody does.
    let _permit = shared.permits.acquire().await;
    node.began = Instant::now();
    if shared.stop.is_set() {
        node.result = Some(NodeResult::Stopped { position: "not connected yet".to_owned() });
        return node;
    }
    if let Err(result) = connect(&shared, &mut node, steps.is_some()).await {
        node.result = Some(result);
        return node;
    }
    let name = node.instance.name.clone();
    // Only who was online is ever lost.
    if shared.status(&name) == InstanceStatus::ConnectionLost {
        shared.set_status(&name, InstanceStatus::Online).await;
    }
    let Some(steps) = steps else { return node };
    let before = shared.status(&name);
    if let Some(during) = status::during(event) {
        shared.set_status(&name, during).await;
    }
    let result = run_steps(&mut node, &steps, &online).await;
    let touched = node.connected.as_ref().is_some_and(|connected| connected.touched);
    shared.set_status(&name, status::after(event, before, touched, &result)).await;
    node.result = result.err();
    node
}

async fn reaction(shared: &Arc<Shared>, node: &mut Progress, steps: &[Step], online: &[Name]) {
    let _permit = shared.permits.acquire().await;
    let result = run_steps(node, steps, online).await;
    let name = &node.instance.name;
    let status = status::after(LifecycleEvent::Configure, shared.status(name), true, &result);
    shared.set_status(name, status).await;
    node.result = result.err();
}

async fn run_steps(node: &mut Progress, steps: &[Step], online: &[Name]) -> Result<(), NodeResult> {
    if let Some(connected) = &mut node.connected {
        for step in steps {
            connected.step(step, online).await?;
        }
        reboot::if_requested(connected).await?;
    }
    Ok(())
}

async fn connect(shared: &Arc<Shared>, node: &mut Progress, primary: bool) -> Result<(), NodeResult> {
    let name = node.instance.name.clone();
    shared.emit(RunEvent::Connecting { instance: name.clone() });
    let mut stop = shared.stop.clone();
    let connected = tokio::select! {
        connected = shared.connector.connect(&node.instance) => connected,
        () = stop.wait() => return Err(NodeResult::Stopped { position: "while connecting".to_owned() }),
    };
    match connected {
        Ok(session) => {
            shared.emit(RunEvent::Connected {
                instance: name,
                agent_uploaded: session.uploaded,
                duration_ms: milliseconds(node.began.elapsed()),
            });
            node.connected = Some(NodeRun::new(Arc::clone(shared), node.instance.clone(), session));
            Ok(())
        }
        Err(ConnectFailure { message, hint, unreachable }) => {
            // A host that refuses us is there, and whoever was asked for by name is missed.
            let known = unreachable
                && !primary
                && !shared.named.contains(&name)
                && shared.status(&name) == InstanceStatus::ConnectionLost;
            shared.emit(RunEvent::Unreachable {
                instance: name.clone(),
                error: message.clone(),
                hint,
                known,
            });
            if unreachable && shared.status(&name) == InstanceStatus::Online {
                shared.set_status(&name, InstanceStatus::ConnectionLost).await;
            }
            Err(if known {
                NodeResult::LeftOut { error: message }
            } else {
                NodeResult::Unreachable { error: message }
            })
        }
    }
}

impl Shared {
    pub(crate) fn emit(&self, event: RunEvent) {
        (self.sink)(event);
    }

    fn status(&self, instance: &Name) -> InstanceStatus {
        let statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        statuses.get(instance).copied().unwrap_or_default()
    }

    /// In a plan the status is remembered for the rest of the plan alone.
    async fn set_status(&self, instance: &Name, to: InstanceStatus) {
        let from = {
            let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
            statuses.insert(instance.clone(), to).unwrap_or_default()
        };
        if from == to {
            return;
        }
        if self.mode == Mode::Apply {
            if let Err(failure) = self.store.set_status(&self.stack.name, instance, to).await {
                *self.store_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
            }
            self.emit(RunEvent::StatusChanged { instance: instance.clone(), from, to });
        }
    }

    fn online_without(&self, without: &[NodePlan]) -> Vec<Name> {
        self.stack
            .instances
            .iter()
            .map(|instance| &instance.name)
            .filter(|name| self.status(name) == InstanceStatus::Online)
            .filter(|name| without.iter().all(|plan| plan.instance != **name))
            .cloned()
            .collect()
    }

    fn finish(&self, node: Progress) -> NodeSummary {
        let summary = NodeSummary {
            instance: node.instance.name,
            result: node.result.unwrap_or(NodeResult::Successful),
            counts: node.connected.map_or_else(Counts::default, |connected| connected.counts),
            duration_ms: milliseconds(node.began.elapsed()),
        };
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
