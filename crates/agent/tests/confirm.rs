//! Changes that must be confirmed, with the built program as agent and as watchdog.

mod common;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use common::{
    program::{Agent, wait_for},
    *,
};
use engine_agent::revert::Pending;
use engine_protocol::{
    Action, Collection, FromAgent, Mode, Resource, Spec, Status, ToAgent,
    message::{End, Place},
    resource::{Access, Timing},
};

fn confirmed_within(mut resource: Resource, seconds: u32) -> Resource {
    resource.common.confirm_seconds = Some(seconds);
    resource
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "after 30 s it is still not so: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A file that is replaced, one that is new, and a command that is told of both and writes down what it sees.
fn change(root: &Path, seconds: u32) -> Collection {
    let path = |name: &str| root.join(name).display().to_string();
    let script = format!("cat {} >> {}", path("config"), path("seen"));
    let mut config = file(&path("config"), b"new\n");
    if let Spec::File(spec) = &mut config.spec {
        spec.access = Access { mode: Some(0o644), ..Access::default() };
    }
    let config = notifying(config, Action::Run, 2, Timing::Delayed);
    let fresh = notifying(file(&path("fresh"), b"new"), Action::Run, 2, Timing::Delayed);
    let told = with_action(execute(&["sh", "-c", &script]), Action::Nothing);
    collection(vec![confirmed_within(config, seconds), confirmed_within(fresh, seconds), told], root)
}

fn old(root: &Path) {
    fs::write(root.join("config"), "old\n").unwrap();
    fs::set_permissions(root.join("config"), fs::Permissions::from_mode(0o640)).unwrap();
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// What the agent says until a batch and the event have ended.
fn finish(agent: &mut Agent) -> Vec<FromAgent> {
    let mut said = Vec::new();
    agent.send(&ToAgent::Finish);
    loop {
        let message = agent.receive().expect("the agent is gone");
        if let FromAgent::Fatal { error } = &message {
            panic!("{error}");
        }
        let ended = matches!(message, FromAgent::Finished { .. });
        said.push(message);
        if ended {
            return said;
        }
    }
}

fn id(said: &[FromAgent]) -> Option<String> {
    said.iter().find_map(|message| match message {
        FromAgent::Unconfirmed { id, .. } => Some(id.clone()),
        _ => None,
    })
}

fn confirm(state: &Path, id: &str) -> bool {
    let mut agent = Agent::start(state);
    agent.send(&ToAgent::Confirm { id: id.into() });
    match agent.receive() {
        Some(FromAgent::Confirmed { stays }) => stays,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_nobody_confirms_is_put_back_and_who_was_told_acts_again() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    old(root.path());
    let mut agent = Agent::start(state.path());
    agent.begin(Mode::Apply, change(root.path(), 1));
    let said = finish(&mut agent);
    let id = id(&said).expect("nothing is unconfirmed");
    assert_eq!(read(&root.path().join("seen")), "new\n");
    // The controller goes away without a word.
    agent.child.kill().unwrap();
    agent.child.wait().unwrap();
    until("the old file is back", || read(&root.path().join("seen")) == "new\nold\n");
    until("nothing is pending", || Pending::read(state.path()).is_none());
    let config = root.path().join("config");
    assert_eq!(read(&config), "old\n");
    assert_eq!(fs::metadata(&config).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(!root.path().join("fresh").exists());
    assert!(!confirm(state.path(), &id), "it is too late");
}

#[test]
fn what_is_confirmed_stays_and_nothing_is_left_of_what_was_kept() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    old(root.path());
    let mut agent = Agent::start(state.path());
    agent.begin(Mode::Apply, change(root.path(), 600));
    let id = id(&finish(&mut agent)).expect("nothing is unconfirmed");
    assert!(!confirm(state.path(), "another"));
    assert!(confirm(state.path(), &id));
    assert!(!state.path().join("unconfirmed").exists());
    assert_eq!(read(&root.path().join("config")), "new\n");
    // The same again changes nothing, so there is nothing to confirm.
    agent.begin(Mode::Apply, change(root.path(), 600));
    assert_eq!(self::id(&finish(&mut agent)), None);
}

#[test]
fn an_agent_that_is_killed_in_the_middle_is_put_back_as_well() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    old(root.path());
    let mut changed = change(root.path(), 1);
    let begun = root.path().join("begun");
    let script = format!("touch {}; sleep 60", begun.display());
    let mut slow = execute(&["sh", "-c", &script]);
    slow.id = engine_protocol::ResourceId(3);
    changed.resources.push(slow);
    let mut agent = Agent::start(state.path());
    agent.begin(Mode::Apply, changed);
    wait_for(&begun);
    assert_eq!(read(&root.path().join("config")), "new\n", "the agent is still at work");
    agent.child.kill().unwrap();
    agent.child.wait().unwrap();
    until("the old file is back", || read(&root.path().join("config")) == "old\n");
    until("who would have been told acts", || read(&root.path().join("seen")) == "old\n");
}

#[test]
fn the_next_run_waits_until_it_is_put_back() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    old(root.path());
    let mut first = Agent::start(state.path());
    first.begin(Mode::Apply, change(root.path(), 3));
    finish(&mut first);
    let mut second = Agent::start(state.path());
    second.begin(Mode::Apply, change(root.path(), 600));
    match second.receive() {
        Some(FromAgent::Waiting { message, .. }) => {
            assert!(message.contains("the unconfirmed change of run `run`"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    let (statuses, end) = second.applied();
    assert_eq!((statuses, end), (vec![Status::Changed, Status::Changed], End::Complete));
    let id = id(&finish(&mut second));
    assert!(id.is_none(), "it was said before the batch ended");
    let pending = Pending::read(state.path()).unwrap();
    assert!(confirm(state.path(), &pending.id));
}

#[test]
fn a_run_that_is_taken_up_again_makes_a_change_again_that_was_put_back() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    old(root.path());
    let place = || Some(Place { key: [7; 32], step: "first.0".into() });
    let begin = |agent: &mut Agent, seconds| {
        let (run, event) = ("run".into(), "setup".into());
        agent.send(&ToAgent::Begin { run, event, mode: Mode::Apply, place: place() });
        agent.send(&ToAgent::Apply(change(root.path(), seconds)));
    };
    let mut first = Agent::start(state.path());
    begin(&mut first, 1);
    first.applied();
    drop(first.input.take());
    first.child.wait().unwrap();
    until("the old file is back", || Pending::read(state.path()).is_none());
    let mut second = Agent::start(state.path());
    begin(&mut second, 1);
    assert_eq!(second.applied().0, [Status::Changed, Status::Changed]);
}

#[test]
fn what_cannot_be_put_back_is_not_changed() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let made = root.path().join("made");
    let command = confirmed_within(execute(&["touch", &made.display().to_string()]), 60);
    let mut agent = Agent::start(state.path());
    agent.begin(Mode::Apply, collection(vec![command], root.path()));
    let (statuses, _) = agent.applied();
    let [Status::Failed { error, .. }] = &statuses[..] else { panic!("{statuses:?}") };
    assert!(error.contains("it replaces no file"), "{error}");
    assert!(!made.exists() && Pending::read(state.path()).is_none());
}
