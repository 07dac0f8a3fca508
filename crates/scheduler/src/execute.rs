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
    reboot, replay,
    saved::{Recorder, SavedNode, SavedPlan, SavedStep},
    status,
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
    /// The saved plan is of another stack.
    #[error("the plan is of stack `{plan}`, and the stack file is of `{file}`")]
    OtherStack {
        /// The plan's.
        plan: Name,
        /// The stack file's.
        file: Name,
    },
}

/// What the nodes of a run share.
pub(crate) struct Shared {
    pub(crate) stack: Arc<Stack>,
    pub(crate) evaluator: Arc<dyn Evaluator>,
    pub(crate) mode: Mode,
    /// Keeps a plan while it is made.
    pub(crate) recorder: Option<Recorder>,
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

/// What a run does on which node.
struct Work {
    event: LifecycleEvent,
    /// In stack-file order.
    nodes: Vec<NodeWork>,
}

struct NodeWork {
    instance: Instance,
    primary: Option<Part>,
    reaction: Option<Part>,
    /// What the plan was that is carried out.
    saved: Option<SavedNode>,
}

/// One part of a node's work, before or after all nodes have done the first one.
enum Part {
    Evaluate(Vec<Step>),
    Saved(Vec<SavedStep>),
}

impl Work {
    fn of(stack: &Stack, plan: &RunPlan) -> Self {
        let part = |plans: &[NodePlan], instance: &Instance| {
            let plan = plans.iter().find(|plan| plan.instance == instance.name)?;
            Some(Part::Evaluate(plan.steps.clone()))
        };
        let nodes = stack.instances.iter().map(|instance| NodeWork {
            primary: part(&plan.primary, instance),
            reaction: part(&plan.reaction, instance),
            saved: None,
            instance: instance.clone(),
        });
        let nodes = nodes.filter(|node| node.primary.is_some() || node.reaction.is_some());
        Work { event: plan.event, nodes: nodes.collect() }
    }

    fn saved(plan: &SavedPlan) -> Self {
        let part = |steps: &Option<Vec<SavedStep>>| steps.clone().map(Part::Saved);
        let nodes = plan.nodes.iter().map(|node| NodeWork {
            instance: node.instance.clone(),
            primary: part(&node.primary),
            reaction: part(&node.reaction),
            saved: Some(node.clone()),
        });
        Work { event: plan.event, nodes: nodes.collect() }
    }
}

/// A node and how far it has come.
struct Progress {
    instance: Instance,
    began: Instant,
    connected: Option<NodeRun>,
    result: Option<NodeResult>,
    /// What it does when all have done the first part.
    reaction: Option<Part>,
    /// Whether it does something first, and something then.
    parts: (bool, bool),
    /// The plan that is to be compared with the node before the second part, if there was no first one.
    saved: Option<SavedNode>,
}

impl Executor {
    /// Plans a run and carries it out.
    pub async fn run(&self, request: &Request, settings: &Settings) -> Result<RunSummary, ExecuteError> {
        let statuses = self.store.statuses(&self.stack.name).await?;
        let work = Work::of(&self.stack, &plan(&self.stack, &statuses, request)?);
        Ok(self.carry_out(work, statuses, &request.instances, settings, None).await?.0)
    }

    /// Makes a plan that can be carried out later.
    pub async fn plan_to_save(
        &self,
        request: &Request,
        settings: &Settings,
    ) -> Result<(RunSummary, SavedPlan), ExecuteError> {
        let settings = Settings { mode: Mode::Plan, ..settings.clone() };
        let statuses = self.store.statuses(&self.stack.name).await?;
        let work = Work::of(&self.stack, &plan(&self.stack, &statuses, request)?);
        let recorder = Some(Recorder::default());
        let (summary, nodes) =
            self.carry_out(work, statuses, &request.instances, &settings, recorder).await?;
        let is_whole = |name: &Name| nodes.iter().any(|node: &SavedNode| node.instance.name == *name);
        let missing = summary.nodes.iter().filter(|node| !is_whole(&node.instance)).map(|node| {
            let checkpoint = || "its plan ends at a checkpoint, and what follows cannot be known".to_owned();
            (node.instance.clone(), node.result.why_not_planned().unwrap_or_else(checkpoint))
        });
        let missing = missing.collect();
        let (stack, event) = (self.stack.name.clone(), request.event);
        let plan = SavedPlan { stack, event, nodes, missing };
        Ok((summary, plan))
    }

