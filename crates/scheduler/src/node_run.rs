//! One node's part of a run: evaluate, hand over, listen.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use engine_model::{Command, Instance, Name};
use engine_protocol::{
    Collection, Facts, FromAgent, Mode, Outcome, ResourceId, Status, ToAgent,
    message::{End, PING_SECONDS},
};
use tokio::sync::mpsc;

use crate::{
    app_steps,
    built_in::{self, BuiltInResource, Situation},
    confirm::{self, Unconfirmed},
    event::{Counts, NodeResult, ResourceLabel, RunEvent},
    observer::{ChannelObserver, FromRecipe},
    plan::Step,
    ports::{AgentReceiver, AgentSender, Checkpoint, EvaluateRequest, Session, SessionFailure},
    releases::Releases,
    resume::{Entry, Position},
    saved::SavedStep,
    secrets::Stream,
    shared::Shared,
    view,
};

/// A node that is connected.
pub(crate) struct NodeRun {
    pub(crate) shared: Arc<Shared>,
    pub(crate) instance: Instance,
    pub(crate) facts: Box<Facts>,
    pub(crate) sender: Box<dyn AgentSender>,
    pub(crate) receiver: Box<dyn AgentReceiver>,
    labels: HashMap<ResourceId, ResourceLabel>,
    event: Command,
    stop_sent: bool,
    declared: usize,
    failure: Option<String>,
    /// Why the node is to be rebooted at the end of the run, if a resource asked for it.
    pub(crate) reboot: Option<String>,
    /// The configure that it takes part in.
    pub(crate) generation: Option<u64>,
    /// How long the event in hand may take.
    pub(crate) limit: Option<TimeLimit>,
    /// Whether it was given anything to apply.
    pub(crate) touched: bool,
    /// What was done so far.
    pub(crate) counts: Counts,
    /// Outcomes are not told: nothing is done yet.
    pub(crate) quiet: bool,
    /// Whether the event in hand may change the node.
    mode: Mode,
    /// Where in the run the step in hand stands.
    at: Option<Position>,
    /// Checkpoints that it has passed.
    checkpoints: usize,
    /// Output that is held back, by the resource that makes it.
    output: HashMap<ResourceId, Stream>,
    /// What is kept of it.
    pub(crate) record: Record,
    /// What the node puts back unless it is confirmed.
    pub(crate) unconfirmed: Option<Unconfirmed>,
    /// The releases that are brought to the node, and what became of them.
    pub(crate) releases: Releases,
}

/// How long something may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeLimit {
    until: Instant,
    length: Duration,
    /// Whether it was stopped because of that.
    over: bool,
}

impl TimeLimit {
    /// So long from now.
    pub(crate) fn new(length: Duration) -> Self {
        TimeLimit { until: Instant::now() + length, length, over: false }
    }
}

/// What is kept of an event while it runs.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// Whether all nodes have done their first part.
    pub(crate) reaction: bool,
    /// What became of resources.
    pub(crate) outcomes: Vec<Outcome>,
    /// Digests of what is not shown of them.
    pub(crate) hidden: Vec<(ResourceId, u64)>,
    /// What was declared.
    collection: Collection,
    /// What follows could not be planned.
    pub(crate) ends_at_checkpoint: bool,
}

impl NodeRun {
    pub(crate) fn new(shared: Arc<Shared>, instance: Instance, session: Session) -> Self {
        NodeRun {
            shared,
            instance,
            facts: session.facts,
            sender: session.sender,
            receiver: session.receiver,
            labels: HashMap::new(),
            event: Command::Setup,
            stop_sent: false,
            declared: 0,
            failure: None,
            reboot: None,
            generation: None,
            limit: None,
            touched: false,
            counts: Counts::default(),
            quiet: false,
            mode: Mode::Plan,
            at: None,
            checkpoints: 0,
            output: HashMap::new(),
            record: Record::default(),
            unconfirmed: None,
            releases: Releases::default(),
        }
    }

    fn name(&self) -> Name {
        self.instance.name.clone()
    }

    /// Talks to a new agent of the node from here on.
    pub(crate) fn go_on(&mut self, session: Session) {
        self.facts = session.facts;
        self.sender = session.sender;
        self.receiver = session.receiver;
    }

