//! Ports that do as a test says.
#![allow(dead_code, reason = "no test binary uses all of it")]

mod agent;
mod fuse;
mod recipes;
mod store;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use engine_model::{
    Attributes, BuiltInSettings, Command, ConfigureState, Connection, Instance, InstanceStatus, Layer,
    LifecycleEvent, Name, Rollout, RunId, RunRecord, Stack, StackLock,
};
use engine_protocol::{
    Action, Facts, Mode, Resource, ResourceId, Spec,
    resource::{Common, DirectorySpec, Origin},
};
use engine_scheduler::{
    Executor, NodeResult, Request, RunEvent, RunSummary, Settings, StopSignal, ports::EvaluateRequest,
    resume::Journal,
};
pub use fuse::Fuse;

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
    /// The connection ends when there is something to apply, for the first time.
    BreaksOnce,
    /// Its recipe has a checkpoint.
    Checkpoints,
    /// Changes something that must be confirmed.
    MustConfirm,
    /// The same, and lets nobody in after that.
    LocksOut,
    /// The same, and the connection ends at once.
    LocksOutAtOnce,
    /// The same, and has put it back before anybody comes.
    Impatient,
}

/// Instance, key of the run, place in it, and name of a resource that is done there.
pub type Mark = (String, [u8; 32], String, String);

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
    /// How many writes are made before somebody takes the stack away.
    pub writes_until_lost: Mutex<Option<usize>>,
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
    /// When the controller is killed.
    pub fuse: Fuse,
    /// What recipes see of nodes, which is something else each time that one looks.
    pub moment: Mutex<u64>,
    /// How often a resource was applied, by instance, place in the run and name.
    pub effects: Mutex<BTreeMap<(String, String, String), u32>>,
    /// The marks in the journals of all nodes.
    pub marks: Mutex<BTreeSet<Mark>>,
    /// How many entries a journal can hold.
    pub room: Mutex<Option<usize>>,
    /// How often a connection broke.
    pub broken: Mutex<u32>,
    /// The digests of the cookbooks.
    pub digests: Mutex<BTreeMap<String, String>>,
    /// The runs that the store knows.
    pub runs: Mutex<Vec<RunRecord>>,
    /// What it keeps to take them up.
    pub journals: Mutex<BTreeMap<RunId, Journal>>,
}

/// A part of the world that implements a port.
struct Port(Arc<World>, StopSignal);

pub fn name(text: &str) -> Name {
    text.parse().unwrap()
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
        let request =
            Request { instances: instances.iter().map(|text| name(text)).collect(), ..Request::new(command) };
        let executes = command == Command::ExecuteRecipes;
        let recipes = executes.then(|| "base::all".parse().unwrap()).into_iter().collect();
        let request = Request { recipes, ..request };
        self.executor().run(&request, &settings()).await.map_err(|error| error.to_string())
    }

    /// Takes a run up again; all hosts but these do as they did.
    pub async fn resume(
        self: &Arc<Self>,
        run: Option<u64>,
        hosts: &[(&str, Host)],
    ) -> Result<RunSummary, String> {
        self.hosts.lock().unwrap().extend(hosts.iter().map(|(name, host)| ((*name).to_owned(), *host)));
        let resumed = self.executor().resume(run.map(RunId), &settings()).await;
        resumed.map_err(|error| error.to_string())
    }

    fn executor(self: &Arc<Self>) -> Executor {
        self.events.lock().unwrap().clear();
        let all: Vec<Name> = self.statuses.lock().unwrap().keys().cloned().collect();
        let stop = StopSignal::default();
        let port = || Arc::new(Port(Arc::clone(self), stop.clone()));
        let world = Arc::clone(self);
        Executor {
            stack: Arc::new(self.stack.lock().unwrap().clone().unwrap_or_else(|| stack(all.into_iter()))),
            connector: port(),
            evaluator: port(),
            store: port(),
            sources: port(),
            secrets: port(),
            sink: Arc::new(move |event| {
                world.write_event(&event);
                world.events.lock().unwrap().push(event);
            }),
            stop: stop.clone(),
        }
    }

    /// What is seen of a node right now.
    fn facts(&self, hostname: &str) -> Box<Facts> {
        let mut moment = self.moment.lock().unwrap();
        *moment += 1;
        let boot_id = self.boots.lock().unwrap().to_string();
        let hostname = hostname.to_owned();
        Box::new(Facts { hostname, boot_id, memory_bytes: *moment, ..Facts::default() })
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

fn settings() -> Settings {
    Settings {
        mode: Mode::Apply,
        parallel: 4,
        attributes: Attributes::default(),
        allow_reboot: false,
        operator: "ana@desk".to_owned(),
        comment: String::new(),
        rollout: Rollout::default(),
        lock_wait: Duration::ZERO,
    }
}

/// What became of an instance.
pub fn result<'s>(summary: &'s RunSummary, instance: &str) -> &'s NodeResult {
    &summary.nodes.iter().find(|node| node.instance == name(instance)).unwrap().result
}
