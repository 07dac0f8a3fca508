//! What is kept to take a run up again.

use std::{collections::BTreeMap, os::unix::fs::PermissionsExt};

use engine_model::{Attributes, Command, InstanceStatus, Name, NewRun, Rollout, RunId, RunState};
use engine_protocol::Facts;
use engine_scheduler::{
    NodeResult, RunPlan,
    ports::Store,
    resume::{Deploying, Entry, Intent, Phase, Position},
};
use engine_store::SqliteStore;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn new_run(stack: &str, follows: Option<RunId>) -> NewRun {
    let (operator, comment) = ("ana@desk".to_owned(), String::new());
    NewRun { stack: name(stack), command: Command::Setup, operator, comment, follows }
}

fn intent() -> Box<Intent> {
    Box::new(Intent {
        engine: "0.1.0".to_owned(),
        key: [9; 32],
        stack: BTreeMap::from([("ssh".to_owned(), "cd34".to_owned())]),
        cookbooks: BTreeMap::from([("base".to_owned(), "ab12".to_owned())]),
        plan: RunPlan { command: Command::Setup, primary: Vec::new(), reaction: Vec::new() },
        named: vec![name("web-1")],
        attributes: Attributes::default(),
        rollout: Rollout::default(),
        deploying: Deploying::default(),
    })
}

fn entries() -> Vec<Entry> {
    let instance = name("web-1");
    let at = Position { phase: Phase::Reaction { round: 2 }, step: 1 };
    let facts = || Box::new(Facts { memory_bytes: u64::MAX, ..Facts::default() });
    vec![
        Entry::Reaction { round: 2, instances: vec![instance.clone()] },
        Entry::NodeBegan {
            instance: instance.clone(),
            status: InstanceStatus::Pending,
            online: vec![name("web-2")],
        },
        Entry::StepBegan { instance: instance.clone(), at, facts: facts() },
        Entry::Checkpoint { instance: instance.clone(), at, facts: facts() },
        Entry::StepDone {
            instance: instance.clone(),
            at,
            reboot: Some("new kernel".to_owned()),
            boot_id: "b".to_owned(),
        },
        Entry::NodeEnded { instance, phase: Phase::First, result: NodeResult::Successful },
    ]
}

#[tokio::test]
async fn a_journal_is_read_as_it_was_written_by_whoever_comes_next() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let store = SqliteStore::open(&path).unwrap();
    let run = store.begin_run(new_run("a", None), Some(intent())).await.unwrap();
    for entry in entries() {
        store.write_ahead(run, entry).await.unwrap();
    }
    // Another process, while the first one has not closed the file.
    let other = SqliteStore::open(&path).unwrap();
    let journal = other.journal(run).await.unwrap().unwrap();
    assert_eq!((journal.intent, journal.entries), (*intent(), entries()));
    assert_eq!(other.journal(RunId(99)).await.unwrap(), None);
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_journal_is_kept_until_its_run_ends_well_or_another_one_begins() {
    let store = SqliteStore::in_memory().unwrap();
    let first = store.begin_run(new_run("a", None), Some(intent())).await.unwrap();
    let elsewhere = store.begin_run(new_run("b", None), Some(intent())).await.unwrap();
    let kept = async |run| store.journal(run).await.unwrap().is_some();
    store.end_run(first, RunState::Failed).await.unwrap();
    assert!(kept(first).await);
    let follows = store.begin_run(new_run("a", Some(first)), Some(intent())).await.unwrap();
    assert!(kept(first).await && kept(follows).await);
    assert_eq!(store.run(follows).await.unwrap().unwrap().run.follows, Some(first));
    store.end_run(follows, RunState::Successful).await.unwrap();
    assert!(kept(first).await && !kept(follows).await);
    let saved = store.begin_run(new_run("a", None), None).await.unwrap();
    assert!(!kept(first).await && !kept(saved).await && kept(elsewhere).await);
}

#[tokio::test]
async fn a_run_that_was_running_when_another_one_begins_was_interrupted() {
    let store = SqliteStore::in_memory().unwrap();
    let elsewhere = store.begin_run(new_run("b", None), None).await.unwrap();
    let first = store.begin_run(new_run("a", None), None).await.unwrap();
    let second = store.begin_run(new_run("a", None), None).await.unwrap();
    let state = async |run| store.run(run).await.unwrap().unwrap().state;
    assert_eq!(state(first).await, RunState::Interrupted);
    assert_eq!((state(second).await, state(elsewhere).await), (RunState::Running, RunState::Running));
    store.end_run(second, RunState::Stopped).await.unwrap();
    store.reopen_run(second).await.unwrap();
    let record = store.run(second).await.unwrap().unwrap();
    assert_eq!((record.state, record.ended_ms), (RunState::Running, None));
}