    /// Carries a saved plan out: exactly that, on the nodes that have not changed since.
    pub async fn run_saved(
        &self,
        saved: &SavedPlan,
        settings: &Settings,
    ) -> Result<RunSummary, ExecuteError> {
        if saved.stack != self.stack.name {
            let (plan, file) = (saved.stack.clone(), self.stack.name.clone());
            return Err(ExecuteError::OtherStack { plan, file });
        }
        let statuses = self.store.statuses(&self.stack.name).await?;
        Ok(self.carry_out(Work::saved(saved), statuses, &[], settings, None).await?.0)
    }

    async fn carry_out(
        &self,
        work: Work,
        statuses: BTreeMap<Name, InstanceStatus>,
        named: &[Name],
        settings: &Settings,
        recorder: Option<Recorder>,
    ) -> Result<(RunSummary, Vec<SavedNode>), ExecuteError> {
        let began = Instant::now();
        let run = match settings.mode {
            Mode::Apply => Some(self.store.begin_run(&self.stack.name, work.event).await?),
            Mode::Plan => None,
        };
        let shared = Arc::new(Shared {
            recorder,
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
            named: named.to_vec(),
            permits: Semaphore::new(settings.parallel.max(1)),
            statuses: Mutex::new(statuses),
            store_failure: Mutex::new(None),
        });
        shared.emit(RunEvent::RunStarted {
            run,
            stack: self.stack.name.clone(),
            event: work.event,
            mode: settings.mode,
            instances: work.nodes.iter().map(|node| node.instance.name.clone()).collect(),
        });
        let (nodes, planned) = carry_out(&shared, work).await;
        let summary =
            RunSummary { nodes, duration_ms: milliseconds(began.elapsed()), stopped: shared.stop.is_set() };
        let remembered = self.remember(run, &summary).await;
        // Whatever the store says, the operator wants to know where each host stands.
        shared.emit(RunEvent::RunFinished { summary: summary.clone() });
        remembered?;
        match shared.store_failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(failure) => Err(failure.into()),
            None => Ok((summary, planned)),
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

async fn carry_out(shared: &Arc<Shared>, work: Work) -> (Vec<NodeSummary>, Vec<SavedNode>) {
    let moving: Vec<Name> = match work.event {
        LifecycleEvent::Setup | LifecycleEvent::Shutdown => {
            let primary = work.nodes.iter().filter(|node| node.primary.is_some());
            primary.map(|node| node.instance.name.clone()).collect()
        }
        _ => Vec::new(),
    };
    let online = shared.online_without(&moving);
    let mut tasks = JoinSet::new();
    for (position, node) in work.nodes.into_iter().enumerate() {
        let (shared, online, event) = (Arc::clone(shared), online.clone(), work.event);
        tasks.spawn(async move { (position, primary(shared, node, event, online).await) });
    }
    let nodes = collect(tasks).await;

    let online = shared.online_without(&[]);
    let mut ended = BTreeMap::new();
    let mut tasks = JoinSet::new();
    for (position, mut node) in nodes {
        let reacts = node.result.is_none() && online.contains(&node.instance.name);
        let (shared, online) = (Arc::clone(shared), online.clone());
        match node.reaction.take() {
            Some(part) if reacts => {
                tasks.spawn(async move {
                    reaction(&shared, &mut node, &part, &online).await;
                    (position, node)
                });
            }
            _ => {
                ended.insert(position, node);
            }
        }
    }
    ended.extend(collect(tasks).await);
    let mut planned = Vec::new();
    let summaries = ended.into_values().map(|node| {
        planned.extend(shared.planned(&node));
        shared.finish(node)
    });
    let summaries = summaries.collect();
    (summaries, planned)
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

/// Connects, and runs the primary steps if the instance has any.
async fn primary(shared: Arc<Shared>, work: NodeWork, event: LifecycleEvent, online: Vec<Name>) -> Progress {
    let NodeWork { instance, primary, reaction, saved } = work;
    let parts = (primary.is_some(), reaction.is_some());
    let (began, connected, result) = (Instant::now(), None, None);
    let mut node = Progress { instance, began, connected, result, reaction, parts, saved: None };
    // Acquiring fails only if the semaphore is closed, which nobody does.
    let _permit = shared.permits.acquire().await;
    node.began = Instant::now();
    if shared.stop.is_set() {
        node.result = Some(NodeResult::Stopped { position: "not connected yet".to_owned() });
        return node;
    }
    if let Err(result) = connect(&shared, &mut node, primary.is_some()).await {
        node.result = Some(result);
        return node;
    }
    let name = node.instance.name.clone();
    // Only who was online is ever lost.
    if shared.status(&name) == InstanceStatus::ConnectionLost {
        shared.set_status(&name, InstanceStatus::Online).await;
    }
    let Some(part) = primary else {
        node.saved = saved;
        return node;
    };
    if let (Some(saved), Some(connected)) = (&saved, &mut node.connected)
        && let Err(refused) = replay::verify(connected, saved, &online).await
    {
        connected.release().await;
        node.result = Some(refused);
        return node;
    }
    let before = shared.status(&name);
    if let Some(during) = status::during(event) {
        shared.set_status(&name, during).await;
    }
    let result = run_part(&mut node, &part, &online).await;
    if let (Some(_), Some(connected)) = (&saved, &mut node.connected) {
        connected.release().await;
    }
    let touched = node.connected.as_ref().is_some_and(|connected| connected.touched);
    shared.set_status(&name, status::after(event, before, touched, &result)).await;
    node.result = result.err();
    node
}

async fn reaction(shared: &Arc<Shared>, node: &mut Progress, part: &Part, online: &[Name]) {
    let _permit = shared.permits.acquire().await;
    if let Some(connected) = &mut node.connected {
        connected.record.reaction = true;
    }
    let result = match (node.saved.take(), &mut node.connected) {
        (Some(saved), Some(connected)) => match replay::verify(connected, &saved, online).await {
            Ok(()) => run_part(node, part, online).await,
            Err(refused) => Err(refused),
        },
        _ => run_part(node, part, online).await,
    };
    let name = &node.instance.name;
    let status = status::after(LifecycleEvent::Configure, shared.status(name), true, &result);
    shared.set_status(name, status).await;
    node.result = result.err();
}

async fn run_part(node: &mut Progress, part: &Part, online: &[Name]) -> Result<(), NodeResult> {
    let Some(connected) = &mut node.connected else { return Ok(()) };
    match part {
        Part::Evaluate(steps) => {
            for step in steps {
                connected.step(step, online).await?;
            }
        }
        Part::Saved(steps) => {
            for step in steps {
                replay::apply(connected, step, online).await?;
            }
        }
    }
    reboot::if_requested(connected).await
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

    /// What was planned for a node, if a plan is kept and this is a whole one.
    fn planned(&self, node: &Progress) -> Option<SavedNode> {
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

    fn online_without(&self, without: &[Name]) -> Vec<Name> {
        self.stack
            .instances
            .iter()
            .map(|instance| &instance.name)
            .filter(|name| self.status(name) == InstanceStatus::Online)
            .filter(|name| !without.contains(name))
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
