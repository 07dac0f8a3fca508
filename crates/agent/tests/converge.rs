//! Converging as a whole: notifications, guards, failures, predictions.

mod common;

use std::fs;

use common::*;
use engine_protocol::{
    Action, Change, Mode, ResourceId, Spec, Status,
    message::End,
    resource::{Guard, Timing},
};

fn command(argv: &[&str]) -> Guard {
    Guard::Command { argv: argv.iter().map(ToString::to_string).collect() }
}

#[test]
fn delayed_notifications_run_once_and_even_after_a_failure() {
    for mode in [Mode::Plan, Mode::Apply] {
        let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = |name: &str| root.path().join(name).display().to_string();
        let resources = vec![
            with_action(execute(&["touch", &path("told")]), Action::Nothing),
            notifying(file(&path("a"), b"a"), Action::Run, 0, Timing::Delayed),
            notifying(file(&path("b"), b"b"), Action::Run, 0, Timing::Delayed),
            file(&path("missing/c"), b"c"),
            file(&path("d"), b"d"),
        ];
        let ran = converge(mode, collection(resources, root.path()), state.path());
        assert_eq!(ran.statuses(), [(1, "changed"), (2, "changed"), (3, "failed"), (0, "changed")]);
        assert_eq!(ran.outcomes[3].notified_by, Some(ResourceId(1)));
        assert_eq!(ran.applied, End::Failed { resource: ResourceId(3) });
        assert_eq!(ran.finished, End::Failed { resource: ResourceId(3) });
        assert_eq!(root.path().join("told").exists(), mode == Mode::Apply);
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), usize::from(mode == Mode::Apply));
    }
}

#[test]
fn notifications_act_before_and_immediately() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = |name: &str| root.path().join(name).display().to_string();
    let log = path("log");
    let say =
        |word: &str| execute(&["sh", "-c", &format!("echo {word} $(ls {} | wc -l) >> {log}", path("x"))]);
    let resources = vec![
        with_action(say("first"), Action::Nothing),
        with_action(say("then"), Action::Nothing),
        directory(&path("x")),
        notifying(
            notifying(file(&path("x/a"), b"a"), Action::Run, 0, Timing::Before),
            Action::Run,
            1,
            Timing::Immediately,
        ),
        say("last"),
    ];
    let ran = converge(Mode::Apply, collection(resources, root.path()), state.path());
    assert_eq!(ran.applied, End::Complete);
    assert_eq!(fs::read_to_string(&log).unwrap(), "first 0\nthen 1\nlast 1\n");
    let journal = fs::read_to_string(state.path().join("journal/run.journal")).unwrap();
    assert!(
        journal.contains("started\t3\tcreate\t") && journal.ends_with("finished\tcomplete\n"),
        "{journal}"
    );
}

#[test]
fn what_is_not_granted_is_not_touched() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = root.path().join("a").display().to_string();
    let mut denied = collection(vec![file(&path, b"a")], root.path());
    denied.grants.clear();
    let ran = converge(Mode::Apply, denied, state.path());
    assert_eq!(ran.statuses(), [(0, "failed")]);
    assert!(!root.path().join("a").exists());
}

#[test]
fn guards_skip_and_are_unknown_after_a_planned_change() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = |name: &str| root.path().join(name).display().to_string();
    let mut guarded = file(&path("guarded"), b"");
    guarded.common.only_if.push(command(&["test", "-e", &path("made")]));
    let mut other = file(&path("other"), b"");
    other.common.not_if.push(Guard::PathExists { path: path("made") });
    let resources = vec![guarded.clone(), other, file(&path("made"), b""), guarded];
    let plan = converge(Mode::Plan, collection(resources.clone(), root.path()), state.path());
    assert_eq!(plan.statuses(), [(0, "skipped"), (1, "changed"), (2, "changed"), (3, "unknown")]);
    let Status::Unknown { because } = &plan.outcomes[3].status else { panic!() };
    assert!(because.contains("other"), "{because}");
    let apply = converge(Mode::Apply, collection(resources, root.path()), state.path());
    assert_eq!(apply.statuses(), [(0, "skipped"), (1, "changed"), (2, "changed"), (3, "changed")]);
}

#[test]
fn a_plan_runs_the_commands_of_guards() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = |name: &str| root.path().join(name).display().to_string();
    let mut guarded = file(&path("guarded"), b"");
    guarded.common.only_if.push(command(&["touch", &path("asked")]));
    let ran = converge(Mode::Plan, collection(vec![guarded], root.path()), state.path());
    assert_eq!(ran.statuses(), [(0, "changed")]);
    assert!(root.path().join("asked").exists() && !root.path().join("guarded").exists());
}

