//! Runs over ports that do as a test says: what becomes of instances when hosts do not play along.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use engine_model::{
    Attributes, Command, Connection, Instance, InstanceStatus, Layer, LifecycleEvent, Name, NewRun, RunId,
    RunRecord, RunState, SshSettings, Stack, StackLock,
};
use engine_protocol::{
    Action, Collection, Facts, FromAgent, Mode, Resource, ResourceId, Spec, ToAgent,
    message::End,
    resource::{Common, DirectorySpec, ExecuteSpec, Origin},
};
use engine_scheduler::{
    Executor, NodeResult, Request, RunEvent, RunSummary, Settings, StopSignal,
    ports::{
        AgentReceiver, AgentSender, ConnectFailure, Connector, EvaluateFailure, EvaluateRequest,
        EvaluationObserver, Evaluator, LockRequest, PortFuture, Session, SessionFailure, Store, StoreFailure,
        TimedEvent,
    },
};
use tokio::sync::mpsc;

/// What a host does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Host {
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
    /// Works on its resource until it is told to stop.
    WorksOn,
}

#[derive(Default)]
struct World {
    hosts: Mutex<BTreeMap<String, Host>>,
    statuses: Mutex<BTreeMap<Name, InstanceStatus>>,
    events: Mutex<Vec<RunEvent>>,
    /// What the store was told of a run.
    recorded: Mutex<Vec<RunEvent>>,
    batches: Mutex<Vec<String>>,
    store_is_full: Mutex<bool>,
    /// Somebody else who holds the stack.
    holder: Mutex<Option<StackLock>>,
    /// Whether somebody took the stack away.
    stack_is_lost: Mutex<bool>,
    /// How often the stack was given back.
    given_back: Mutex<u32>,
    /// How often a host has booted since it was switched on.
    boots: Mutex<u32>,
}

/// A part of the world that implements a port.
struct Port(Arc<World>, StopSignal);

