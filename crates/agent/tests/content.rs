//! What new content must pass, what is kept of old content, and times.

mod common;

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    time::{Duration, SystemTime},
};

use common::*;
use engine_protocol::{
    Action, Change, Mode, Resource, Spec, Status,
    resource::{FileSpec, Format},
};

fn with(mut resource: Resource, set: impl FnOnce(&mut FileSpec)) -> Resource {
    let Spec::File(spec) = &mut resource.spec else { panic!("no file") };
    set(spec);
    resource
}

fn verified(path: &str, content: &str, argv: &[&str]) -> Resource {
    let argv = argv.iter().map(ToString::to_string).collect();
    with(file(path, content.as_bytes()), |spec| spec.verify.argv = argv)
}

fn failure(ran: &Ran) -> &str {
    match &ran.outcomes.last().unwrap().status {
        Status::Failed { error, .. } => error,
        status => panic!("{status:?}"),
    }
}

fn kept(state: &Path, path: &str) -> Vec<String> {
    let (directory, name) = path[1..].rsplit_once('/').unwrap();
    let Ok(entries) = fs::read_dir(state.join("backup").join(directory)) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with(&format!("{name}.2")));
    paths.sort();
    paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn malformed_content_is_refused_in_plan_and_run_and_the_old_file_stays() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = root.path().join("a.json").display().to_string();
    fs::write(&path, "{}").unwrap();
    let resource = with(file(&path, b"{\"a\": }"), |spec| spec.verify.format = Some(Format::Json));
    for mode in [Mode::Plan, Mode::Apply] {
        let ran = converge(mode, collection(vec![resource.clone()], root.path()), state.path());
        let expected = format!("the new content of `{path}` is not well-formed json: line 1, column 7: ");
        assert!(failure(&ran).starts_with(&expected), "{}", failure(&ran));
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "{}");
    // What is there and stays is nobody's new content.
    fs::write(&path, "old and malformed").unwrap();
    let same = with(file(&path, b"old and malformed"), |spec| spec.verify.format = Some(Format::Json));
    let ran = converge(Mode::Apply, collection(vec![same], root.path()), state.path());
    assert_eq!(ran.statuses(), [(0, "up to date")]);
}

#[test]
fn a_command_sees_the_new_content_complete_and_beside_the_old() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (path, seen) = (root.path().join("site.conf"), root.path().join("seen"));
    fs::write(&path, "old").unwrap();
    let script = format!("echo $(stat -c %a $0) $(cat $0) $(cat {}) $0 > {}", path.display(), seen.display());
    let argv = ["sh", "-c", &script, "{path}"];
    let resource = verified(&path.display().to_string(), "new", &argv);
    let resource = with(resource, |spec| spec.access.mode = Some(0o640));
    let plan = converge(Mode::Plan, collection(vec![resource.clone()], root.path()), state.path());
    assert_eq!(plan.statuses(), [(0, "changed")]);
    assert!(!seen.exists(), "a plan ran the command");
    let ran = converge(Mode::Apply, collection(vec![resource], root.path()), state.path());
    assert_eq!(ran.statuses(), [(0, "changed")]);
    let told = fs::read_to_string(seen).unwrap();
    let words: Vec<&str> = told.split_whitespace().collect();
    assert_eq!(words[..3], ["640", "new", "old"]);
    let draft = Path::new(words[3]);
    assert_eq!(draft.parent(), Some(root.path()));
    assert!(draft.file_name().unwrap().to_str().unwrap().ends_with("site.conf") && !draft.exists());
    assert_eq!(fs::read_to_string(path).unwrap(), "new");
}

#[test]
fn what_a_command_refuses_is_not_put_in_place() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = root.path().join("a").display().to_string();
    let resource = verified(&path, "new", &["sh", "-c", "echo $0: no; exit 3", "{path}"]);
    let resource = with(resource, |spec| spec.backup = 1);
    for old in [None, Some("old")] {
        if let Some(old) = old {
            fs::write(&path, old).unwrap();
        }
        let ran = converge(Mode::Apply, collection(vec![resource.clone()], root.path()), state.path());
        let expected = format!(
            "`sh -c echo $0: no; exit 3 {{path}}` refused the new content of `{path}`, which was not put in place: \
             it exited with 3:\n{path}: no"
        );
        assert_eq!(failure(&ran), expected);
        assert_eq!(fs::read_to_string(&path).ok().as_deref(), old);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), usize::from(old.is_some()));
    }
    assert!(kept(state.path(), &path).is_empty());
    let mut secret = resource;
    secret.common.sensitive = true;
    let ran = converge(Mode::Apply, collection(vec![secret], root.path()), state.path());
    assert!(!failure(&ran).contains(": no"), "{}", failure(&ran));
}

