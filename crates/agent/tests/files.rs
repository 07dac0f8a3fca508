//! Files, directories and links on a real file system.

mod common;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
    process::Command,
};

use common::*;
use engine_protocol::{Action, Mode, Resource, Spec, Status};
use proptest::prelude::*;

fn error(resources: Vec<Resource>, below: &Path) -> String {
    let state = tempfile::tempdir().unwrap();
    let ran = converge(Mode::Apply, collection(resources, below), state.path());
    match &ran.outcomes.last().unwrap().status {
        Status::Failed { error, .. } => error.clone(),
        status => panic!("{status:?}"),
    }
}

#[test]
fn a_link_below_the_granted_directory_is_not_followed() {
    let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    symlink(outside.path(), root.path().join("in")).unwrap();
    let path = root.path().join("in/a").display().to_string();
    let error = error(vec![file(&path, b"a")], root.path());
    assert!(error.contains("symbolic link") && error.contains("/in`"), "{error}");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn the_granted_directory_itself_may_be_a_link() {
    let (root, real) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let granted = root.path().join("granted");
    symlink(real.path(), &granted).unwrap();
    let state = tempfile::tempdir().unwrap();
    let path = granted.join("a").display().to_string();
    let ran = converge(Mode::Apply, collection(vec![file(&path, b"a")], &granted), state.path());
    assert_eq!(ran.statuses(), [(0, "changed")]);
    assert_eq!(fs::read(real.path().join("a")).unwrap(), b"a");
}

#[test]
fn links_and_things_that_are_no_files_are_refused() {
    let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let target = outside.path().join("target");
    fs::write(&target, "old").unwrap();
    symlink(&target, root.path().join("link")).unwrap();
    fs::create_dir(root.path().join("dir")).unwrap();
    assert!(Command::new("mkfifo").arg(root.path().join("fifo")).status().unwrap().success());
    for (name, word) in [("link", "symbolic link"), ("dir", "directory"), ("fifo", "named pipe")] {
        for action in [Action::Create, Action::CreateIfMissing, Action::Delete] {
            let path = root.path().join(name).display().to_string();
            let error = error(vec![with_action(file(&path, b"new"), action)], root.path());
            assert!(error.contains(word), "{error}");
        }
    }
    assert_eq!(fs::read_to_string(target).unwrap(), "old");
}

#[test]
fn another_name_of_a_file_keeps_its_mode() {
    let root = tempfile::tempdir().unwrap();
    let (granted, other) = (root.path().join("granted"), root.path().join("other"));
    fs::create_dir(&granted).unwrap();
    fs::write(&other, "x").unwrap();
    fs::hard_link(&other, granted.join("a")).unwrap();
    let mut resource = file(&granted.join("a").display().to_string(), b"x");
    let Spec::File(spec) = &mut resource.spec else { panic!() };
    spec.access.mode = Some(0o600);
    let state = tempfile::tempdir().unwrap();
    converge(Mode::Apply, collection(vec![resource], &granted), state.path());
    assert_eq!(fs::metadata(&other).unwrap().mode() & 0o777, 0o644);
    assert_eq!(fs::metadata(granted.join("a")).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn attributes_that_are_not_asked_for_are_kept() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a");
    fs::write(&path, "old").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4711)).unwrap();
    let state = tempfile::tempdir().unwrap();
    let resource = file(&path.display().to_string(), b"new");
    converge(Mode::Apply, collection(vec![resource], root.path()), state.path());
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o4711);
    assert_eq!(fs::read(&path).unwrap(), b"new");
}

#[test]
fn a_full_disk_leaves_the_old_file_and_no_temporary() {
    let script = "mkdir \"$1/disk\"; mount -t tmpfs -o size=64k none \"$1/disk\"";
    let body = |directory: &Path| {
        let root = &directory.join("disk");
        fs::write(root.join("a"), "old").unwrap();
        let error = error(vec![file(&root.join("a").display().to_string(), &[b'x'; 1 << 20])], root);
        assert!(error.contains("full") && error.contains("/a`"), "{error}");
        assert_eq!(fs::read_to_string(root.join("a")).unwrap(), "old");
        assert_eq!(fs::read_dir(root).unwrap().count(), 1);
    };
    with_mounts("a_full_disk_leaves_the_old_file_and_no_temporary", script, |_| {}, body);
}

