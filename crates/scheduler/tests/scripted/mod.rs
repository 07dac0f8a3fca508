//! Ports that do as a test says.
#![allow(dead_code, reason = "no test binary uses all of it")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use engine_model::{
    Attributes, BuiltInSettings, Command, ConfigureBegun, ConfigureState, Connection, Instance,
    InstanceStatus, Layer, LifecycleEvent, Name, NewRun, PendingConfigure, Rollout, RunId, RunRecord,
    RunState, Stack, StackLock, StatusRecord,
};
use engine_protocol::{
    Action, Collection, Facts, FromAgent, Mode, Outcome, Resource, ResourceId, Spec, Status, ToAgent,
    message::End,
    outcome::Earlier,
    resource::{Common, DirectorySpec, Origin},
};
use engine_scheduler::{
    Executor, NodeResult, Request, RunEvent, RunSummary, Settings, StopSignal,
    ports::{
        AgentReceiver, AgentSender, ConnectFailure, Connector, EvaluateFailure, EvaluateRequest,
        EvaluationObserver, Evaluator, LockRequest, NodeRunRecord, PortFuture, Session, SessionFailure,
        Store, StoreFailure, TimedEvent,
    },
};
use tokio::sync::mpsc;

/// What a host does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Host {
    Good,
    /// Does not answer.
    Away,
    /// Answers, but does not let us in.
    Refuses,
    /// The connection ends when there is something to apply.
    Breaks,
    /// A resource fails.
    Fails,
    /// Its recipe cannot be evaluated.
    BadRecipe,
    /// The operator presses Ctrl-C while a resource is in hand.
    StopsInResource,
    /// The operator presses Ctrl-C while recipes are evaluated.
    StopsInEvaluation,
    /// Its evaluation panics.
    Panics,
    /// A resource asks for a reboot.
    Reboots,
    /// Does everything, and is not well afterwards.
    Unwell,
    /// Works on its resource until it is told to stop.
    WorksOn,
}

#[derive(Default)]
pub struct World {
    pub hosts: Mutex<BTreeMap<String, Host>>,
    pub statuses: Mutex<BTreeMap<Name, InstanceStatus>>,
    pub events: Mutex<Vec<RunEvent>>,
    /// What happened, for reading: the phase, the instance, and a line.
    pub log: Mutex<Vec<(usize, String, String)>>,
    /// What the store was told of a run.
    pub recorded: Mutex<Vec<RunEvent>>,
    pub batches: Mutex<Vec<String>>,
    pub store_is_full: Mutex<bool>,
    /// Somebody else who holds the stack.
    pub holder: Mutex<Option<StackLock>>,
    /// Whether somebody took the stack away.
    pub stack_is_lost: Mutex<bool>,
    /// How often the stack was given back.
    pub given_back: Mutex<u32>,
    /// How far the stack has reacted.
    pub configure: Mutex<ConfigureState>,
    /// Who was online when it did so last.
    pub view: Mutex<Option<Vec<Name>>>,
    /// Layers and instances, if not one layer `app` with all that have a status.
    pub stack: Mutex<Option<Stack>>,
    /// How often a host has booted since it was switched on.
    pub boots: Mutex<u32>,
}

/// A part of the world that implements a port.
struct Port(Arc<World>, StopSignal);

pub fn name(text: &str) -> Name {
    text.parse().unwrap()
}

