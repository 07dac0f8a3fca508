//! The built program and its frames.

mod common;

use std::{fs, io::Write, path::Path, time::Duration};

use common::{
    program::{Agent, wait_for},
    *,
};
use engine_protocol::{
    Action, Collection, Earlier, FromAgent, Mode, Outcome, Spec, Status, ToAgent,
    message::{End, Place},
    resource::{Content, FileSpec, Guard, RemoteDirectorySpec},
};

fn slow_batch(root: &Path) -> Collection {
    let path = |name: &str| root.join(name).display().to_string();
    let script = format!("touch {}; sleep 0.5; touch {}", path("begun"), path("ended"));
    collection(vec![execute(&["sh", "-c", &script]), file(&path("after"), b"x")], root)
}

#[test]
fn a_stop_ends_the_resource_in_hand_and_tries_no_other() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut agent = Agent::start(state.path());
    agent.begin(Mode::Apply, slow_batch(root.path()));
    wait_for(&root.path().join("begun"));
    agent.send(&ToAgent::Stop);
    assert_eq!(agent.applied(), (vec![Status::Changed], End::Stopped { remaining: 1 }));
    assert!(root.path().join("ended").exists() && !root.path().join("after").exists());
    // The next event is another matter.
    let resources = vec![file(&root.path().join("after").display().to_string(), b"x")];
    agent.begin(Mode::Apply, collection(resources, root.path()));
    assert_eq!(agent.applied(), (vec![Status::Changed], End::Complete));
}

#[test]
fn the_end_of_the_connection_ends_the_agent_after_the_resource_in_hand() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut agent = Agent::start(state.path());
    agent.begin(Mode::Apply, slow_batch(root.path()));
    wait_for(&root.path().join("begun"));
    agent.input = None;
    agent.child.wait().unwrap();
    assert!(root.path().join("ended").exists() && !root.path().join("after").exists());
}

#[test]
fn a_second_agent_waits_and_then_names_the_first() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut first = Agent::start(state.path());
    let resources = vec![file(&root.path().join("a").display().to_string(), b"a")];
    first.begin(Mode::Apply, collection(resources.clone(), root.path()));
    first.applied();
    let mut second = Agent::start(state.path());
    second.begin(Mode::Apply, collection(resources.clone(), root.path()));
    let Some(FromAgent::Waiting { message, .. }) = second.receive() else { panic!("does not wait") };
    let expected = format!("process {}, run `run`", first.child.id());
    assert!(message.contains(&expected), "{message}");
    assert!(matches!(second.receive(), Some(FromAgent::Fatal { .. })));
    let mut planner = Agent::start(state.path());
    planner.begin(Mode::Plan, collection(resources, root.path()));
    assert_eq!(planner.applied(), (vec![Status::UpToDate], End::Complete));
}

/// Applies at a place of a run, up to the end.
fn resumed(agent: &mut Agent, collection: Collection) -> Vec<Outcome> {
    let place = Some(Place { key: [1; 32], step: "first.0".into() });
    agent.send(&ToAgent::Begin { run: "run".into(), event: "setup".into(), mode: Mode::Apply, place });
    agent.send(&ToAgent::Apply(collection));
    let mut outcomes = Vec::new();
    loop {
        match agent.receive() {
            Some(FromAgent::Outcome(outcome)) => outcomes.push(outcome),
            Some(FromAgent::Applied { .. }) | None => return outcomes,
            Some(FromAgent::Fatal { error }) => panic!("{error}"),
            Some(_) => {}
        }
    }
}