    /// Runs one event with the given instances online, or what is left of it.
    pub(crate) async fn step(
        &mut self,
        step: &Step,
        online: &[Name],
        at: Position,
    ) -> Result<(), NodeResult> {
        let built_in = self.built_in(step, online);
        let release = step.stage.as_ref().is_some_and(|stage| stage.stage.is_about_releases());
        if (step.run_list.is_empty() && built_in.is_empty() && !release) || self.releases.is_over(step) {
            return Ok(());
        }
        // A release is looked at again, and what makes one ready is done again for one that was put anew.
        let at = Some(at).filter(|_| self.releases.keeps_place(step));
        if at.is_some_and(|at| self.shared.is_done(&self.instance.name, at, &self.facts.boot_id)) {
            return Ok(());
        }
        if self.shared.stop.is_set() {
            return Err(NodeResult::Stopped { position: format!("before {}", step.event) });
        }
        self.shared.emit(RunEvent::EventStarted { instance: self.name(), event: step.event });
        if let Some(then) = at.and_then(|at| self.shared.facts_then(&self.instance.name, at)) {
            self.facts = then;
        }
        (self.at, self.checkpoints) = (at, 0);
        self.begin(step.event, self.shared.mode).await?;
        let result = self.evaluated_step(step, built_in, online).await;
        let result = confirm::confirm(self, result).await;
        self.at = None;
        if result.is_ok() {
            self.releases.end(step, self.shared.again);
        }
        if let (Ok(()), Some(at)) = (&result, at) {
            let (reboot, boot_id) = (self.reboot.clone(), self.facts.boot_id.clone());
            self.shared.write_ahead(Entry::StepDone { instance: self.name(), at, reboot, boot_id }).await?;
        }
        if result.is_ok()
            && let Some(recorder) = &self.shared.recorder
        {
            let collection = std::mem::take(&mut self.record.collection);
            let outcomes = std::mem::take(&mut self.record.outcomes);
            let hidden = std::mem::take(&mut self.record.hidden);
            let saved =
                SavedStep { event: step.event, online: online.to_vec(), collection, outcomes, hidden };
            recorder.record(&self.instance.name, self.record.reaction, saved);
        }
        result
    }

    /// Begins an event on the node.
    pub(crate) async fn begin(&mut self, event: Command, mode: Mode) -> Result<(), NodeResult> {
        self.event = event;
        self.mode = mode;
        self.labels.clear();
        self.output.clear();
        self.record.outcomes.clear();
        self.record.hidden.clear();
        self.record.collection = Collection::default();
        self.declared = 0;
        self.failure = None;
        self.unconfirmed = None;
        let (run, event) = (self.shared.run_label.clone(), event.name().to_owned());
        let place = self.at.and_then(|at| self.shared.place(at));
        self.send(ToAgent::Begin { run, event, mode, place }).await?;
        match self.generation.filter(|_| mode == Mode::Apply) {
            Some(generation) => {
                let stack = self.shared.stack.name.to_string();
                self.send(ToAgent::Configure { stack, generation }).await
            }
            None => Ok(()),
        }
    }

    /// What engine itself declares in a step.
    fn built_in(&self, step: &Step, online: &[Name]) -> Vec<BuiltInResource> {
        if step.stage.is_some() {
            return self.stage(step).map(|stage| app_steps::built_in(&stage)).unwrap_or_default();
        }
        built_in::resources(&Situation {
            stack: &self.shared.stack,
            instance: &self.instance,
            command: step.event,
            online,
            facts: &self.facts,
            allow_reboot: self.shared.allow_reboot,
        })
    }

    /// What a step does with an app.
    fn stage<'s>(&'s self, step: &'s Step) -> Option<app_steps::Situation<'s>> {
        let stage = step.stage.as_ref()?;
        let app = self.shared.stack.apps.iter().find(|app| app.name == stage.app)?;
        let (deployment, deployments) = (app.deployment.as_ref()?, &self.shared.deployments);
        Some(app_steps::Situation { app, deployment, stage: &stage.stage, deployments })
    }

    async fn evaluated_step(
        &mut self,
        step: &Step,
        built_in: Vec<BuiltInResource>,
        online: &[Name],
    ) -> Result<(), NodeResult> {
        let end = match self.evaluate_and_apply(step, built_in, online).await {
            Ok(end) => end,
            // What was applied before a checkpoint still has its notifications to run.
            Err(failure @ NodeResult::EvaluationFailed { .. }) if self.declared > 0 => {
                self.finish().await?;
                return Err(failure);
            }
            Err(failure) => return Err(failure),
        };
        if !matches!(end, End::Stopped { .. }) && self.declared > 0 {
            let finish = self.finish().await?;
            if matches!(end, End::Complete) {
                return self.result_of(&finish);
            }
        }
        self.result_of(&end)
    }

