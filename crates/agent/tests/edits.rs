//! Parts of files that others own, on a real file system.

mod common;

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
};

use common::*;
use engine_protocol::{
    Action, Mode, Resource, Spec, Status,
    resource::{BlockInFileSpec, Format, IniSettingSpec, LineInFileSpec},
};

fn line(path: &str, line: &str) -> Resource {
    let spec = LineInFileSpec { path: path.into(), line: line.into(), ..LineInFileSpec::default() };
    resource("line_in_file", line, Action::Create, Spec::LineInFile(spec))
}

fn block(path: &str, content: &str) -> Resource {
    let (name, comment) = ("ours".to_owned(), "#".to_owned());
    let spec =
        BlockInFileSpec { path: path.into(), content: content.into(), name, comment, ..Default::default() };
    resource("block_in_file", "ours", Action::Create, Spec::BlockInFile(spec))
}

fn setting(path: &str, key: &str, value: &str) -> Resource {
    let (section, separator) = ("main".to_owned(), "=".to_owned());
    let (key, value) = (key.to_owned(), value.to_owned());
    let spec = IniSettingSpec { path: path.into(), section, key, value, separator, ..Default::default() };
    resource("ini_setting", "a setting", Action::Create, Spec::IniSetting(spec))
}

fn failure(ran: &Ran) -> &str {
    match &ran.outcomes.last().unwrap().status {
        Status::Failed { error, .. } => error,
        status => panic!("{status:?}"),
    }
}

#[test]
fn edits_see_what_earlier_resources_would_make_and_plans_say_what_happens() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = root.path().join("made/conf").display().to_string();
    let ini = root.path().join("made/ini").display().to_string();
    let resources = vec![
        directory(&root.path().join("made").display().to_string()),
        file(&path, b"first\n"),
        line(&path, "second"),
        block(&path, "third\n"),
        line(&path, "second"),
        setting(&ini, "a", "1"),
        setting(&ini, "b", "2"),
        with_action(line(&path, "first"), Action::Delete),
    ];
    let run = |mode| converge(mode, collection(resources.clone(), root.path()), state.path());
    let seen = |ran: Ran| -> Vec<_> {
        ran.outcomes.into_iter().map(|outcome| (outcome.status, outcome.changes)).collect()
    };
    let plan = seen(run(Mode::Plan));
    assert_eq!(plan[4].0, Status::UpToDate);
    assert_eq!(plan, seen(run(Mode::Apply)));
    let expected = "second\n# BEGIN engine: ours\nthird\n# END engine: ours\n";
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    assert_eq!(fs::read_to_string(&ini).unwrap(), "[main]\na=1\nb=2\n");
    assert_eq!(fs::metadata(&ini).unwrap().permissions().mode() & 0o777, 0o644);
}

#[test]
fn attributes_and_other_names_are_kept_as_for_whole_files() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (path, other) = (root.path().join("a"), root.path().join("other"));
    fs::write(&path, "x\r\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    fs::hard_link(&path, &other).unwrap();
    let mut resource = line(&path.display().to_string(), "y");
    let Spec::LineInFile(spec) = &mut resource.spec else { panic!() };
    spec.backup = 1;
    let ran = converge(Mode::Apply, collection(vec![resource], root.path()), state.path());
    assert_eq!(ran.statuses(), [(0, "changed")]);
    assert_eq!(fs::read(&path).unwrap(), b"x\r\ny\r\n");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
    assert_eq!(fs::read(&other).unwrap(), b"x\r\n");
    let kept =
        fs::read_dir(state.path().join("backup").join(&root.path().display().to_string()[1..])).unwrap();
    assert_eq!(fs::read(kept.last().unwrap().unwrap().path()).unwrap(), b"x\r\n");
}

#[test]
fn new_content_is_checked() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = root.path().join("a.toml").display().to_string();
    fs::write(&path, "a = 1\n").unwrap();
    let mut resource = line(&path, "a = 2");
    let Spec::LineInFile(spec) = &mut resource.spec else { panic!() };
    spec.verify.format = Some(Format::Toml);
    for mode in [Mode::Plan, Mode::Apply] {
        let ran = converge(mode, collection(vec![resource.clone()], root.path()), state.path());
        assert!(failure(&ran).contains("line 2, column 1: duplicate key"), "{}", failure(&ran));
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "a = 1\n");
}

#[test]
fn a_missing_file_is_named_and_may_come_from_what_nobody_foresees() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = root.path().join("a").display().to_string();
    for resource in [line(&path, "x"), block(&path, "x")] {
        let ran = converge(Mode::Apply, collection(vec![resource.clone()], root.path()), state.path());
        assert!(failure(&ran).starts_with(&format!("`{path}` does not exist")), "{}", failure(&ran));
        let after = vec![execute(&["true"]), resource];
        let ran = converge(Mode::Plan, collection(after, root.path()), state.path());
        assert_eq!(ran.statuses(), [(0, "changed"), (1, "unknown")]);
    }
    let gone = vec![
        with_action(line(&path, "x"), Action::Delete),
        with_action(block(&path, "x"), Action::Delete),
        with_action(setting(&path, "a", ""), Action::Delete),
    ];
    let ran = converge(Mode::Apply, collection(gone, root.path()), state.path());
    assert!(ran.statuses().iter().all(|(_, word)| *word == "up to date"), "{:?}", ran.statuses());
    assert!(!root.path().join("a").exists());
}

#[test]
fn a_link_is_not_followed() {
    let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (state, target) = (tempfile::tempdir().unwrap(), outside.path().join("target"));
    fs::write(&target, "x\n").unwrap();
    symlink(&target, root.path().join("a")).unwrap();
    let path = root.path().join("a").display().to_string();
    for resource in [line(&path, "y"), block(&path, "y"), setting(&path, "y", "z")] {
        let ran = converge(Mode::Apply, collection(vec![resource], root.path()), state.path());
        assert!(failure(&ran).contains("symbolic link"), "{}", failure(&ran));
    }
    assert_eq!(fs::read_to_string(target).unwrap(), "x\n");
}