#[test]
fn a_command_that_is_not_granted_is_not_run() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = root.path().join("a").display().to_string();
    let mut denied = collection(vec![verified(&path, "new", &["touch", "{path}.ran"])], root.path());
    denied.grants[0].grants.execute.clear();
    let ran = converge(Mode::Apply, denied, state.path());
    assert!(failure(&ran).contains("is not granted execute"), "{}", failure(&ran));
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
}

#[test]
fn replaced_and_deleted_versions_are_kept_up_to_the_number() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = root.path().join("motd").display().to_string();
    let of = |content: &str| with(file(&path, content.as_bytes()), |spec| spec.backup = 2);
    let run = |resource| {
        let ran = converge(Mode::Apply, collection(vec![resource], root.path()), state.path());
        assert_eq!(ran.statuses(), [(0, "changed")]);
    };
    run(of("one"));
    assert!(kept(state.path(), &path).is_empty(), "nothing was replaced");
    converge(Mode::Plan, collection(vec![of("two")], root.path()), state.path());
    assert!(kept(state.path(), &path).is_empty(), "a plan keeps nothing");
    run(of("two"));
    run(with(of("two"), |spec| spec.access.mode = Some(0o600)));
    assert_eq!(kept(state.path(), &path), ["one"], "the content of what gets another mode is not replaced");
    run(of("three"));
    run(with_action(of("ignored"), Action::Delete));
    assert_eq!(kept(state.path(), &path), ["two", "three"]);
    assert!(!Path::new(&path).exists());
}

#[test]
fn touching_is_a_change_each_time() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = root.path().join("a").display().to_string();
    let spec = FileSpec { path: path.clone(), ..FileSpec::default() };
    let touch = resource("file", &path, Action::Touch, Spec::File(spec));
    let run = |mode| converge(mode, collection(vec![touch.clone()], root.path()), state.path());
    let changes = |ran: Ran| ran.outcomes[0].changes.clone();
    let plan = changes(run(Mode::Plan));
    assert!(!Path::new(&path).exists());
    assert_eq!(plan, changes(run(Mode::Apply)));
    assert!(matches!(&plan[0], Change::Done { what } if what == "created"), "{plan:?}");
    assert_eq!(fs::read(&path).unwrap(), b"");
    fs::write(&path, "kept").unwrap();
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    let times = fs::FileTimes::new().set_accessed(long_ago).set_modified(long_ago);
    fs::File::options().write(true).open(&path).unwrap().set_times(times).unwrap();
    let (inode, plan) = (fs::metadata(&path).unwrap().ino(), changes(run(Mode::Plan)));
    assert_eq!(fs::metadata(&path).unwrap().mtime(), 1_000_000);
    assert_eq!(plan, changes(run(Mode::Apply)));
    assert!(matches!(&plan[..], [Change::Done { what }] if what == "touched"), "{plan:?}");
    let now = fs::metadata(&path).unwrap();
    assert!(now.mtime() > 1_000_000 && now.atime() > 1_000_000 && now.ino() == inode);
    assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
}

#[test]
fn touching_gives_what_else_is_asked_for() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = root.path().join("a");
    fs::write(&path, "old").unwrap();
    fs::hard_link(&path, root.path().join("other")).unwrap();
    let resource = with(file(&path.display().to_string(), b"new"), |spec| spec.access.mode = Some(0o600));
    let touch = with_action(resource, Action::Touch);
    let ran = converge(Mode::Apply, collection(vec![touch], root.path()), state.path());
    assert_eq!(ran.outcomes[0].changes.len(), 3, "content, mode and times: {:?}", ran.outcomes[0].changes);
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(root.path().join("other")).unwrap(), "old");
}

#[test]
fn create_if_missing_looks_at_nothing_of_what_is_there() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = root.path().join("a.json").display().to_string();
    let resource = with(file(&path, b"{"), |spec| {
        spec.verify.format = Some(Format::Json);
        spec.backup = 1;
    });
    let resource = with_action(resource, Action::CreateIfMissing);
    let run = || converge(Mode::Apply, collection(vec![resource.clone()], root.path()), state.path());
    assert!(failure(&run()).contains("not well-formed json"));
    fs::write(&path, "also malformed").unwrap();
    assert_eq!(run().statuses(), [(0, "up to date")]);
    assert!(kept(state.path(), &path).is_empty());
}