    pub(crate) fn result_of(&self, end: &End) -> Result<(), NodeResult> {
        match end {
            End::Complete => Ok(()),
            End::Failed { resource } => Err(NodeResult::Failed {
                error: self.failure.clone().unwrap_or_else(|| self.label(*resource).name),
            }),
            End::Stopped { remaining } if let Some(TimeLimit { length, over: true, .. }) = self.limit => {
                let error = format!(
                    "{} took longer than its {} s and was stopped at a resource boundary, {remaining} not tried",
                    self.event,
                    length.as_secs()
                );
                Err(NodeResult::Failed { error })
            }
            End::Stopped { remaining } => Err(NodeResult::Stopped {
                position: format!("in {}, at a resource boundary, {remaining} not tried", self.event),
            }),
        }
    }

    async fn evaluate_and_apply(
        &mut self,
        step: &Step,
        built_in: Vec<BuiltInResource>,
        online: &[Name],
    ) -> Result<End, NodeResult> {
        let shared = Arc::clone(&self.shared);
        let mut node = view::node(
            &shared.stack,
            &self.instance,
            step.event,
            online,
            &shared.run_attributes,
            &self.facts,
        );
        app_steps::show(
            &mut node,
            &shared.stack.apps,
            step.event,
            (&shared.deployments, self.releases.over()),
        );
        let request = EvaluateRequest { built_in, run_list: step.run_list.clone(), node };
        let (messages, mut heard) = mpsc::unbounded_channel();
        let began = Instant::now();
        let mut evaluation = shared.evaluator.evaluate(request, Box::new(ChannelObserver(messages)));
        let mut ended = None;
        let mut pings = pings();
        let evaluated = loop {
            tokio::select! {
                biased;
                Some(message) = heard.recv() => match message {
                    FromRecipe::Log(recipe, level, message) => self.shared.emit(RunEvent::Log {
                        instance: self.name(), recipe: recipe.to_string(), level, message,
                    }),
                    FromRecipe::Checkpoint(batch, reply) => {
                        let end = self.apply(batch).await?;
                        let answer = match (&end, self.shared.mode) {
                            (End::Complete, Mode::Apply) => Checkpoint::Reached(self.reach_checkpoint().await?),
                            // Nothing would change, so what is known of the node stays true.
                            (End::Complete, Mode::Plan) if self.counts.changed + self.counts.unknown == 0 => {
                                Checkpoint::Reached(self.facts.clone())
                            }
                            (End::Complete, Mode::Plan) => {
                                self.counts.unknown += 1;
                                self.shared.emit(RunEvent::PlanEndsAtCheckpoint {
                                    instance: self.name(), event: step.event,
                                });
                                self.record.ends_at_checkpoint = true;
                                Checkpoint::Unknown
                            }
                            _ => Checkpoint::Stopped,
                        };
                        if !matches!(answer, Checkpoint::Reached(_)) {
                            ended = Some(end);
                        }
                        // The evaluation is gone only if its thread died; then it says so itself.
                        let _ = reply.send(answer);
                    }
                },
                evaluated = &mut evaluation => break evaluated,
                _ = pings.tick() => self.send(ToAgent::Ping).await?,
            }
        };
        drop(evaluation);
        let collection = match evaluated {
            Ok(mut collection) => {
                let id = collection.resources.last().map_or(self.declared, |last| last.id.0 as usize + 1);
                let id = ResourceId(u32::try_from(id).unwrap_or(u32::MAX));
                let release = self.stage(step).and_then(|stage| app_steps::release(&stage, id));
                collection.resources.extend(release);
                collection
            }
            Err(failure) => {
                return Err(self.not_evaluated(failure.recipe, failure.message, failure.details));
            }
        };
        self.shared.emit(RunEvent::Evaluated {
            instance: self.name(),
            event: step.event,
            resources: self.declared + collection.resources.len(),
            duration_us: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
        });
        match ended {
            Some(end) => Ok(end),
            None => self.apply(collection).await,
        }
    }

