//! A run that is interrupted, at whatever point, and taken up again comes to the same end as one that is not.

mod common;

use std::{cell::Cell, fs, path::Path};

use common::{collection, converge_at, directory, execute, file, notifying, with_action};
use engine_protocol::{
    Action, Collection, Earlier, FromAgent, Mode, Outcome, Resource, Status,
    message::{End, Place},
    resource::{Guard, Timing},
};

fn place(step: &str) -> Place {
    Place { key: [7; 32], step: step.into() }
}

/// A command that writes its word at the end of the log, each time it runs.
fn says(root: &Path, word: &str) -> Resource {
    let mut says = execute(&["sh", "-c", &format!("echo {word} >> {}", root.join("log").display())]);
    word.clone_into(&mut says.name);
    says
}

/// Everything that an interruption could break: commands without guards, chains of notifications of every timing,
/// resources that undo what one before them was content with, guards that would decide otherwise later, a failure that
/// is ignored, and two actions on one resource.
fn resources(root: &Path) -> Vec<Resource> {
    let path = |name: &str| root.join(name).display().to_string();
    let waits = |word| with_action(says(root, word), Action::Nothing);
    let mut skipped = says(root, "never");
    skipped.common.only_if = vec![Guard::PathExists { path: path("later") }];
    let mut ignored = execute(&["sh", "-c", &format!("echo ignored >> {}; exit 1", path("log"))]);
    ignored.common.ignore_failure = true;
    let mut twice = says(root, "twice");
    twice.actions = vec![Action::Run, Action::Run];
    vec![
        /* 0 */ directory(&path("kept")),
        /* 1 */ says(root, "first"),
        /* 2 */ notifying(file(&path("a"), b"a"), Action::Run, 10, Timing::Delayed),
        /* 3 */ skipped,
        /* 4 */ notifying(file(&path("later"), b""), Action::Run, 11, Timing::Immediately),
        /* 5 */ notifying(file(&path("b"), b"b"), Action::Run, 12, Timing::Before),
        /* 6 */ ignored,
        /* 7 */
        execute(&["sh", "-c", &format!("rm -r {0}; echo removed >> {1}", path("kept"), path("log"))]),
        /* 8 */ notifying(twice, Action::Run, 10, Timing::Delayed),
        /* 9 */ notifying(says(root, "last"), Action::Run, 13, Timing::Delayed),
        /* 10 */ notifying(waits("at the end"), Action::Run, 14, Timing::Delayed),
        /* 11 */ notifying(waits("at once"), Action::Run, 15, Timing::Immediately),
        /* 12 */ waits("before"),
        /* 13 */ notifying(waits("at the end too"), Action::Run, 15, Timing::Immediately),
        /* 14 */ waits("because of the end"),
        /* 15 */ waits("because of another"),
    ]
}

fn prepare(root: &Path) {
    fs::create_dir(root.join("kept")).unwrap();
}

/// The log, and what is there.
fn state(root: &Path) -> (Vec<String>, Vec<String>) {
    let log = fs::read_to_string(root.join("log")).unwrap_or_default();
    let there = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut there: Vec<String> = there.collect();
    there.sort();
    (log.lines().map(ToOwned::to_owned).collect(), there)
}

struct Attempt {
    outcomes: Vec<Outcome>,
    complete: bool,
}

/// One attempt that is stopped after so many outcomes.
fn attempt(root: &Path, state_dir: &Path, most: usize) -> Attempt {
    let left = Cell::new(most);
    let stops = |message: &FromAgent| {
        if matches!(message, FromAgent::Outcome(_)) {
            left.set(left.get().saturating_sub(1));
        }
        left.get() == 0
    };
    let batch = collection(resources(root), root);
    let ran = converge_at(Some(place("first.0")), Mode::Apply, batch, state_dir, stops);
    Attempt { complete: ran.finished == End::Complete, outcomes: ran.outcomes }
}

/// What is changed by an attempt, with the number of the resource and who notified it.
fn changed(attempt: &Attempt) -> Vec<(u32, Option<u32>)> {
    let changed = attempt.outcomes.iter().filter(|outcome| outcome.status == Status::Changed);
    changed.map(|outcome| (outcome.resource.0, outcome.notified_by.map(|by| by.0))).collect()
}

