//! What is kept to take a run up again.

use std::collections::BTreeMap;

use engine_model::{Attributes, Command, InstanceStatus, NewRun, Rollout, RunId, RunState};
use engine_protocol::Facts;
use engine_scheduler::{
    NodeResult, RunPlan,
    resume::{Deploying, Entry, Intent, Phase, Position},
};

use super::{Database, hold, hold_everywhere, name};

hold_everywhere!(
    a_journal_is_read_as_it_was_written_by_whoever_comes_next,
    a_journal_is_kept_until_its_run_ends_well_or_another_one_begins,
    a_run_that_was_running_when_another_one_begins_was_interrupted,
);

fn new_run(stack: &str, follows: Option<RunId>) -> NewRun {
    let (operator, comment) = ("ana@desk".to_owned(), String::new());
    NewRun { stack: name(stack), command: Command::Setup, operator, comment, follows }
}

pub(crate) fn intent() -> Box<Intent> {
    Box::new(Intent {
        engine: "0.1.0".to_owned(),
        key: [9; 32],
        stack: BTreeMap::from([("ssh".to_owned(), "cd34".to_owned())]),
        cookbooks: BTreeMap::from([("base".to_owned(), "ab12".to_owned())]),
        plan: RunPlan { command: Command::Setup, primary: Vec::new(), reaction: Vec::new() },
        named: vec![name("web-1")],
        attributes: Attributes::default(),
        allow_reboot: false,
        rollout: Rollout::default(),
        deploying: Deploying::default(),
    })
}

pub(crate) fn entries() -> Vec<Entry> {
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

async fn a_journal_is_read_as_it_was_written_by_whoever_comes_next(database: &impl Database) {
    let store = database.open().await;
    let a = hold(&store, &name("a")).await;
    let run = store.begin_run(&a, new_run("a", None), Some(intent())).await.unwrap();
    for entry in entries() {
        store.write_ahead(&a, run, entry).await.unwrap();
    }
    // Another controller, while the first one is still connected.
    let other = database.open().await;
    let journal = other.journal(run).await.unwrap().unwrap();
    assert_eq!((journal.intent, journal.entries), (*intent(), entries()));
    assert_eq!(other.journal(RunId(99)).await.unwrap(), None);
}

async fn a_journal_is_kept_until_its_run_ends_well_or_another_one_begins(database: &impl Database) {
    let store = database.open().await;
    let (a, b) = (hold(&store, &name("a")).await, hold(&store, &name("b")).await);
    let first = store.begin_run(&a, new_run("a", None), Some(intent())).await.unwrap();
    let elsewhere = store.begin_run(&b, new_run("b", None), Some(intent())).await.unwrap();
    let kept = async |run| store.journal(run).await.unwrap().is_some();
    store.end_run(&a, first, RunState::Failed).await.unwrap();
    assert!(kept(first).await);
    let follows = store.begin_run(&a, new_run("a", Some(first)), Some(intent())).await.unwrap();
    assert!(kept(first).await && kept(follows).await);
    assert_eq!(store.run(follows).await.unwrap().unwrap().run.follows, Some(first));
    store.end_run(&a, follows, RunState::Successful).await.unwrap();
    assert!(kept(first).await && !kept(follows).await);
    let saved = store.begin_run(&a, new_run("a", None), None).await.unwrap();
    assert!(!kept(first).await && !kept(saved).await && kept(elsewhere).await);
}

async fn a_run_that_was_running_when_another_one_begins_was_interrupted(database: &impl Database) {
    let store = database.open().await;
    let (a, b) = (hold(&store, &name("a")).await, hold(&store, &name("b")).await);
    let elsewhere = store.begin_run(&b, new_run("b", None), None).await.unwrap();
    let first = store.begin_run(&a, new_run("a", None), None).await.unwrap();
    let second = store.begin_run(&a, new_run("a", None), None).await.unwrap();
    let state = async |run| store.run(run).await.unwrap().unwrap().state;
    assert_eq!(state(first).await, RunState::Interrupted);
    assert_eq!((state(second).await, state(elsewhere).await), (RunState::Running, RunState::Running));
    store.end_run(&a, second, RunState::Stopped).await.unwrap();
    store.reopen_run(&a, second).await.unwrap();
    let record = store.run(second).await.unwrap().unwrap();
    assert_eq!((record.state, record.ended_ms), (RunState::Running, None));
}
