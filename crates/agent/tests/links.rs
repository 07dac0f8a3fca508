//! Symbolic links with which a cookbook would lead its own grants elsewhere.

mod common;

use std::{fs, os::unix::fs::symlink, path::Path};

use common::*;
use engine_protocol::{Action, Collection, Mode, Resource, Spec, Status};

fn granted(resources: Vec<Resource>, files: &[String]) -> Collection {
    let mut collection = collection(resources, Path::new("/nowhere"));
    collection.grants[0].grants.files = files.to_vec();
    collection
}

/// The last outcome's error, from a plan and from a run.
fn error(resources: &[Resource], files: &[String]) -> String {
    let state = tempfile::tempdir().unwrap();
    let error_of = |mode| {
        let ran = converge(mode, granted(resources.to_vec(), files), state.path());
        match &ran.outcomes.last().unwrap().status {
            Status::Failed { error, .. } => error.clone(),
            status => panic!("{mode:?}: {status:?}"),
        }
    };
    let planned = error_of(Mode::Plan);
    assert_eq!(error_of(Mode::Apply), planned);
    planned
}

fn is_empty(directory: &tempfile::TempDir) -> bool {
    fs::read_dir(directory.path()).unwrap().next().is_none()
}

#[test]
fn a_cookbook_cannot_put_a_link_in_place_of_a_granted_directory() {
    let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let base = root.path().display().to_string();
    let app = format!("{base}/app");
    for files in [vec![format!("{app}/**")], vec![format!("{base}/*"), format!("{app}/**")]] {
        fs::create_dir_all(&app).unwrap();
        let mut delete = with_action(directory(&app), Action::Delete);
        let Spec::Directory(spec) = &mut delete.spec else { panic!() };
        spec.recursive = true;
        let resources = vec![
            delete,
            link(&app, &outside.path().display().to_string()),
            file(&format!("{app}/x"), b"planted"),
        ];
        let error = error(&resources, &files);
        assert!(error.contains("may bring no symbolic link") && error.contains(&app), "{error}");
        assert!(is_empty(&outside), "{files:?}");
    }
}

#[test]
fn a_cookbook_cannot_lengthen_the_way_of_a_link_that_is_trusted() {
    let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let base = root.path().display().to_string();
    fs::create_dir(format!("{base}/data")).unwrap();
    symlink("data/./app", format!("{base}/app")).unwrap();
    let files = [format!("{base}/app/**"), format!("{base}/data/**")];
    // What it makes there by itself is a link like any other.
    let own = link(&format!("{base}/data/app"), &outside.path().display().to_string());
    let state = tempfile::tempdir().unwrap();
    assert_eq!(converge(Mode::Apply, granted(vec![own], &files), state.path()).statuses(), [(0, "changed")]);
    let error = error(&[file(&format!("{base}/app/x"), b"planted")], &files);
    assert!(error.contains("symbolic link") && error.contains("not followed"), "{error}");
    assert!(is_empty(&outside));
}

#[test]
fn a_grant_that_begins_with_a_wildcard_trusts_no_link() {
    let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    symlink(outside.path(), root.path().join("in")).unwrap();
    let path = root.path().join("in/x").display().to_string();
    let files = [format!("/{}*/**", &path[1..2])];
    let error = error(&[file(&path, b"planted")], &files);
    assert!(error.contains("symbolic link") && error.contains("/in`"), "{error}");
    assert!(is_empty(&outside));
}

#[test]
fn a_link_below_the_granted_directory_is_made_and_changed() {
    let root = tempfile::tempdir().unwrap();
    let base = root.path().display().to_string();
    let state = tempfile::tempdir().unwrap();
    for release in ["releases/1", "releases/2"] {
        let resources = vec![link(&format!("{base}/current"), release)];
        let ran = converge(Mode::Apply, granted(resources, &[format!("{base}/**")]), state.path());
        assert_eq!(ran.statuses(), [(0, "changed")]);
        assert_eq!(fs::read_link(root.path().join("current")).unwrap(), Path::new(release));
    }
}
