//! A stop while a resource waits.

mod common;

use std::fs::{self, File};

use common::*;
use engine_protocol::{
    Action, FromAgent, Mode, Resource, Spec,
    message::End,
    resource::{Guard, PackageSpec, Timing},
};
use rustix::fs::{FlockOperation, fcntl_lock};

fn started(message: &FromAgent) -> bool {
    matches!(message, FromAgent::Started { .. })
}

fn removed_package() -> Resource {
    let spec = PackageSpec { names: vec!["engine-test".into()], ..PackageSpec::default() };
    let mut package = resource("package", "engine-test", Action::Remove, Spec::Package(spec));
    package.common.ignore_failure = true;
    package
}

#[test]
fn a_stop_while_another_package_manager_runs_is_no_failure() {
    let script = "mount -t tmpfs none /var/lib; mkdir /var/lib/dpkg; mount --bind \"$1\" /var/lib/dpkg";
    let outer = |directory: &std::path::Path| {
        let status = "Package: engine-test\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n";
        fs::write(directory.join("status"), status).unwrap();
        let lock = File::create(directory.join("lock-frontend")).unwrap();
        fcntl_lock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
        lock
    };
    let body = |directory: &std::path::Path| {
        let waiting = |message: &FromAgent| match message {
            FromAgent::Waiting { message, .. } => message.contains("the package lock, held by process"),
            _ => false,
        };
        let path = |name: &str| directory.join(name).display().to_string();
        let journal = || fs::read_to_string(directory.join("state/journal/run.journal")).unwrap();
        let state = directory.join("state");

        let resources = vec![removed_package(), file(&path("after"), b"")];
        let ran = converge_until(Mode::Apply, collection(resources, directory), &state, waiting);
        assert_eq!((ran.statuses(), ran.applied), (vec![], End::Stopped { remaining: 2 }));
        assert!(!directory.join("after").exists());
        let lines =
            "\nstarted\t0\tremove\tpackage[engine-test]\noutcome\t0\tremove\tpackage[engine-test]\tstopped\n";
        assert!(journal().contains(lines), "{}", journal());
        fs::remove_dir_all(&state).unwrap();

        // At the end of the event.
        let changed = notifying(file(&path("a"), b""), Action::Remove, 1, Timing::Delayed);
        let resources = vec![changed, with_action(removed_package(), Action::Nothing)];
        let ran = converge_until(Mode::Apply, collection(resources, directory), &state, waiting);
        assert_eq!((ran.statuses(), ran.applied), (vec![(0, "changed")], End::Complete));
        assert_eq!(ran.finished, End::Stopped { remaining: 1 });
        assert!(journal().ends_with("\tstopped\nfinished\tstopped\n"), "{}", journal());
        fs::remove_dir_all(&state).unwrap();

        // What could not be told at once is owed.
        let changed = notifying(file(&path("b"), b""), Action::Remove, 1, Timing::Immediately);
        let resources = vec![changed, with_action(removed_package(), Action::Nothing)];
        let ran = converge_until(Mode::Apply, collection(resources, directory), &state, waiting);
        assert_eq!((ran.statuses(), ran.applied), (vec![(0, "changed")], End::Stopped { remaining: 2 }));
        let owed = fs::read_to_string(state.join("owed")).unwrap();
        assert!(owed.contains("\nowed\tpackage[engine-test]\tremove\tfile["), "{owed}");

        // Nobody says stop: a failure.
        let ran = converge(Mode::Apply, collection(vec![removed_package()], directory), &state);
        assert_eq!(ran.statuses(), [(0, "failed")]);
    };
    with_mounts("a_stop_while_another_package_manager_runs_is_no_failure", script, outer, body);
}

#[test]
fn a_stop_between_two_tries_is_no_failure() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut failing = execute(&["false"]);
    failing.common.retries = 3;
    failing.common.retry_delay_seconds = 3600;
    let after = file(&root.path().join("after").display().to_string(), b"");
    let batch = collection(vec![failing, after], root.path());
    let ran = converge_until(Mode::Apply, batch, state.path(), started);
    assert_eq!((ran.statuses(), ran.applied), (vec![], End::Stopped { remaining: 2 }));
    let journal = fs::read_to_string(state.path().join("journal/run.journal")).unwrap();
    assert!(!journal.contains("failed"), "{journal}");
}

#[test]
fn a_stop_ends_a_guard_before_anything_is_done() {
    for mode in [Mode::Plan, Mode::Apply] {
        let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut guarded = file(&root.path().join("a").display().to_string(), b"");
        guarded.common.only_if.push(Guard::Command { argv: vec!["sleep".into(), "20".into()] });
        let ran = converge_until(mode, collection(vec![guarded], root.path()), state.path(), started);
        assert_eq!((ran.statuses(), ran.applied), (vec![], End::Stopped { remaining: 1 }));
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);
    }
}

#[test]
fn what_is_told_at_once_is_part_of_the_resource_in_hand() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = |name: &str| root.path().join(name).display().to_string();
    let mut told = with_action(file(&path("told"), b""), Action::Nothing);
    told.common.only_if.push(Guard::Command { argv: vec!["sleep".into(), "0.1".into()] });
    let first = notifying(execute(&["true"]), Action::Create, 1, Timing::Immediately);
    let batch = collection(vec![first, told, file(&path("after"), b"")], root.path());
    let ran = converge_until(Mode::Apply, batch, state.path(), started);
    assert_eq!(ran.statuses(), [(0, "changed"), (1, "changed")]);
    assert_eq!(ran.applied, End::Stopped { remaining: 2 });
    assert!(root.path().join("told").exists() && !root.path().join("after").exists());
}