impl Connector for Port {
    fn connect<'a>(&'a self, instance: &'a Instance) -> PortFuture<'a, Result<Session, ConnectFailure>> {
        let host = self.0.hosts.lock().unwrap()[instance.name.as_str()];
        let failure = |message: &str, unreachable| {
            Err(ConnectFailure { message: message.to_owned(), hint: None, unreachable })
        };
        let session = match host {
            Host::Away => failure("no route", true),
            Host::Refuses => failure("the host key has changed", false),
            _ => {
                let (said, heard) = mpsc::unbounded_channel();
                let boot_id = self.0.boots.lock().unwrap().to_string();
                let hostname = instance.name.to_string();
                let facts = Box::new(Facts { hostname, boot_id, ..Facts::default() });
                let agent = Agent {
                    world: Arc::clone(&self.0),
                    stop: self.1.clone(),
                    said,
                    host,
                    instance: instance.name.to_string(),
                };
                Ok(Session {
                    facts,
                    uploaded: false,
                    sender: Box::new(agent),
                    receiver: Box::new(Ear(heard)),
                })
            }
        };
        Box::pin(async move { session })
    }
}

struct Agent {
    world: Arc<World>,
    stop: StopSignal,
    said: mpsc::UnboundedSender<FromAgent>,
    host: Host,
    instance: String,
}

struct Ear(mpsc::UnboundedReceiver<FromAgent>);

impl AgentSender for Agent {
    fn send(&mut self, message: ToAgent) -> PortFuture<'_, Result<(), SessionFailure>> {
        let boot_id = self.world.boots.lock().unwrap().to_string();
        let facts = Box::new(Facts { boot_id, ..Facts::default() });
        let answer = match (message, self.host) {
            (ToAgent::Finish, Host::Reboots) if *self.world.boots.lock().unwrap() == 0 => {
                let reboot = Some("new kernel".to_owned());
                Some(FromAgent::Finished { end: End::Complete, reboot, hidden: Vec::new() })
            }
            (ToAgent::Reboot, _) => {
                let _ = self.said.send(FromAgent::Rebooting);
                self.said = mpsc::unbounded_channel().0;
                *self.world.boots.lock().unwrap() += 1;
                None
            }
            (ToAgent::Apply(_), Host::Breaks) => {
                self.said = mpsc::unbounded_channel().0;
                None
            }
            (ToAgent::Apply(_), Host::WorksOn) => None,
            (ToAgent::Stop, Host::WorksOn) => {
                Some(FromAgent::Applied { end: End::Stopped { remaining: 0 }, facts })
            }
            (ToAgent::Apply(batch), host) => {
                self.world.batches.lock().unwrap().push(self.instance.clone());
                let unwell = host == Host::Unwell && batch.resources[0].origin.recipe == "health";
                if unwell {
                    let _ = self.said.send(FromAgent::Outcome(Outcome {
                        resource: batch.resources[0].id,
                        action: Action::Wait,
                        status: Status::Failed { error: "nobody listens".to_owned(), ignored: false },
                        changes: Vec::new(),
                        notified_by: None,
                        duration_us: 0,
                        earlier: Earlier::default(),
                    }));
                }
                let end = match host {
                    Host::Unwell if unwell => End::Failed { resource: batch.resources[0].id },
                    Host::Fails => End::Failed { resource: batch.resources[0].id },
                    Host::StopsInResource => {
                        self.stop.set();
                        End::Stopped { remaining: 1 }
                    }
                    _ => End::Complete,
                };
                Some(FromAgent::Applied { end, facts })
            }
            (ToAgent::Finish, _) => {
                Some(FromAgent::Finished { end: End::Complete, reboot: None, hidden: Vec::new() })
            }
            _ => None,
        };
        if let Some(answer) = answer {
            let _ = self.said.send(answer);
        }
        Box::pin(async { Ok(()) })
    }
}

impl AgentReceiver for Ear {
    fn receive(&mut self) -> PortFuture<'_, Result<FromAgent, SessionFailure>> {
        Box::pin(async {
            self.0.recv().await.ok_or_else(|| SessionFailure { message: "the line is cut".to_owned() })
        })
    }
}

