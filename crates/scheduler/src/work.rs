//! What a run does on its nodes, side by side.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use crate::{
    configure,
    event::{NodeResult, NodeSummary, RunEvent},
    health,
    node_run::{NodeRun, TimeLimit},
    plan::{NodePlan, RunPlan, Step},
    ports::ConnectFailure,
    reboot, replay,
    resume::{Phase, Position, reconnect::Tries},
    rolling::{Job, Turn, roll_out},
    saved::{SavedNode, SavedPlan, SavedStep},
    shared::{Shared, milliseconds},
    status,
};
use engine_model::{Command, HealthCheck, Instance, InstanceStatus, Name, Stack};

/// What a run does on which node.
pub(crate) struct Work {
    pub(crate) command: Command,
    /// In stack-file order.
    pub(crate) nodes: Vec<NodeWork>,
}

pub(crate) struct NodeWork {
    pub(crate) instance: Instance,
    pub(crate) primary: Option<Part>,
    pub(crate) reaction: Option<Part>,
    /// What the plan was that is carried out.
    pub(crate) saved: Option<SavedNode>,
}

/// One part of a node's work, before or after all nodes have done the first one.
#[derive(Clone)]
pub(crate) enum Part {
    Evaluate(Vec<Step>),
    Saved(Vec<SavedStep>),
}

impl Work {
    pub(crate) fn of(stack: &Stack, plan: &RunPlan) -> Self {
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
        Work { command: plan.command, nodes: nodes.collect() }
    }

    /// The instances but some, in stack-file order.
    pub(crate) fn names_without(&self, without: &BTreeMap<Name, NodeResult>) -> Vec<Name> {
        let names = self.nodes.iter().map(|node| &node.instance.name);
        names.filter(|name| !without.contains_key(*name)).cloned().collect()
    }

    pub(crate) fn saved(plan: &SavedPlan) -> Self {
        let part = |steps: &Option<Vec<SavedStep>>| steps.clone().map(Part::Saved);
        let nodes = plan.nodes.iter().map(|node| NodeWork {
            instance: node.instance.clone(),
            primary: part(&node.primary),
            reaction: part(&node.reaction),
            saved: Some(node.clone()),
        });
        Work { command: plan.command, nodes: nodes.collect() }
    }
}

/// A node and how far it has come.
pub(crate) struct Progress {
    pub(crate) instance: Instance,
    pub(crate) began: Instant,
    pub(crate) connected: Option<NodeRun>,
    pub(crate) result: Option<NodeResult>,
    /// What it does when all have done the first part.
    pub(crate) reaction: Option<Part>,
    /// Whether it does something first, and something then.
    pub(crate) parts: (bool, bool),
    /// The plan that is to be compared with the node before the second part, if there was no first one.
    pub(crate) saved: Option<SavedNode>,
    /// An earlier attempt of the run came to the end.
    pub(crate) over: bool,
}

impl NodeWork {
    /// The node before anything is done on it.
    fn begin(self) -> (Progress, Option<Part>) {
        let NodeWork { instance, primary, reaction, saved } = self;
        let parts = (primary.is_some(), reaction.is_some());
        let (connected, result) = (None, None);
        let began = Instant::now();
        (Progress { instance, began, connected, result, reaction, parts, saved, over: false }, primary)
    }
}

pub(crate) async fn carry_out(shared: &Arc<Shared>, work: Work) -> (Vec<NodeSummary>, Vec<SavedNode>) {
    let command = work.command;
    let first: Vec<Name> = work
        .nodes
        .iter()
        .filter(|node| node.primary.is_some())
        .map(|node| node.instance.name.clone())
        .collect();
    let reacting: Vec<Name> = work.nodes.iter().map(|node| node.instance.name.clone()).collect();
    let moving = if matches!(command, Command::Setup | Command::Shutdown) { &first[..] } else { &[] };
    let online = shared.online_without(moving);
    let mut over = shared.over(&work);
    // What was asked for goes as the layers say; a reaction to it, all at once.
    let (groups, react_groups) = match command {
        Command::Configure => (Vec::new(), shared.groups(command, &reacting)),
        _ => (shared.groups(command, &first), Vec::new()),
    };
    let jobs = work.nodes.into_iter().map(|node| {
        let (shared, online) = (Arc::clone(shared), online.clone());
        let name = node.instance.name.clone();
        let ended = over.remove(&name);
        let job: Job = Box::new(move |turn| {
            let (mut node, part) = node.begin();
            Box::pin(async move {
                node.over = ended.is_some();
                match (ended, turn) {
                    (Some(ended), _) => {
                        node.result = Some(ended).filter(|ended| !ended.is_success());
                        node
                    }
                    (None, Turn::Now { health, online: at_its_turn }) => {
                        // A saved plan has been made with one view for all.
                        let moves =
                            matches!(command, Command::Setup | Command::Shutdown) && node.saved.is_none();
                        let online = at_its_turn.filter(|_| moves).unwrap_or(online);
                        primary(shared, node, part, (command, health), online).await
                    }
                    (None, Turn::Never(result)) => {
                        node.result = Some(result);
                        node
                    }
                }
            })
        });
        (name, job)
    });
    let nodes = roll_out(shared, groups, jobs.collect()).await;

    let ended = configure::react(shared, nodes, &react_groups).await;
    let mut planned = Vec::new();
    let summaries = ended.into_iter().map(|node| {
        planned.extend(shared.planned(&node));
        shared.finish(node)
    });
    let summaries = summaries.collect();
    (summaries, planned)
}