#[test]
fn an_agent_that_is_killed_leaves_what_was_in_hand_to_be_done_again_and_nothing_else() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = |name: &str| root.path().join(name).display().to_string();
    let log = path("log");
    let waits = format!("echo b >> {log}; touch {}; while test -e {0}; do sleep 0.05; done", path("waits"));
    let batch = || {
        let says = |word: &str| execute(&["sh", "-c", &format!("echo {word} >> {log}")]);
        collection(vec![says("a"), execute(&["sh", "-c", &waits]), says("c")], root.path())
    };
    let mut first = Agent::start(state.path());
    let place = Some(Place { key: [1; 32], step: "first.0".into() });
    first.send(&ToAgent::Begin { run: "run".into(), event: "setup".into(), mode: Mode::Apply, place });
    first.send(&ToAgent::Apply(batch()));
    wait_for(&root.path().join("waits"));
    // With the command in hand.
    let group = rustix::process::Pid::from_child(&first.child);
    rustix::process::kill_process(group, rustix::process::Signal::KILL).unwrap();
    first.child.wait().unwrap();
    fs::remove_file(path("waits")).unwrap();
    let again = std::thread::spawn({
        let waits = root.path().join("waits");
        move || {
            wait_for(&waits);
            fs::remove_file(waits).unwrap();
        }
    });
    let outcomes = resumed(&mut Agent::start(state.path()), batch());
    again.join().unwrap();
    let told: Vec<_> = outcomes.into_iter().map(|outcome| (outcome.status, outcome.earlier)).collect();
    assert_eq!(
        told,
        [
            (Status::UpToDate, Earlier::Done),
            (Status::Changed, Earlier::Begun),
            (Status::Changed, Earlier::Nothing)
        ]
    );
    assert_eq!(fs::read_to_string(log).unwrap(), "a\nb\nb\nc\n");
}

#[test]
fn nonsense_is_fatal() {
    let state = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(state.path());
    agent.input.as_mut().unwrap().write_all(&[0, 0, 0, 1, 99]).unwrap();
    assert!(matches!(agent.receive(), Some(FromAgent::Fatal { .. })));
    assert_eq!(agent.child.wait().unwrap().code(), Some(1));
}

#[test]
fn two_hundred_warm_files_cost_little_and_write_nothing() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let resources: Vec<_> = (0..200)
        .map(|number| {
            let path = root.path().join(format!("file-{number}")).display().to_string();
            file(&path, format!("{number}\n").repeat(100).as_bytes())
        })
        .collect();
    let mut agent = Agent::start(state.path());
    let ticks = |agent: &Agent| {
        let threads = fs::read_dir(format!("/proc/{}/task", agent.child.id())).unwrap();
        let spent = |entry: fs::DirEntry| {
            let text = fs::read_to_string(entry.path().join("schedstat")).unwrap();
            text.split(' ').next().unwrap().parse::<u64>().unwrap()
        };
        threads.map(|entry| spent(entry.unwrap())).sum::<u64>()
    };
    agent.begin(Mode::Apply, collection(resources.clone(), root.path()));
    assert_eq!(agent.applied().1, End::Complete);
    agent.send(&ToAgent::Finish);
    assert!(matches!(agent.receive(), Some(FromAgent::Finished { end: End::Complete, .. })));
    let journal = || {
        let entries = fs::read_dir(state.path().join("journal")).unwrap();
        entries.map(|entry| entry.unwrap().metadata().unwrap().modified().unwrap()).collect::<Vec<_>>()
    };
    let (before, written) = (ticks(&agent), journal());
    agent.begin(Mode::Apply, collection(resources, root.path()));
    let (statuses, end) = agent.applied();
    assert_eq!(end, End::Complete);
    assert!(statuses.iter().all(|status| *status == Status::UpToDate));
    let spent = Duration::from_nanos(ticks(&agent) - before);
    assert_eq!(journal(), written);
    #[allow(clippy::print_stdout, reason = "a measurement is to be seen")]
    {
        println!("200 warm files: {spent:?} of processor time");
    }
    assert!(spent < Duration::from_millis(100), "{spent:?}");
}

#[test]
fn nothing_is_applied_by_what_a_plan_before_predicted() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = |name: &str| root.path().join(name).display().to_string();
    let mut guarded = file(&path("guarded"), b"x");
    guarded.common.not_if.push(Guard::PackageInstalled { name: "no-package-of-this-name".into() });
    let resources = vec![execute(&["touch", &path("made")]), guarded];
    let mut agent = Agent::start(state.path());
    agent.begin(Mode::Plan, collection(resources.clone(), root.path()));
    let (statuses, _) = agent.applied();
    assert!(matches!(statuses[1], Status::Unknown { .. }), "{statuses:?}");
    agent.send(&ToAgent::Finish);
    assert!(matches!(agent.receive(), Some(FromAgent::Finished { .. })));
    agent.begin(Mode::Apply, collection(resources, root.path()));
    assert_eq!(agent.applied(), (vec![Status::Changed, Status::Changed], End::Complete));
    assert!(root.path().join("guarded").exists());
}

