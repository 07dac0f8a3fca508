//! Notifications that a run could not give: the next one does, once.

mod common;

use std::{fs, path::Path};

use common::{collection, converge, converge_until, execute, file, notifying, with_action};
use engine_protocol::{Action, FromAgent, Mode, Resource, ResourceId, resource::Timing};

/// A file that tells a command to write a line, and the command.
fn resources(root: &Path, timing: Timing) -> Vec<Resource> {
    let path = |name: &str| root.join(name).display().to_string();
    let say = execute(&["sh", "-c", &format!("echo told >> {}", path("log"))]);
    vec![notifying(file(&path("a"), b"a"), Action::Run, 1, timing), with_action(say, Action::Nothing)]
}

fn told(root: &Path) -> usize {
    fs::read_to_string(root.join("log")).unwrap_or_default().lines().count()
}

fn outcome(message: &FromAgent) -> bool {
    matches!(message, FromAgent::Outcome(_))
}

#[test]
fn the_next_run_tells_who_was_not_told_and_the_one_after_does_not() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let batch = || collection(resources(root.path(), Timing::Delayed), root.path());
    let ran = converge_until(Mode::Apply, batch(), state.path(), outcome);
    assert_eq!((ran.statuses(), told(root.path())), (vec![(0, "changed")], 0));

    // A plan says so, and pays nothing.
    let plan = converge(Mode::Plan, batch(), state.path());
    assert_eq!(plan.statuses(), [(0, "up to date"), (1, "changed")]);
    assert_eq!(plan.outcomes[1].notified_by, Some(ResourceId(0)));

    let ran = converge(Mode::Apply, batch(), state.path());
    assert_eq!((ran.statuses(), told(root.path())), (vec![(0, "up to date"), (1, "changed")], 1));
    let ran = converge(Mode::Apply, batch(), state.path());
    assert_eq!((ran.statuses(), told(root.path())), (vec![(0, "up to date")], 1));
    assert!(!state.path().join("owed").exists());
}

#[test]
fn who_changes_again_tells_once_all_the_same() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let batch = || collection(resources(root.path(), Timing::Delayed), root.path());
    converge_until(Mode::Apply, batch(), state.path(), outcome);
    fs::write(root.path().join("a"), "other").unwrap();
    let ran = converge(Mode::Apply, batch(), state.path());
    assert_eq!((ran.statuses(), told(root.path())), (vec![(0, "changed"), (1, "changed")], 1));
}

#[test]
fn who_fails_again_has_told_nobody_and_owes_it_still() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let batch = || collection(resources(root.path(), Timing::Delayed), root.path());
    converge_until(Mode::Apply, batch(), state.path(), outcome);
    fs::remove_file(root.path().join("a")).unwrap();
    fs::create_dir(root.path().join("a")).unwrap();
    let ran = converge(Mode::Apply, batch(), state.path());
    assert_eq!((ran.statuses(), told(root.path())), (vec![(0, "failed")], 0));
    fs::remove_dir(root.path().join("a")).unwrap();
    fs::write(root.path().join("a"), "a").unwrap();
    let ran = converge(Mode::Apply, batch(), state.path());
    assert_eq!((ran.statuses(), told(root.path())), (vec![(0, "up to date"), (1, "changed")], 1));
    assert_eq!(converge(Mode::Apply, batch(), state.path()).statuses(), [(0, "up to date")]);
}

#[test]
fn a_target_that_fails_is_told_again_by_the_next_run() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = |name: &str| root.path().join(name).display().to_string();
    let batch = || {
        let say =
            execute(&["sh", "-c", &format!("test -e {0} && echo told >> {1}", path("ready"), path("log"))]);
        let first = notifying(file(&path("a"), b"a"), Action::Run, 1, Timing::Immediately);
        collection(vec![first, with_action(say, Action::Nothing)], root.path())
    };
    assert_eq!(converge(Mode::Apply, batch(), state.path()).statuses(), [(0, "changed"), (1, "failed")]);
    fs::write(root.path().join("ready"), "").unwrap();
    let ran = converge(Mode::Apply, batch(), state.path());
    assert_eq!((ran.statuses(), told(root.path())), (vec![(0, "up to date"), (1, "changed")], 1));
    assert_eq!(converge(Mode::Apply, batch(), state.path()).statuses(), [(0, "up to date")]);
}

#[test]
fn what_is_owed_to_somebody_who_is_not_declared_stays_owed() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let both = || collection(resources(root.path(), Timing::Delayed), root.path());
    converge_until(Mode::Apply, both(), state.path(), outcome);
    let other = collection(vec![file(&root.path().join("b").display().to_string(), b"")], root.path());
    converge(Mode::Apply, other, state.path());
    assert_eq!(told(root.path()), 0);
    converge(Mode::Apply, both(), state.path());
    assert_eq!(told(root.path()), 1);
}

#[test]
fn a_sensitive_command_is_owed_without_being_written_down() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let batch = || {
        let mut resources = resources(root.path(), Timing::Delayed);
        resources[1].common.sensitive = true;
        collection(resources, root.path())
    };
    converge_until(Mode::Apply, batch(), state.path(), outcome);
    let owed = fs::read_to_string(state.path().join("owed")).unwrap();
    assert!(owed.contains("execute[sensitive ") && !owed.contains("echo"), "{owed}");
    converge(Mode::Apply, batch(), state.path());
    assert_eq!(told(root.path()), 1);
}
