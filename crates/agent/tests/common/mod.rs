//! Resources and a converging node for tests.
#![allow(dead_code, reason = "each test uses a part")]

pub mod program;
pub mod server;

use std::{
    cell::Cell,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use engine_agent::{
    converge::{Converge, Event},
    facts,
    node::{Node, Settings},
    reporter::Reporter,
};
use engine_protocol::{
    Action, Collection, Facts, FromAgent, Grants, Mode, Outcome, Resource, ResourceId, Spec, Status,
    message::{End, Place},
    resource::{
        Common, Content, CookbookGrants, DirectorySpec, ExecuteSpec, FileSpec, LinkSpec, Notification,
        Origin, Timing,
    },
};

pub fn resource(kind: &str, name: &str, action: Action, spec: Spec) -> Resource {
    Resource {
        id: ResourceId(0),
        kind: kind.into(),
        name: name.into(),
        origin: Origin { cookbook: "test".into(), recipe: "default".into() },
        actions: vec![action],
        spec,
        common: Common::default(),
    }
}

pub fn file(path: &str, content: &[u8]) -> Resource {
    let content = Some(Content(content.to_vec()));
    let spec = FileSpec { path: path.into(), content, ..FileSpec::default() };
    resource("file", path, Action::Create, Spec::File(spec))
}

pub fn directory(path: &str) -> Resource {
    let spec = DirectorySpec { path: path.into(), ..DirectorySpec::default() };
    resource("directory", path, Action::Create, Spec::Directory(spec))
}

pub fn link(path: &str, to: &str) -> Resource {
    let spec = LinkSpec { path: path.into(), to: to.into() };
    resource("link", path, Action::Create, Spec::Link(spec))
}

pub fn execute(argv: &[&str]) -> Resource {
    let argv: Vec<String> = argv.iter().map(ToString::to_string).collect();
    let name = argv.join(" ");
    resource("execute", &name, Action::Run, Spec::Execute(ExecuteSpec { argv, ..ExecuteSpec::default() }))
}

pub fn with_action(mut resource: Resource, action: Action) -> Resource {
    resource.actions = vec![action];
    resource
}

pub fn notifying(mut resource: Resource, action: Action, target: u32, timing: Timing) -> Resource {
    resource.common.notifies.push(Notification { action, target: ResourceId(target), timing });
    resource
}

/// Numbers the resources and grants everything below a directory, any command and package, and all places elsewhere.
pub fn collection(mut resources: Vec<Resource>, below: &Path) -> Collection {
    for (id, resource) in (0..).zip(&mut resources) {
        resource.id = ResourceId(id);
    }
    let grants = Grants {
        files: vec![format!("{}/**", below.display())],
        execute: vec![vec!["**".into()]],
        packages: vec!["*".into()],
        downloads: vec!["**".into()],
        network: vec!["**".into()],
        ..Grants::default()
    };
    Collection { resources, grants: vec![CookbookGrants { cookbook: "test".into(), grants }] }
}

pub struct Ran {
    pub outcomes: Vec<Outcome>,
    pub applied: End,
    pub finished: End,
}

impl Ran {
    pub fn statuses(&self) -> Vec<(u32, &'static str)> {
        self.outcomes.iter().map(|outcome| (outcome.resource.0, word(&outcome.status))).collect()
    }
}

pub fn word(status: &Status) -> &'static str {
    match status {
        Status::UpToDate => "up to date",
        Status::Changed => "changed",
        Status::Skipped { .. } => "skipped",
        Status::Failed { .. } => "failed",
        Status::Unknown { .. } => "unknown",
    }
}

pub fn converge(mode: Mode, collection: Collection, state_dir: &Path) -> Ran {
    converge_until(mode, collection, state_dir, |_| false)
}

/// Messages of the agent; after one of them the controller says stop.
struct Stopper<'a, F> {
    messages: Vec<FromAgent>,
    stopped: &'a Cell<bool>,
    stops: F,
}

impl<F: Fn(&FromAgent) -> bool> Reporter for Stopper<'_, F> {
    fn send(&mut self, message: &FromAgent) {
        if (self.stops)(message) {
            self.stopped.set(true);
        }
        self.messages.push(message.clone());
    }

    fn flush(&mut self) {}
}

/// Converges on a node with apt; the controller says stop right after a message of which `stops` holds.
pub fn converge_until(
    mode: Mode,
    collection: Collection,
    state_dir: &Path,
    stops: impl Fn(&FromAgent) -> bool,
) -> Ran {
    converge_at(None, mode, collection, state_dir, stops)
}

/// The same at a place of a run, which may have been there before.
pub fn converge_at(
    place: Option<Place>,
    mode: Mode,
    collection: Collection,
    state_dir: &Path,
    stops: impl Fn(&FromAgent) -> bool,
) -> Ran {
    let settings = Settings { state_dir: state_dir.into(), lock_wait: Duration::from_secs(1) };
    let facts = Facts { package_manager: "apt".into(), ..facts::collect() };
    let mut node = Node::new(settings, facts);
    let overlay = engine_agent::overlay::Overlay::default();
    let mut event = Event::new(state_dir, "run", "setup", mode, overlay).at(place);
    let stopped = Cell::new(false);
    let mut reporter = Stopper { messages: Vec::new(), stopped: &stopped, stops };
    let mut converge =
        Converge { event: &mut event, node: &mut node, reporter: &mut reporter, stopping: &|| stopped.get() };
    let applied = converge.apply(collection);
    let finished = converge.finish();
    let outcomes = reporter
        .messages
        .into_iter()
        .filter_map(|message| if let FromAgent::Outcome(outcome) = message { Some(outcome) } else { None })
        .collect();
    Ran { outcomes, applied, finished }
}

/// Names the directory that a test in a namespace of its own works with.
const INNER: &str = "ENGINE_AGENT_TEST_INNER";

/// Runs the test of this name again in a user and mount namespace of its own, where anybody may mount, after a shell
/// script whose `$1` is the directory. There, and nowhere else, the body is run. What `outer` gives back is kept for
/// so long.
pub fn with_mounts<T>(test: &str, script: &str, outer: impl FnOnce(&Path) -> T, body: impl FnOnce(&Path)) {
    if let Some(directory) = std::env::var_os(INNER) {
        let directory = PathBuf::from(directory);
        body(&directory);
        fs::write(directory.join("body-ended"), "").unwrap();
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let kept = outer(directory.path());
    let script = format!("set -e; {script}; shift; exec \"$@\"");
    let status = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh"])
        .arg(directory.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(INNER, directory.path())
        .status()
        .unwrap();
    drop(kept);
    assert!(status.success());
    assert!(directory.path().join("body-ended").exists(), "no test has the name {test}");
}