impl Evaluator for Port {
    fn evaluate(
        &self,
        request: EvaluateRequest,
        _: Box<dyn EvaluationObserver>,
    ) -> PortFuture<'_, Result<Collection, EvaluateFailure>> {
        self.0.write_evaluation(&request);
        let instance = request.node.stack.this_instance.name;
        let host = self.0.hosts.lock().unwrap()[&instance];
        let failure = EvaluateFailure { recipe: None, message: "it traps".to_owned(), details: Vec::new() };
        let evaluated = match host {
            Host::BadRecipe => Err(failure),
            Host::Panics => panic!("of course"),
            _ => {
                if host == Host::StopsInEvaluation {
                    self.1.set();
                }
                Ok(Collection { resources: vec![directory()], grants: Vec::new() })
            }
        };
        Box::pin(async move { evaluated })
    }
}

pub fn directory() -> Resource {
    Resource {
        id: ResourceId(0),
        kind: "directory".to_owned(),
        name: "/srv".to_owned(),
        origin: Origin::default(),
        actions: vec![Action::Create],
        spec: Spec::Directory(DirectorySpec { path: "/srv".to_owned(), ..DirectorySpec::default() }),
        common: Common::default(),
    }
}

impl Store for Port {
    fn lock(
        &self,
        request: LockRequest,
    ) -> PortFuture<'_, Result<Result<StackLock, StackLock>, StoreFailure>> {
        let lock = StackLock {
            stack: request.stack,
            id: "1".to_owned(),
            owner: request.owner,
            boot_id: request.boot_id,
            process: request.process,
            operation: request.operation,
            since_ms: 0,
            until_ms: 0,
            token: 1,
        };
        let holder = self.0.holder.lock().unwrap().clone();
        Box::pin(async move { Ok(holder.map_or(Ok(lock), Err)) })
    }

    fn renew<'a>(
        &'a self,
        _: &'a Name,
        _: &'a str,
        _: Duration,
    ) -> PortFuture<'a, Result<bool, StoreFailure>> {
        let held = !*self.0.stack_is_lost.lock().unwrap();
        Box::pin(async move { Ok(held) })
    }

    fn unlock<'a>(&'a self, _: &'a Name, _: &'a str) -> PortFuture<'a, Result<bool, StoreFailure>> {
        *self.0.given_back.lock().unwrap() += 1;
        Box::pin(async { Ok(true) })
    }

    fn lock_of<'a>(&'a self, _: &'a Name) -> PortFuture<'a, Result<Option<StackLock>, StoreFailure>> {
        Box::pin(async { Ok(None) })
    }

    fn statuses<'a>(
        &'a self,
        _: &'a Name,
    ) -> PortFuture<'a, Result<BTreeMap<Name, InstanceStatus>, StoreFailure>> {
        Box::pin(async { Ok(self.0.statuses.lock().unwrap().clone()) })
    }

    fn set_status<'a>(
        &'a self,
        _: &'a Name,
        instance: &'a Name,
        status: InstanceStatus,
        owes_configure: Option<&'a str>,
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        if let Some(why) = owes_configure {
            let pending = PendingConfigure { since_ms: 0, why: why.to_owned() };
            self.0.configure.lock().unwrap().pending = Some(pending);
        }
        self.0.statuses.lock().unwrap().insert(instance.clone(), status);
        Box::pin(async { Ok(()) })
    }

    fn status_records<'a>(
        &'a self,
        _: &'a Name,
    ) -> PortFuture<'a, Result<BTreeMap<Name, StatusRecord>, StoreFailure>> {
        let statuses = self.0.statuses.lock().unwrap().clone();
        let records = statuses.into_iter().map(|(name, status)| (name, StatusRecord { status, since_ms: 0 }));
        let records = records.collect();
        Box::pin(async { Ok(records) })
    }

    fn forget<'a>(
        &'a self,
        _: &'a Name,
        instance: &'a Name,
        _: Option<&'a str>,
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        self.0.statuses.lock().unwrap().remove(instance);
        Box::pin(async { Ok(()) })
    }

    fn node_runs<'a>(
        &'a self,
        _: &'a Name,
        _: &'a Name,
        _: u32,
    ) -> PortFuture<'a, Result<Vec<NodeRunRecord>, StoreFailure>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn configure_state<'a>(&'a self, _: &'a Name) -> PortFuture<'a, Result<ConfigureState, StoreFailure>> {
        Box::pin(async { Ok(self.0.configure.lock().unwrap().clone()) })
    }

    fn begin_configure<'a>(
        &'a self,
        _: &'a Name,
        online: &'a [Name],
    ) -> PortFuture<'a, Result<ConfigureBegun, StoreFailure>> {
        let mut configure = self.0.configure.lock().unwrap();
        let last = self.0.view.lock().unwrap().replace(online.to_vec());
        configure.generation += u64::from(last.as_deref() != Some(online));
        let begun = ConfigureBegun { generation: configure.generation, number: 0 };
        Box::pin(async move { Ok(begun) })
    }

    fn end_configure<'a>(
        &'a self,
        _: &'a Name,
        _: ConfigureBegun,
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        self.0.configure.lock().unwrap().pending = None;
        Box::pin(async { Ok(()) })
    }

    fn begin_run(&self, _: NewRun) -> PortFuture<'_, Result<RunId, StoreFailure>> {
        Box::pin(async { Ok(RunId(1)) })
    }

    fn record(&self, _: RunId, events: Vec<TimedEvent>) -> PortFuture<'_, Result<(), StoreFailure>> {
        self.0.recorded.lock().unwrap().extend(events.into_iter().map(|timed| timed.event));
        Box::pin(async { Ok(()) })
    }

    fn runs<'a>(&'a self, _: &'a Name, _: u32) -> PortFuture<'a, Result<Vec<RunRecord>, StoreFailure>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn run(&self, _: RunId) -> PortFuture<'_, Result<Option<RunRecord>, StoreFailure>> {
        Box::pin(async { Ok(None) })
    }

    fn events(&self, _: RunId) -> PortFuture<'_, Result<Vec<TimedEvent>, StoreFailure>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn end_run(&self, _: RunId, _: RunState) -> PortFuture<'_, Result<(), StoreFailure>> {
        let full = *self.0.store_is_full.lock().unwrap();
        let failure = StoreFailure { place: "here".to_owned(), message: "no space is left".to_owned() };
        Box::pin(async move { if full { Err(failure) } else { Ok(()) } })
    }
}