    /// What the recipes see of the node from here on.
    async fn reach_checkpoint(&mut self) -> Result<Box<Facts>, NodeResult> {
        let number = self.checkpoints;
        self.checkpoints += 1;
        let facts = self.shared.reach_checkpoint(&self.instance.name, self.at, number, &self.facts).await?;
        self.facts.clone_from(&facts);
        Ok(facts)
    }

    pub(crate) async fn apply(&mut self, collection: Collection) -> Result<End, NodeResult> {
        if collection.resources.is_empty() {
            return Ok(End::Complete);
        }
        if self.shared.stop.is_set() {
            return Ok(End::Stopped {
                remaining: u32::try_from(collection.resources.len()).unwrap_or(u32::MAX),
            });
        }
        for resource in &collection.resources {
            self.labels.insert(resource.id, resource.into());
            self.releases.declare(resource, self.mode);
        }
        if self.shared.recorder.is_some() {
            self.record.collection.resources.extend(collection.resources.iter().cloned());
            self.record.collection.grants.clone_from(&collection.grants);
        }
        let collection = confirm::within(self.shared.stack.confirm_timeout, collection);
        let revealed = match self.shared.vault.reveal(collection).await {
            Ok(revealed) => revealed,
            Err(error) => return Err(self.not_evaluated(None, error.to_string(), Vec::new())),
        };
        if let Some(at) = self.at.filter(|_| self.declared == 0) {
            self.shared.begin_step(&self.instance.name, at, &self.facts).await?;
        }
        self.touched |= self.mode == Mode::Apply;
        self.declared += revealed.resources.len();
        self.send(ToAgent::Apply(revealed)).await?;
        self.listen().await
    }

    /// Tells that nothing of a batch was sent, and why.
    fn not_evaluated(&self, recipe: Option<String>, error: String, details: Vec<String>) -> NodeResult {
        self.shared.emit(RunEvent::EvaluationFailed {
            instance: self.name(),
            event: self.event,
            recipe,
            error: error.clone(),
            details,
        });
        NodeResult::EvaluationFailed { error }
    }

    /// Takes the node's lock, and keeps it beyond the event. Others who hold it are waited for, and named.
    pub(crate) async fn lock(&mut self) -> Result<End, NodeResult> {
        let lock = ResourceLabel { name: "the node's lock".to_owned(), ..ResourceLabel::default() };
        self.labels.insert(ResourceId(0), lock);
        self.send(ToAgent::Lock).await?;
        self.listen().await
    }

    /// Lets others change the node.
    pub(crate) async fn release(&mut self) {
        // A connection that is lost holds no lock.
        let _ = self.sender.send(ToAgent::Release).await;
    }

    async fn finish(&mut self) -> Result<End, NodeResult> {
        self.send(ToAgent::Finish).await?;
        self.listen().await
    }