#[test]
fn retries_failures_and_secrets() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = |name: &str| root.path().join(name).display().to_string();
    let script = format!("echo x >> {0}; test $(wc -l < {0}) -ge 3", path("count"));
    let mut flaky = execute(&["sh", "-c", &script]);
    flaky.common.retries = 2;
    let mut secret = file(&path("secret"), b"hunter2");
    secret.common.sensitive = true;
    let mut leaky = execute(&["sh", "-c", "echo hunter2; exit 1"]);
    leaky.common.sensitive = true;
    leaky.common.ignore_failure = true;
    let resources = vec![flaky, secret, leaky, file(&path("end"), b"")];
    let ran = converge(Mode::Apply, collection(resources, root.path()), state.path());
    assert_eq!(ran.statuses(), [(0, "changed"), (1, "changed"), (2, "failed"), (3, "changed")]);
    assert_eq!(ran.outcomes[1].changes, [Change::Hidden]);
    assert!(!format!("{:?}", ran.outcomes).contains("hunter2"));
    assert_eq!(ran.applied, End::Complete);
    for entry in std::fs::read_dir(state.path().join("journal")).unwrap() {
        let journal = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(journal.contains("execute[sensitive #2]") && !journal.contains("hunter2"), "{journal}");
    }
}

#[test]
fn creates_skips_a_command() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = root.path().join("made").display().to_string();
    let mut make = execute(&["touch", &path]);
    let Spec::Execute(spec) = &mut make.spec else { panic!() };
    spec.process.creates = Some(path);
    for expected in ["changed", "skipped"] {
        let ran = converge(Mode::Apply, collection(vec![make.clone()], root.path()), state.path());
        assert_eq!(ran.statuses(), [(0, expected)]);
    }
}

#[test]
fn notifications_in_a_circle_fail() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let circle = notifying(execute(&["true"]), Action::Run, 0, Timing::Immediately);
    let ran = converge(Mode::Apply, collection(vec![circle], root.path()), state.path());
    assert_eq!(ran.applied, End::Failed { resource: ResourceId(0) });
}

#[test]
fn what_a_try_did_before_it_failed_is_a_change_and_is_told() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = |name: &str| root.path().join(name).display().to_string();
    let mut fails_once = execute(&["sh", "-c", &format!("touch {}; exit 1", path("made"))]);
    fails_once.common.retries = 1;
    fails_once.common.retry_delay_seconds = 0;
    let Spec::Execute(spec) = &mut fails_once.spec else { unreachable!() };
    spec.process.creates = Some(path("made"));
    let resources = vec![
        with_action(execute(&["touch", &path("told")]), Action::Nothing),
        notifying(fails_once, Action::Run, 0, Timing::Delayed),
    ];
    let ran = converge(Mode::Apply, collection(resources, root.path()), state.path());
    assert_eq!(ran.statuses(), [(1, "changed"), (0, "changed")]);
    assert!(root.path().join("told").exists());
}

#[test]
fn whom_an_unknown_resource_would_tell_is_unknown_as_well() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = |name: &str| root.path().join(name).display().to_string();
    let mut guarded = file(&path("guarded"), b"x");
    guarded.common.only_if.push(Guard::PathExists { path: path("brought") });
    for timing in [Timing::Immediately, Timing::Delayed] {
        let resources = vec![
            with_action(execute(&["touch", &path("told")]), Action::Nothing),
            execute(&["touch", &path("brought")]),
            notifying(guarded.clone(), Action::Run, 0, timing),
        ];
        let ran = converge(Mode::Plan, collection(resources, root.path()), state.path());
        assert_eq!(ran.statuses(), [(1, "changed"), (2, "unknown"), (0, "unknown")]);
        assert_eq!(ran.outcomes[2].notified_by, Some(ResourceId(2)));
        let Status::Unknown { because } = &ran.outcomes[2].status else { unreachable!() };
        assert!(because.starts_with("file["), "{because}");
    }
    // Whom another tells for certain acts for certain.
    let resources = vec![
        with_action(execute(&["touch", &path("told")]), Action::Nothing),
        execute(&["touch", &path("brought")]),
        notifying(guarded, Action::Run, 0, Timing::Delayed),
        notifying(file(&path("sure"), b"x"), Action::Run, 0, Timing::Delayed),
    ];
    let ran = converge(Mode::Plan, collection(resources, root.path()), state.path());
    assert_eq!(ran.statuses(), [(1, "changed"), (2, "unknown"), (3, "changed"), (0, "changed")]);
}