pub fn stack(instances: impl Iterator<Item = Name>) -> Stack {
    let recipe = vec!["base::all".parse().unwrap()];
    let events = [LifecycleEvent::Setup, LifecycleEvent::Configure, LifecycleEvent::Shutdown];
    Stack {
        update_on_setup: false,
        built_in: BuiltInSettings::NONE,
        layers: vec![Layer {
            run_lists: events.into_iter().map(|event| (event, recipe.clone())).collect(),
            ..Layer::new(name("app"))
        }],
        instances: instances
            .map(|instance| Instance {
                layers: vec![name("app")],
                connection: Connection::Local,
                address: instance.to_string(),
                hostname: instance.to_string(),
                registered: false,
                name: instance,
            })
            .collect(),
        ..Stack::new(name("demo"))
    }
}

impl World {
    pub fn new(statuses: &[(&str, InstanceStatus)]) -> Arc<World> {
        let world = World::default();
        *world.statuses.lock().unwrap() =
            statuses.iter().map(|(instance, status)| (name(instance), *status)).collect();
        Arc::new(world)
    }

    /// Runs an event on hosts that do as told; all others of the world are good.
    pub async fn run(
        self: &Arc<Self>,
        command: Command,
        instances: &[&str],
        hosts: &[(&str, Host)],
    ) -> Result<RunSummary, String> {
        let all: Vec<Name> = self.statuses.lock().unwrap().keys().cloned().collect();
        *self.hosts.lock().unwrap() = all.iter().map(|name| (name.to_string(), Host::Good)).collect();
        self.hosts.lock().unwrap().extend(hosts.iter().map(|(name, host)| ((*name).to_owned(), *host)));
        self.events.lock().unwrap().clear();
        let stop = StopSignal::default();
        let port = || Arc::new(Port(Arc::clone(self), stop.clone()));
        let world = Arc::clone(self);
        let executor = Executor {
            stack: Arc::new(self.stack.lock().unwrap().clone().unwrap_or_else(|| stack(all.into_iter()))),
            connector: port(),
            evaluator: port(),
            store: port(),
            sink: Arc::new(move |event| {
                world.write_event(&event);
                world.events.lock().unwrap().push(event);
            }),
            stop: stop.clone(),
        };
        let request =
            Request { instances: instances.iter().map(|text| name(text)).collect(), ..Request::new(command) };
        let executes = command == Command::ExecuteRecipes;
        let recipes = executes.then(|| "base::all".parse().unwrap()).into_iter().collect();
        let request = Request { recipes, ..request };
        let settings = Settings {
            mode: Mode::Apply,
            parallel: 4,
            attributes: Attributes::default(),
            operator: "ana@desk".to_owned(),
            comment: String::new(),
            rollout: Rollout::default(),
            lock_wait: Duration::ZERO,
        };
        executor.run(&request, &settings).await.map_err(|error| error.to_string())
    }