#[test]
fn what_is_mounted_in_a_directory_is_not_deleted_with_it() {
    // All binds are of the same file system.
    let script = "cd \"$1\"; mkdir -p data granted/deep/app/sub granted/one granted/app granted/plain/sub; \
                  touch data/kept granted/deep/app/a granted/one/a granted/plain/sub/a; \
                  mount --bind data granted/deep/app/sub; mount --bind data/kept granted/one/a; \
                  mount --bind data granted/app";
    let body = |directory: &Path| {
        let granted = &directory.join("granted");
        let delete = |name: &str| {
            let mut resource = directory_below(granted, name);
            let Spec::Directory(spec) = &mut resource.spec else { panic!() };
            spec.recursive = true;
            with_action(resource, Action::Delete)
        };
        let state = tempfile::tempdir().unwrap();
        for (name, mounted) in [("deep", "deep/app/sub"), ("one", "one/a"), ("app", "app")] {
            for mode in [Mode::Plan, Mode::Apply] {
                let ran = converge(mode, collection(vec![delete(name)], granted), state.path());
                let Status::Failed { error, .. } = &ran.outcomes[0].status else { panic!("{name}") };
                assert!(
                    error.starts_with(&format!("`{}/{mounted}` is a mount", granted.display())),
                    "{error}"
                );
            }
            assert!(directory.join("data/kept").exists());
        }
        assert!(granted.join("deep/app/a").exists(), "something was deleted before the mount was seen");
        let after_a_command = collection(vec![execute(&["true"]), delete("deep")], granted);
        let ran = converge(Mode::Plan, after_a_command, state.path());
        assert_eq!(ran.statuses(), [(0, "changed"), (1, "unknown")]);
        let ran = converge(Mode::Apply, collection(vec![delete("plain")], granted), state.path());
        assert_eq!(ran.statuses(), [(0, "changed")]);
        assert!(!granted.join("plain").exists());
    };
    with_mounts("what_is_mounted_in_a_directory_is_not_deleted_with_it", script, |_| {}, body);
}

fn directory_below(root: &Path, name: &str) -> Resource {
    directory(&root.join(name).display().to_string())
}

#[derive(Debug, Clone)]
struct Step {
    what: u8,
    path: usize,
    action: Action,
    recursive: bool,
    mode: Option<u32>,
    content: Vec<u8>,
}

const PATHS: [&str; 6] = ["a", "b", "a/x", "a/y", "a/x/deep", "b/z"];

fn step() -> impl Strategy<Value = Step> {
    let action = prop_oneof![
        4 => Just(Action::Create), 1 => Just(Action::CreateIfMissing), 1 => Just(Action::Delete)
    ];
    let mode = proptest::option::of(prop_oneof![Just(0o600u32), Just(0o755), Just(0o2750)]);
    let content = prop_oneof![Just(b"one\n".to_vec()), Just(Vec::new()), Just(b"\0\xff".to_vec())];
    (0u8..4, 0..PATHS.len(), action, any::<bool>(), mode, content).prop_map(
        |(what, path, action, recursive, mode, content)| Step {
            what,
            path,
            action,
            recursive,
            mode,
            content,
        },
    )
}

fn build(step: &Step, root: &Path) -> Resource {
    let path = root.join(PATHS[step.path]).display().to_string();
    let mut resource = match step.what {
        0 => file(&path, &step.content),
        1 => link(&path, "/nowhere"),
        _ => directory(&path),
    };
    match &mut resource.spec {
        Spec::File(spec) => spec.access.mode = step.mode,
        Spec::Directory(spec) => {
            spec.access.mode = step.mode;
            spec.recursive = step.recursive;
        }
        _ => {}
    }
    resource.common.ignore_failure = true;
    with_action(resource, step.action)
}

fn snapshot(root: &Path) -> BTreeMap<String, (u64, i64, i64, i64, i64, u32)> {
    let mut found = BTreeMap::new();
    let mut left = vec![root.to_path_buf()];
    while let Some(path) = left.pop() {
        let data = fs::symlink_metadata(&path).unwrap();
        if data.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let times =
            (data.ino(), data.mtime(), data.mtime_nsec(), data.ctime(), data.ctime_nsec(), data.mode());
        found.insert(path.display().to_string(), times);
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_says_what_applying_does(steps in proptest::collection::vec(step(), 1..12)) {
        let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let resources: Vec<Resource> = steps.iter().map(|step| build(step, root.path())).collect();
        let before = snapshot(root.path());
        let plan = converge(Mode::Plan, collection(resources.clone(), root.path()), state.path());
        prop_assert_eq!(snapshot(root.path()), before);
        let apply = converge(Mode::Apply, collection(resources, root.path()), state.path());
        let plain = |ran: &Ran| ran.outcomes.iter().map(|outcome| {
            (outcome.resource, outcome.status.clone(), outcome.changes.clone())
        }).collect::<Vec<_>>();
        prop_assert_eq!(plain(&plan), plain(&apply));
    }

    #[test]
    fn applied_twice_nothing_changes(steps in proptest::collection::vec(step(), 1..12)) {
        let root = tempfile::tempdir().unwrap();
        // Each path is declared once, as in a recipe that does not contradict itself.
        let mut seen = Vec::new();
        let steps: Vec<Step> = steps.into_iter().filter(|step| {
            let fresh = !seen.contains(&step.path);
            seen.push(step.path);
            fresh && step.action != Action::Delete
        }).collect();
        let resources: Vec<Resource> = steps.iter().map(|step| build(step, root.path())).collect();
        // A directory that is declared after what fails for its lack is there for the second run.
        let state = tempfile::tempdir().unwrap();
        for _ in 0..3 {
            converge(Mode::Apply, collection(resources.clone(), root.path()), state.path());
        }
        let (before, fresh) = (snapshot(root.path()), tempfile::tempdir().unwrap());
        let again = converge(Mode::Apply, collection(resources, root.path()), fresh.path());
        prop_assert!(again.outcomes.iter().all(|outcome| outcome.status != Status::Changed));
        prop_assert_eq!(snapshot(root.path()), before);
    }
}