fn name(text: &str) -> Name {
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
                let end = match host {
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

fn directory() -> Resource {
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
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        self.0.statuses.lock().unwrap().insert(instance.clone(), status);
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

fn stack(instances: impl Iterator<Item = Name>) -> Stack {
    let recipe = vec!["base::all".parse().unwrap()];
    let events = [LifecycleEvent::Setup, LifecycleEvent::Configure, LifecycleEvent::Shutdown];
    Stack {
        name: name("demo"),
        description: String::new(),
        update_on_setup: false,
        attributes: Attributes::default(),
        ssh: SshSettings::default(),
        cookbooks: Vec::new(),
        layers: vec![Layer {
            name: name("app"),
            description: String::new(),
            update_on_setup: None,
            run_lists: events.into_iter().map(|event| (event, recipe.clone())).collect(),
            attributes: Attributes::default(),
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
        apps: Vec::new(),
    }
}

impl World {
    fn new(statuses: &[(&str, InstanceStatus)]) -> Arc<World> {
        let world = World::default();
        *world.statuses.lock().unwrap() =
            statuses.iter().map(|(instance, status)| (name(instance), *status)).collect();
        Arc::new(world)
    }

    /// Runs an event on hosts that do as told; all others of the world are good.
    async fn run(
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
            stack: Arc::new(stack(all.into_iter())),
            connector: port(),
            evaluator: port(),
            store: port(),
            sink: Arc::new(move |event| world.events.lock().unwrap().push(event)),
            stop: stop.clone(),
        };
        let request =
            Request { instances: instances.iter().map(|text| name(text)).collect(), ..Request::new(command) };
        let settings = Settings {
            mode: Mode::Apply,
            parallel: 4,
            attributes: Attributes::default(),
            operator: "ana@desk".to_owned(),
            comment: String::new(),
            lock_wait: Duration::ZERO,
        };
        executor.run(&request, &settings).await.map_err(|error| error.to_string())
    }

    fn status(&self, instance: &str) -> InstanceStatus {
        self.statuses.lock().unwrap()[&name(instance)]
    }
}

fn result<'s>(summary: &'s RunSummary, instance: &str) -> &'s NodeResult {
    &summary.nodes.iter().find(|node| node.instance == name(instance)).unwrap().result
}

#[tokio::test]
async fn a_host_that_is_lost_in_its_first_setup_is_not_online_afterwards() {
    let world = World::new(&[("app-1", InstanceStatus::Pending), ("app-2", InstanceStatus::Online)]);
    let summary = world.run(Command::Setup, &["app-1"], &[("app-1", Host::Breaks)]).await.unwrap();
    assert!(matches!(result(&summary, "app-1"), NodeResult::ConnectionLost { .. }));
    assert_eq!(world.status("app-1"), InstanceStatus::SetupFailed);
    world.run(Command::Configure, &[], &[]).await.unwrap();
    assert_eq!(world.status("app-1"), InstanceStatus::SetupFailed);
}

#[tokio::test]
async fn a_host_that_is_lost_while_it_serves_is_back_when_it_answers() {
    let world = World::new(&[("app-1", InstanceStatus::Online), ("app-2", InstanceStatus::Online)]);
    world.run(Command::Configure, &[], &[("app-1", Host::Breaks)]).await.unwrap();
    assert_eq!(world.status("app-1"), InstanceStatus::ConnectionLost);
    let summary = world.run(Command::Configure, &[], &[]).await.unwrap();
    assert!(summary.is_success());
    assert_eq!(world.status("app-1"), InstanceStatus::Online);
}

#[tokio::test]
async fn a_host_that_refuses_us_stays_in_service_and_fails_every_run() {
    let world = World::new(&[("app-1", InstanceStatus::Online), ("app-2", InstanceStatus::Online)]);
    for _ in 0..2 {
        let summary = world.run(Command::Configure, &[], &[("app-1", Host::Refuses)]).await.unwrap();
        assert!(!summary.is_success());
        assert!(matches!(result(&summary, "app-1"), NodeResult::Unreachable { .. }));
        assert_eq!(world.status("app-1"), InstanceStatus::Online);
    }
}

#[tokio::test]
async fn who_is_known_to_be_away_is_left_out_unless_asked_for() {
    let world = World::new(&[("app-1", InstanceStatus::Online), ("app-2", InstanceStatus::Online)]);
    let away = [("app-1", Host::Away)];
    let first = world.run(Command::Configure, &[], &away).await.unwrap();
    assert!(!first.is_success());
    assert_eq!(world.status("app-1"), InstanceStatus::ConnectionLost);
    let second = world.run(Command::Configure, &[], &away).await.unwrap();
    assert!(second.is_success());
    assert!(matches!(result(&second, "app-1"), NodeResult::LeftOut { .. }));
    let named = world.run(Command::Configure, &["app-1"], &away).await.unwrap();
    assert!(!named.is_success());
    let all = [("app-1", Host::Away), ("app-2", Host::Away)];
    world.run(Command::Configure, &[], &all).await.unwrap();
    let nobody = world.run(Command::Configure, &[], &all).await.unwrap();
    assert!(!nobody.is_success(), "nobody was reached");
}

#[tokio::test]
async fn ctrl_c_takes_nobody_out_of_service() {
    for host in [Host::StopsInResource, Host::StopsInEvaluation] {
        let world = World::new(&[("app-1", InstanceStatus::Online)]);
        let summary = world.run(Command::Setup, &[], &[("app-1", host)]).await.unwrap();
        assert!(summary.stopped && !summary.is_success());
        assert!(matches!(result(&summary, "app-1"), NodeResult::Stopped { .. }), "{host:?}");
        assert_eq!(world.status("app-1"), InstanceStatus::Online, "{host:?}");
    }
}

#[tokio::test]
async fn ctrl_c_during_evaluation_applies_nothing() {
    let world = World::new(&[("app-1", InstanceStatus::Pending)]);
    world.run(Command::Setup, &[], &[("app-1", Host::StopsInEvaluation)]).await.unwrap();
    assert!(world.batches.lock().unwrap().is_empty());
    assert_eq!(world.status("app-1"), InstanceStatus::Pending);
}

#[tokio::test]
async fn a_recipe_that_cannot_be_evaluated_takes_nobody_out_of_service() {
    let world = World::new(&[("app-1", InstanceStatus::Online), ("app-2", InstanceStatus::Pending)]);
    let bad = [("app-1", Host::BadRecipe), ("app-2", Host::BadRecipe)];
    assert!(!world.run(Command::Setup, &[], &bad).await.unwrap().is_success());
    assert_eq!(world.status("app-1"), InstanceStatus::Online);
    assert_eq!(world.status("app-2"), InstanceStatus::Pending);
}

#[tokio::test]
async fn a_failed_setup_takes_out_of_service_and_stops_nobody_else() {
    let world = World::new(&[("app-1", InstanceStatus::Online), ("app-2", InstanceStatus::Pending)]);
    let summary = world.run(Command::Setup, &[], &[("app-1", Host::Fails)]).await.unwrap();
    assert!(!summary.is_success());
    assert_eq!(world.status("app-1"), InstanceStatus::SetupFailed);
    assert_eq!(world.status("app-2"), InstanceStatus::Online);
    assert_eq!(*result(&summary, "app-2"), NodeResult::Successful);
}

#[tokio::test]
async fn an_interrupted_shutdown_is_not_online_and_is_taken_up_again() {
    let world = World::new(&[("app-1", InstanceStatus::Online), ("app-2", InstanceStatus::Online)]);
    world.run(Command::Shutdown, &["app-1"], &[("app-1", Host::Breaks)]).await.unwrap();
    assert_eq!(world.status("app-1"), InstanceStatus::ShuttingDown);
    world.run(Command::Shutdown, &["app-1"], &[]).await.unwrap();
    assert_eq!(world.status("app-1"), InstanceStatus::Stopped);
}

#[tokio::test]
async fn a_store_that_fails_at_the_end_hides_no_summary() {
    let world = World::new(&[("app-1", InstanceStatus::Online)]);
    *world.store_is_full.lock().unwrap() = true;
    let error = world.run(Command::Configure, &[], &[]).await.unwrap_err();
    assert!(error.contains("no space is left"), "{error}");
    assert!(matches!(world.events.lock().unwrap().last(), Some(RunEvent::RunFinished { .. })));
}

#[tokio::test]
async fn a_panic_in_a_reaction_is_not_swallowed() {
    let world = World::new(&[("app-1", InstanceStatus::Online), ("app-2", InstanceStatus::Online)]);
    let running = tokio::spawn(async move {
        world.run(Command::Configure, &[], &[("app-1", Host::Panics)]).await.map(|_| ())
    });
    assert!(running.await.unwrap_err().is_panic());
}

#[test]
fn a_sensitive_command_is_not_named() {
    let mut resource = directory();
    resource.kind = "execute".to_owned();
    resource.name = "mysql -psecret".to_owned();
    resource.spec = Spec::Execute(ExecuteSpec::default());
    resource.common.sensitive = true;
    let label = engine_scheduler::event::ResourceLabel::from(&resource);
    assert_eq!(label.name, "execute[sensitive #0]");
}

#[tokio::test]
async fn a_node_that_was_rebooted_goes_on_as_another_boot() {
    let world = World::new(&[("app-1", InstanceStatus::Pending), ("app-2", InstanceStatus::Online)]);
    let hosts = [("app-1", Host::Reboots)];
    let summary = world.run(Command::Setup, &["app-1"], &hosts).await.unwrap();
    assert!(summary.is_success(), "{summary:?}");
    let events = world.events.lock().unwrap();
    let position = |wanted: fn(&RunEvent) -> bool| events.iter().position(wanted).unwrap();
    let down =
        position(|event| matches!(event, RunEvent::Rebooting { reason, .. } if reason == "new kernel"));
    let back = position(|event| matches!(event, RunEvent::Rebooted { .. }));
    let online =
        position(|event| matches!(event, RunEvent::StatusChanged { to: InstanceStatus::Online, .. }));
    assert!(down < back && back < online, "{events:?}");
    assert_eq!(*world.boots.lock().unwrap(), 1);
}

#[tokio::test]
async fn what_is_shown_of_a_run_is_remembered() {
    let world = World::new(&[("app-1", InstanceStatus::Pending), ("app-2", InstanceStatus::Online)]);
    world.run(Command::Setup, &[], &[("app-2", Host::Away)]).await.unwrap();
    let shown: Vec<RunEvent> = world
        .events
        .lock()
        .unwrap()
        .iter()
        .filter(|event| !matches!(event, RunEvent::ResourceStarted { .. }))
        .cloned()
        .collect();
    let recorded = world.recorded.lock().unwrap().clone();
    assert!(matches!(recorded.first(), Some(RunEvent::RunStarted { .. })));
    assert!(matches!(recorded.last(), Some(RunEvent::RunFinished { .. })));
    assert_eq!(recorded.len(), shown.len());
    assert!(shown.iter().all(|event| recorded.contains(event)));
}

#[tokio::test]
async fn a_stack_that_somebody_else_holds_is_left_alone_and_given_back_after_a_run() {
    let world = World::new(&[("app-1", InstanceStatus::Pending)]);
    let holder = StackLock {
        stack: name("demo"),
        id: "7".to_owned(),
        owner: "bo@desk, process 9".to_owned(),
        boot_id: "another machine's".to_owned(),
        process: 9,
        operation: "deploy".to_owned(),
        since_ms: 0,
        until_ms: u64::MAX,
        token: 4,
    };
    *world.holder.lock().unwrap() = Some(holder);
    let error = world.run(Command::Setup, &[], &[]).await.unwrap_err();
    assert!(
        error.contains("bo@desk, process 9") && error.contains("deploy") && error.contains("lock 7"),
        "{error}"
    );
    assert!(world.batches.lock().unwrap().is_empty() && world.recorded.lock().unwrap().is_empty());

    *world.holder.lock().unwrap() = None;
    world.run(Command::Setup, &[], &[("app-1", Host::Fails)]).await.unwrap();
    assert_eq!(*world.given_back.lock().unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_stack_is_taken_away_says_so_and_stops() {
    let world = World::new(&[("app-1", InstanceStatus::Pending)]);
    *world.stack_is_lost.lock().unwrap() = true;
    let summary = world.run(Command::Setup, &[], &[("app-1", Host::WorksOn)]).await.unwrap();
    assert!(summary.stopped);
    let events = world.events.lock().unwrap();
    assert!(events.iter().any(|event| matches!(event, RunEvent::StackLost { .. })), "{events:?}");
}
