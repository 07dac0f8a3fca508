//! What users may not be used for. Nothing is changed: these plan.

mod common;

use std::{
    fs,
    os::unix::fs::{MetadataExt, symlink},
    path::Path,
};

use common::*;
use engine_protocol::{Action, Collection, Mode, Resource, Spec, Status, resource::UserSpec};

fn user(name: &str, home: &str) -> Resource {
    let spec =
        UserSpec { name: name.into(), home: Some(home.into()), manage_home: true, ..UserSpec::default() };
    resource("user", name, Action::Create, Spec::User(spec))
}

fn error(resource: Resource, files: &[String]) -> String {
    let state = tempfile::tempdir().unwrap();
    let mut collection: Collection = collection(vec![resource], Path::new("/nowhere"));
    let grants = &mut collection.grants[0].grants;
    (grants.users, grants.files) = (vec!["*".into()], files.to_vec());
    match &converge(Mode::Plan, collection, state.path()).outcomes[0].status {
        Status::Failed { error, .. } => error.clone(),
        status => panic!("{status:?}"),
    }
}

/// A user whose home directory is there, and belongs to the user or not.
fn account(own: bool) -> (String, String) {
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let found = passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let home = fs::symlink_metadata(fields[5]).ok().filter(fs::Metadata::is_dir)?;
        (own == (home.uid().to_string() == fields[2])).then(|| (fields[0].to_owned(), fields[5].to_owned()))
    });
    found.expect("there is such a user")
}

#[test]
fn a_home_directory_that_is_not_the_users_own_is_not_moved() {
    let root = tempfile::tempdir().unwrap();
    let base = root.path().display().to_string();
    let (name, home) = account(false);
    let error = error(user(&name, &format!("{base}/new")), &[format!("{base}/**")]);
    assert_eq!(
        error,
        format!("`{home}` does not belong to the user `{name}` and is not moved; leave out `manage_home`")
    );
}

#[test]
fn a_home_directory_is_not_moved_above_a_directory_that_a_grant_names() {
    let root = tempfile::tempdir().unwrap();
    let base = root.path().display().to_string();
    let (name, _) = account(true);
    let files = [format!("{base}/**"), format!("{base}/new/app/**")];
    let error = error(user(&name, &format!("{base}/new")), &files);
    assert!(error.contains("a grant of files names a directory below it"), "{error}");
}

#[test]
fn no_home_directory_is_made_behind_a_link_of_the_cookbooks() {
    let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    symlink(outside.path(), root.path().join("in")).unwrap();
    let base = root.path().display().to_string();
    let error = error(user("engine-nobody", &format!("{base}/in/home")), &[format!("{base}/**")]);
    assert!(error.contains("symbolic link") && error.contains("/in`"), "{error}");
}

#[test]
fn a_home_directory_needs_a_grant_of_its_own() {
    let error = error(user("engine-nobody", "/etc/systemd/system/cron.service.d"), &["/srv/**".into()]);
    assert!(error.contains("not granted files `/etc/systemd/system/cron.service.d"), "{error}");
}