    /// Hears the agent until a batch or the event ends; passes on the operator's wish to stop.
    pub(crate) async fn listen(&mut self) -> Result<End, NodeResult> {
        let mut stop = self.shared.stop.clone();
        let mut pings = pings();
        let limit = self.limit.as_ref().map(|limit| tokio::time::Instant::from_std(limit.until));
        let mut late =
            std::pin::pin!(tokio::time::sleep_until(limit.unwrap_or_else(tokio::time::Instant::now)));
        loop {
            let message = {
                let mut receive = self.receiver.receive();
                loop {
                    tokio::select! {
                        message = &mut receive => break message,
                        () = stop.wait(), if !self.stop_sent => {
                            self.stop_sent = true;
                            if let Err(failure) = self.sender.send(ToAgent::Stop).await {
                                break Err(failure);
                            }
                        }
                        () = &mut late, if limit.is_some() && !self.stop_sent => {
                            self.stop_sent = true;
                            self.limit.iter_mut().for_each(|limit| limit.over = true);
                            if let Err(failure) = self.sender.send(ToAgent::Stop).await {
                                break Err(failure);
                            }
                        }
                        _ = pings.tick() => {
                            if let Err(failure) = self.sender.send(ToAgent::Ping).await {
                                break Err(failure);
                            }
                        }
                    }
                }
            };
            let message = message.map_err(|failure| self.lost(&failure))?;
            match self.shared.vault.heard(message, &mut self.output) {
                FromAgent::Started { .. } | FromAgent::Waiting { .. } if self.quiet => {}
                FromAgent::Outcome(outcome) if self.quiet => self.record.outcomes.push(outcome),
                FromAgent::Started { resource } => {
                    self.shared.emit(RunEvent::ResourceStarted {
                        instance: self.name(),
                        resource: self.label(resource),
                    });
                }
                FromAgent::Waiting { resource, message } => self.shared.emit(RunEvent::Waiting {
                    instance: self.name(),
                    resource: self.label(resource),
                    message,
                }),
                FromAgent::Outcome(outcome) => {
                    self.end_of_output(outcome.resource);
                    self.counts.add(&outcome.status);
                    if self.shared.recorder.is_some() {
                        self.record.outcomes.push(outcome.clone());
                    }
                    let resource = self.label(outcome.resource);
                    if let Some(unconfirmed) = &mut self.unconfirmed {
                        unconfirmed.hear(&resource, &outcome.status);
                    }
                    if let Some(sent) = self.releases.hear(&outcome, self.mode) {
                        self.shared.emit(sent.event(self.name(), resource.clone()));
                    }
                    if let Status::Failed { error, ignored: false } = &outcome.status {
                        self.failure.get_or_insert_with(|| format!("{}: {error}", resource.name));
                    }
                    self.shared.emit(RunEvent::ResourceFinished {
                        instance: self.name(),
                        event: self.event,
                        resource,
                        notified_by: outcome.notified_by.map(|id| self.label(id).name),
                        outcome,
                    });
                }
                FromAgent::Wanted { pieces } => {
                    self.releases.count(&pieces);
                    let content = self.shared.sources.read(pieces).await.map_err(|failure| failure.message);
                    self.send(ToAgent::Content(content)).await?;
                }
                FromAgent::Applied { end, facts } => {
                    self.facts = facts;
                    return Ok(end);
                }
                FromAgent::Unconfirmed { id, seconds } => {
                    self.unconfirmed = Some(Unconfirmed::new(id, seconds));
                }
                FromAgent::Finished { end, reboot, hidden } => {
                    if let Some(unconfirmed) = self.unconfirmed.as_mut() {
                        unconfirmed.finish(&end);
                    }
                    self.reboot = reboot;
                    self.record.hidden = hidden;
                    return Ok(end);
                }
                FromAgent::Locked { held: true } => return Ok(End::Complete),
                FromAgent::Locked { held: false } => return Ok(End::Stopped { remaining: 0 }),
                FromAgent::Output { text, .. } if text.is_empty() => {}
                FromAgent::Output { resource, text } => self.shared.emit(RunEvent::Output {
                    instance: self.name(),
                    resource: self.label(resource),
                    text,
                }),
                FromAgent::Fatal { error } => return Err(NodeResult::Failed { error }),
                FromAgent::Hello { .. } | FromAgent::Confirmed { .. } | FromAgent::Rebooting => {
                    return Err(NodeResult::Failed {
                        error: "the agent said what makes no sense".to_owned(),
                    });
                }
            }
        }
    }

    /// Shows what was held back of a resource's output.
    fn end_of_output(&mut self, resource: ResourceId) {
        let text = self.shared.vault.scrub_end(self.output.remove(&resource));
        if !text.is_empty() {
            let (instance, resource) = (self.name(), self.label(resource));
            self.shared.emit(RunEvent::Output { instance, resource, text });
        }
    }

    pub(crate) async fn send(&mut self, message: ToAgent) -> Result<(), NodeResult> {
        match self.sender.send(message).await {
            Ok(()) => Ok(()),
            Err(failure) => {
                // What the agent said before it went is worth more than that it went.
                Err(match self.receiver.receive().await {
                    Ok(FromAgent::Fatal { error }) => NodeResult::Failed { error },
                    _ => self.lost(&failure),
                })
            }
        }
    }

    fn lost(&self, failure: &SessionFailure) -> NodeResult {
        let done = self.counts;
        NodeResult::ConnectionLost {
            error: format!(
                "{} (in {}; the agent ends the resource in hand and stops; {} changed before)",
                failure.message, self.event, done.changed
            ),
        }
    }

    fn label(&self, id: ResourceId) -> ResourceLabel {
        self.labels.get(&id).cloned().unwrap_or_else(|| ResourceLabel {
            name: format!("resource {}", id.0),
            ..ResourceLabel::default()
        })
    }
}

/// When to tell the agent that its controller is still there.
pub(crate) fn pings() -> tokio::time::Interval {
    let period = Duration::from_secs(PING_SECONDS);
    tokio::time::interval_at(tokio::time::Instant::now() + period, period)
}