/// Connects, and runs the primary steps if the instance has any.
async fn primary(
    shared: Arc<Shared>,
    mut node: Progress,
    part: Option<Part>,
    (command, health): (Command, Option<HealthCheck>),
    online: Vec<Name>,
) -> Progress {
    // Acquiring fails only if the semaphore is closed, which nobody does.
    let _permit = shared.permits.acquire().await;
    node.began = Instant::now();
    if shared.stop.is_set() {
        node.result = Some(NodeResult::Stopped { position: "not connected yet".to_owned() });
        return node;
    }
    if let Err(result) = connect(&shared, &mut node, part.is_some()).await {
        node.result = Some(result);
        return node;
    }
    let name = node.instance.name.clone();
    // Only who was online is ever lost.
    if shared.status(&name) == InstanceStatus::ConnectionLost {
        shared.set_status(&name, InstanceStatus::Online).await;
    }
    // Without a first part the saved plan is compared before the second one.
    let Some(part) = part else { return node };
    if let Some(ended) = shared.ended(&name, Phase::First) {
        node.result = Some(ended).filter(|ended| !ended.is_success());
        return node;
    }
    let saved = node.saved.take();
    if let (Some(saved), Some(connected)) = (&saved, &mut node.connected)
        && let Err(refused) = replay::verify(connected, saved, &online).await
    {
        connected.release().await;
        node.result = Some(refused);
        return node;
    }
    let (before, online) = match shared.begin_node(&name, online).await {
        Ok(begun) => begun,
        Err(failed) => {
            node.result = Some(failed);
            return node;
        }
    };
    if let Some(during) = status::during(command) {
        shared.set_status(&name, during).await;
    }
    if let Some(connected) = &mut node.connected {
        connected.limit = shared.time_limit(command, &node.instance).map(TimeLimit::new);
    }
    let mut result = run_part(&mut node, &part, Phase::First, &online).await;
    if let (Ok(()), Some(health), Some(connected)) = (&result, health, &mut node.connected) {
        result = health::check(connected, command, &health).await;
    }
    if let (Some(_), Some(connected)) = (&saved, &mut node.connected) {
        connected.release().await;
    }
    let touched = node.connected.as_ref().is_some_and(|connected| connected.touched);
    let touched = touched || shared.was_touched(&name);
    shared.set_status(&name, status::after(command, before, touched, &result)).await;
    shared.end_phase(&name, Phase::First, &result).await;
    node.result = result.err();
    node
}

/// Runs the second part.
pub(crate) async fn reaction(
    shared: &Arc<Shared>,
    node: &mut Progress,
    part: &Part,
    phase: Phase,
    online: &[Name],
    generation: Option<u64>,
) {
    if let Some(ended) = shared.ended(&node.instance.name, phase) {
        node.result = Some(ended).filter(|ended| !ended.is_success());
        return;
    }
    let _permit = shared.permits.acquire().await;
    // Who was through has not been reached in this attempt.
    node.over = false;
    if node.connected.is_none()
        && let Err(result) = connect(shared, node, false).await
    {
        node.result = Some(result);
        return;
    }
    if let Some(connected) = &mut node.connected {
        connected.record.reaction = true;
        connected.generation = generation;
    }
    let result = match (node.saved.take(), &mut node.connected) {
        (Some(saved), Some(connected)) => match replay::verify(connected, &saved, online).await {
            Ok(()) => run_part(node, part, phase, online).await,
            Err(refused) => Err(refused),
        },
        _ => run_part(node, part, phase, online).await,
    };
    let name = &node.instance.name;
    let status = status::after(Command::Configure, shared.status(name), true, &result);
    shared.set_status(name, status).await;
    shared.end_phase(name, phase, &result).await;
    node.result = result.err();
}

async fn run_part(node: &mut Progress, part: &Part, phase: Phase, online: &[Name]) -> Result<(), NodeResult> {
    let Some(connected) = &mut node.connected else { return Ok(()) };
    if let Err(failed) = run_steps(connected, part, phase, online).await {
        connected.discard(&failed).await;
        return Err(failed);
    }
    reboot::if_requested(connected).await
}

async fn run_steps(
    connected: &mut NodeRun,
    part: &Part,
    phase: Phase,
    online: &[Name],
) -> Result<(), NodeResult> {
    match part {
        Part::Evaluate(steps) => {
            let mut tries = Tries::new();
            for (number, step) in steps.iter().enumerate() {
                tries.step(connected, step, online, Position { phase, step: number }).await?;
            }
        }
        Part::Saved(steps) => {
            for step in steps {
                replay::apply(connected, step, online).await?;
            }
        }
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