    /// All that happened since the last time, phase by phase and in each instance by instance: what nodes do at the
    /// same time has no order.
    pub fn story(&self) -> String {
        let mut log = std::mem::take(&mut *self.log.lock().unwrap());
        log.sort_by(|(a, b, _), (c, d, _)| (a, b).cmp(&(c, d)));
        log.into_iter().map(|(_, _, line)| line + "\n").collect()
    }

    fn write(&self, begins: bool, instance: &str, line: String) {
        let mut log = self.log.lock().unwrap();
        let phase = log.last().map_or(0, |(phase, ..)| *phase) + usize::from(begins);
        log.push((phase, instance.to_owned(), line));
    }

    fn write_evaluation(&self, request: &EvaluateRequest) {
        let stack = &request.node.stack;
        let built_in = request.built_in.iter().map(ToString::to_string);
        let recipes = request.run_list.iter().map(ToString::to_string);
        let what: Vec<String> = built_in.chain(recipes).collect();
        let online: Vec<&str> = stack.instances.iter().map(|instance| instance.name.as_str()).collect();
        let instance = &stack.this_instance.name;
        let line = format!("  {instance} {}: {}; online: {}", stack.event, what.join(" "), online.join(" "));
        self.write(false, instance, line);
    }

    fn write_event(&self, event: &RunEvent) {
        match event {
            RunEvent::RunStarted { command, .. } => self.write(true, "", format!("run {command}")),
            RunEvent::BatchStarted { layer, batch, of, .. } => {
                self.write(true, "", format!(" {layer} batch {batch} of {of}"));
            }
            RunEvent::ConfigureStarted { generation, supersedes, .. } => {
                let supersedes = supersedes.map_or_else(String::new, |old| format!(", supersedes {old}"));
                self.write(true, "", format!(" reaction {}{supersedes}", generation.unwrap_or(0)));
            }
            RunEvent::ConfigurePending { pending } => self.write(true, "", format!("owed: {}", pending.why)),
            RunEvent::StatusChanged { instance, from, to } => {
                self.write(false, instance.as_str(), format!("  {instance} {from} -> {to}"));
            }
            _ => {}
        }
    }

    pub fn status(&self, instance: &str) -> InstanceStatus {
        self.statuses.lock().unwrap()[&name(instance)]
    }
}

/// What became of an instance.
pub fn result<'s>(summary: &'s RunSummary, instance: &str) -> &'s NodeResult {
    &summary.nodes.iter().find(|node| node.instance == name(instance)).unwrap().result
}