#[test]
fn a_lock_that_is_asked_for_is_held_through_a_plan_and_what_follows() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let resources = vec![file(&root.path().join("a").display().to_string(), b"a")];
    let finish = |agent: &mut Agent| {
        agent.send(&ToAgent::Finish);
        assert!(matches!(agent.receive(), Some(FromAgent::Finished { .. })));
    };
    let is_held = || {
        let mut other = Agent::start(state.path());
        other.begin(Mode::Apply, collection(resources.clone(), root.path()));
        match other.receive() {
            Some(FromAgent::Waiting { .. }) => true,
            Some(_) => false,
            None => panic!("it is gone"),
        }
    };
    let mut agent = Agent::start(state.path());
    agent.send(&ToAgent::Lock);
    assert_eq!(agent.receive(), Some(FromAgent::Locked { held: true }));
    for mode in [Mode::Plan, Mode::Apply] {
        agent.begin(mode, collection(resources.clone(), root.path()));
        assert_eq!(agent.applied().0, [Status::Changed]);
        assert!(is_held());
        finish(&mut agent);
        assert!(is_held());
    }
    agent.send(&ToAgent::Release);
    agent.begin(Mode::Plan, collection(resources.clone(), root.path()));
    agent.applied();
    assert!(!is_held());
}

#[test]
fn a_plan_tells_hidden_changes_apart() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = root.path().join("a");
    let mut secret = file(&path.display().to_string(), b"secret");
    secret.common.sensitive = true;
    let hidden = || {
        let mut agent = Agent::start(state.path());
        agent.begin(Mode::Plan, collection(vec![secret.clone()], root.path()));
        agent.applied();
        agent.send(&ToAgent::Finish);
        let Some(FromAgent::Finished { hidden, .. }) = agent.receive() else { panic!("it has not finished") };
        assert_eq!(hidden.len(), 1);
        hidden
    };
    let absent = hidden();
    assert_eq!(hidden(), absent);
    fs::write(path, "another").unwrap();
    assert_ne!(hidden(), absent);
}

#[test]
fn a_plan_tells_archives_and_trees_apart_that_are_not_shown_in_full() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let out = root.path().join("out").display().to_string();
    let hidden = |spec: Spec| {
        let mut agent = Agent::start(state.path());
        agent.begin(Mode::Plan, collection(vec![resource("any", &out, Action::Create, spec)], root.path()));
        assert_eq!(agent.applied().0, [Status::Changed]);
        agent.send(&ToAgent::Finish);
        let Some(FromAgent::Finished { hidden, .. }) = agent.receive() else { panic!("it has not finished") };
        hidden
    };
    let tree = |count: usize, last: &str| {
        let mut files: Vec<_> =
            (0..count).map(|number| (format!("{number:03}"), Content(b"x".to_vec()))).collect();
        files.last_mut().unwrap().1 = Content(last.into());
        Spec::RemoteDirectory(RemoteDirectorySpec {
            path: out.clone(),
            files,
            ..RemoteDirectorySpec::default()
        })
    };
    assert_eq!(hidden(tree(3, "x")), []);
    assert_ne!(hidden(tree(99, "x")), hidden(tree(99, "y")));
    assert_eq!(hidden(tree(99, "y")), hidden(tree(99, "y")));
    let long = |last: &str| {
        let content = "a line\n".repeat(20_000) + last;
        Spec::File(FileSpec {
            path: out.clone(),
            content: Some(Content(content.into())),
            ..FileSpec::default()
        })
    };
    let changes = |spec: Spec| {
        let mut agent = Agent::start(state.path());
        agent.begin(Mode::Plan, collection(vec![resource("file", &out, Action::Create, spec)], root.path()));
        loop {
            if let Some(FromAgent::Outcome(outcome)) = agent.receive() {
                return outcome.changes;
            }
        }
    };
    assert_ne!(changes(long("x")), changes(long("y")));
    assert_eq!(changes(long("x")), changes(long("x")));
}