#[test]
fn wherever_a_run_is_interrupted_it_comes_to_the_same_end() {
    let (root, state_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    prepare(root.path());
    let whole = attempt(root.path(), state_dir.path(), usize::MAX);
    assert!(whole.complete);
    let expected = state(root.path());
    assert_eq!(
        expected.0,
        [
            "first",
            "at once",
            "because of another",
            "before",
            "ignored",
            "removed",
            "twice",
            "twice",
            "last",
            "at the end",
            "at the end too",
            "because of another",
            "because of the end"
        ]
    );

    let outcomes = whole.outcomes.len();
    assert!(outcomes > 15, "{outcomes}");
    for first in 1..outcomes {
        for second in [1, first, first + 1, outcomes + 1] {
            let (root, state_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            prepare(root.path());
            let mut attempts = vec![attempt(root.path(), state_dir.path(), first)];
            attempts.push(attempt(root.path(), state_dir.path(), second));
            attempts.push(attempt(root.path(), state_dir.path(), usize::MAX));
            assert!(attempts[2].complete, "{first}, {second}");
            assert_eq!(state(root.path()), expected, "{first}, {second}");
            let all: Vec<_> = attempts.iter().flat_map(changed).collect();
            assert_eq!(all, changed(&whole), "{first}, {second}: what is changed, and in which order");
            assert!(!state_dir.path().join("owed").exists(), "{first}, {second}: somebody was not told");
        }
    }
}

#[test]
fn what_is_done_is_said_to_be_so_and_a_finished_attempt_does_nothing_again() {
    let (root, state_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    prepare(root.path());
    assert!(attempt(root.path(), state_dir.path(), usize::MAX).complete);
    let before = state(root.path());
    let again = attempt(root.path(), state_dir.path(), usize::MAX);
    assert!(again.outcomes.iter().all(|outcome| outcome.earlier == Earlier::Done), "{:?}", again.outcomes);
    assert_eq!((again.outcomes.len(), state(root.path())), (11, before), "no notified one acts again");
}

fn once(root: &Path, state_dir: &Path, step: &str, resources: Vec<Resource>) -> Vec<(Status, Earlier)> {
    let batch: Collection = collection(resources, root);
    let ran = converge_at(Some(place(step)), Mode::Apply, batch, state_dir, |_| false);
    ran.outcomes.into_iter().map(|outcome| (outcome.status, outcome.earlier)).collect()
}

#[test]
fn a_resource_that_is_described_otherwise_is_done_again() {
    let (root, state_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut resource = says(root.path(), "a");
    let fresh = [(Status::Changed, Earlier::Nothing)];
    assert_eq!(once(root.path(), state_dir.path(), "first.0", vec![resource.clone()]), fresh);
    let done = [(Status::UpToDate, Earlier::Done)];
    assert_eq!(once(root.path(), state_dir.path(), "first.0", vec![resource.clone()]), done);
    assert_eq!(
        once(root.path(), state_dir.path(), "first.1", vec![resource.clone()]),
        fresh,
        "another event"
    );
    resource.common.retries = 2;
    assert_eq!(once(root.path(), state_dir.path(), "first.0", vec![resource]), fresh);
}

#[test]
fn what_an_attempt_was_content_with_and_touched_nothing_after_is_looked_at_again() {
    let (root, state_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = root.path().join("a");
    let batch = || vec![file(&path.display().to_string(), b"a")];
    fs::write(&path, "a").unwrap();
    assert_eq!(
        once(root.path(), state_dir.path(), "first.0", batch()),
        [(Status::UpToDate, Earlier::Nothing)]
    );
    assert_eq!(
        fs::read_dir(state_dir.path()).unwrap().count(),
        0,
        "nothing is written where nothing changes"
    );
    fs::write(&path, "other").unwrap();
    assert_eq!(
        once(root.path(), state_dir.path(), "first.0", batch()),
        [(Status::Changed, Earlier::Nothing)]
    );
}

#[test]
fn a_plan_goes_by_the_node_and_not_by_the_journal() {
    let (root, state_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    once(root.path(), state_dir.path(), "first.0", vec![says(root.path(), "a")]);
    let batch = collection(vec![says(root.path(), "a")], root.path());
    let ran = converge_at(Some(place("first.0")), Mode::Plan, batch, state_dir.path(), |_| false);
    assert_eq!((&ran.outcomes[0].status, ran.outcomes[0].earlier), (&Status::Changed, Earlier::Nothing));
}
