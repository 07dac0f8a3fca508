//! Directories with files from the cookbook, on a real file system.

mod common;

use std::{
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt, symlink},
    },
    path::Path,
};

use common::*;
use engine_protocol::{
    Action, Change, Mode, Resource, Spec, Status,
    resource::{Content, RemoteDirectorySpec},
};

fn tree(path: &Path, files: &[(&str, &str)]) -> Resource {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), Content(text.as_bytes().to_vec())));
    let path = path.display().to_string();
    let spec = RemoteDirectorySpec { path: path.clone(), files: files.collect(), ..Default::default() };
    resource("remote_directory", &path, Action::Create, Spec::RemoteDirectory(spec))
}

fn with(mut resource: Resource, set: impl FnOnce(&mut RemoteDirectorySpec)) -> Resource {
    let Spec::RemoteDirectory(spec) = &mut resource.spec else { panic!() };
    set(spec);
    resource
}

fn words(changes: &[Change]) -> Vec<String> {
    let word = |change: &Change| match change {
        Change::Done { what } => what.clone(),
        Change::Property { name, .. } => name.clone(),
        Change::Diff { .. } => "diff".into(),
        other => format!("{other:?}"),
    };
    changes.iter().map(word).collect()
}

fn failure(ran: &Ran) -> &str {
    match &ran.outcomes.last().unwrap().status {
        Status::Failed { error, .. } => error,
        status => panic!("{status:?}"),
    }
}

/// Plans and applies, which must say the same, and applies again, which must change nothing.
fn applied(resources: &[Resource], below: &Path) -> Vec<Change> {
    let state = tempfile::tempdir().unwrap();
    let run = |mode| converge(mode, collection(resources.to_vec(), below), state.path());
    let seen = |ran: Ran| -> Vec<_> {
        ran.outcomes.into_iter().map(|outcome| (outcome.status, outcome.changes)).collect()
    };
    let (plan, apply) = (seen(run(Mode::Plan)), seen(run(Mode::Apply)));
    assert_eq!(plan, apply);
    let again = run(Mode::Apply);
    assert!(again.outcomes.iter().all(|outcome| outcome.status == Status::UpToDate), "{:?}", again.outcomes);
    apply.last().unwrap().1.clone()
}

#[test]
fn a_tree_is_made_and_brought_up_to_date() {
    let root = tempfile::tempdir().unwrap();
    let site = root.path().join("site");
    let files = [("a.txt", "a\n"), ("css/deep/b.css", "b\n"), ("css/c.css", "")];
    let changes = applied(&[tree(&site, &files)], root.path());
    let expected = [
        "created",
        "mode",
        "created css",
        "created css/deep",
        "created a.txt",
        "diff",
        "created css/deep/b.css",
        "diff",
        "created css/c.css",
    ];
    assert_eq!(words(&changes), expected);
    assert_eq!(fs::read_to_string(site.join("css/deep/b.css")).unwrap(), "b\n");
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
    assert_eq!((mode(&site.join("css")), mode(&site.join("a.txt"))), (0o755, 0o644));

    fs::write(site.join("a.txt"), "other\n").unwrap();
    fs::write(site.join("mine"), "stays").unwrap();
    let changed = with(tree(&site, &files), |spec| {
        spec.access.mode = Some(0o750);
        spec.files_mode = Some(0o640);
    });
    let changes = applied(&[changed], root.path());
    let expected = [
        "mode",
        "mode of css",
        "mode of css/deep",
        "changed a.txt",
        "diff",
        "mode of a.txt",
        "mode of css/deep/b.css",
        "mode of css/c.css",
    ];
    assert_eq!(words(&changes), expected);
    assert_eq!((mode(&site.join("css")), mode(&site.join("css/c.css"))), (0o750, 0o640));
    assert_eq!(fs::read_to_string(site.join("mine")).unwrap(), "stays");
}

#[test]
fn purging_deletes_what_is_not_in_the_cookbook_and_names_it() {
    let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let site = root.path().join("site");
    fs::create_dir_all(site.join("old/deep")).unwrap();
    fs::create_dir_all(site.join("css")).unwrap();
    for path in ["old/deep/x", "css/gone.css", "css/kept.css", "also-gone"] {
        fs::write(site.join(path), "x").unwrap();
    }
    fs::write(outside.path().join("kept"), "x").unwrap();
    symlink(outside.path(), site.join("link")).unwrap();
    fs::create_dir(site.join(OsStr::from_bytes(b"caf\xe9"))).unwrap();
    let purged = with(tree(&site, &[("css/kept.css", "x")]), |spec| spec.purge = true);
    let before = vec![file(&site.join("predicted").display().to_string(), b"x")];
    let resources = before.into_iter().chain([purged.clone()]).collect();
    let state = tempfile::tempdir().unwrap();
    let plan = converge(Mode::Plan, collection(resources, root.path()), state.path());
    let expected = [
        "deleted also-gone",
        "deleted caf\u{fffd}",
        "deleted link",
        "deleted old",
        "deleted predicted",
        "deleted css/gone.css",
    ];
    assert_eq!(words(&plan.outcomes[1].changes), expected);
    fs::write(site.join("predicted"), "x").unwrap();
    assert_eq!(words(&applied(&[purged], root.path())), expected);
    assert_eq!(fs::read_dir(&site).unwrap().count(), 1);
    assert_eq!(fs::read_dir(site.join("css")).unwrap().count(), 1);
    assert!(outside.path().join("kept").exists());
}

#[test]
fn no_link_is_followed_even_where_everything_is_granted() {
    let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let state = tempfile::tempdir().unwrap();
    for (name, place) in [("directory", "css"), ("file", "a.txt"), ("top", "")] {
        let site = root.path().join(name);
        if place.is_empty() {
            symlink(outside.path(), &site).unwrap();
        } else {
            fs::create_dir(&site).unwrap();
            symlink(outside.path(), site.join(place)).unwrap();
        }
        let resource = with(tree(&site, &[("a.txt", "x"), ("css/b.css", "x")]), |spec| spec.purge = true);
        for mode in [Mode::Plan, Mode::Apply] {
            let mut all = collection(vec![resource.clone()], root.path());
            all.grants[0].grants.files = vec!["/**".into()];
            let ran = converge(mode, all, state.path());
            assert!(failure(&ran).contains("symbolic link"), "{}", failure(&ran));
        }
    }
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn things_of_another_kind_are_refused_before_anything_is_changed() {
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let site = root.path().join("site");
    fs::create_dir_all(site.join("z")).unwrap();
    let ran = converge(
        Mode::Apply,
        collection(vec![tree(&site, &[("a", "x"), ("z", "x")])], root.path()),
        state.path(),
    );
    assert!(failure(&ran).contains("/z` is a directory, not a file"), "{}", failure(&ran));
    assert!(!site.join("a").exists());
    let ran = converge(
        Mode::Apply,
        collection(vec![tree(&root.path().join("no/site"), &[])], root.path()),
        state.path(),
    );
    assert!(failure(&ran).contains("/no` does not exist"), "{}", failure(&ran));
}

#[test]
fn a_tree_is_deleted_with_all_that_is_in_it() {
    let root = tempfile::tempdir().unwrap();
    let site = root.path().join("site");
    fs::create_dir_all(site.join("deep")).unwrap();
    fs::write(site.join("deep/x"), "x").unwrap();
    let gone = with_action(tree(&site, &[]), Action::Delete);
    assert_eq!(words(&applied(&[gone], root.path())), ["deleted"]);
    assert!(!site.exists());
}

#[test]
fn many_files_are_counted_and_put_in_place() {
    let root = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..1500).map(|number| format!("d{}/f{number:04}", number / 3)).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
    let changes = applied(&[tree(&root.path().join("site"), &files)], root.path());
    assert_eq!(words(&changes).last().unwrap(), "created 1980 more");
    let other = with(tree(&root.path().join("site"), &files), |spec| spec.files_mode = Some(0o600));
    assert_eq!(words(&applied(&[other], root.path())).last().unwrap(), "changed 1480 more");
    let mode = fs::metadata(root.path().join("site/d499/f1499")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_directory_that_an_earlier_resource_makes_is_filled() {
    let root = tempfile::tempdir().unwrap();
    let site = root.path().join("made/site");
    let resources = vec![
        directory(&root.path().join("made").display().to_string()),
        directory(&site.display().to_string()),
        file(&site.join("a").display().to_string(), b"x"),
        with(tree(&site, &[("a", "x"), ("b/c", "y")]), |spec| spec.purge = true),
    ];
    assert_eq!(words(&applied(&resources, root.path())), ["created b", "created b/c", "diff"]);
}

#[test]
fn what_is_mounted_below_is_neither_purged_nor_deleted() {
    let script = "cd \"$1\"; mkdir -p data site/extra/sub site/css; touch data/kept site/extra/x site/css/old; \
                  mount --bind data site/extra/sub";
    let body = |directory: &Path| {
        let (site, state) = (directory.join("site"), tempfile::tempdir().unwrap());
        let purged = || with(tree(&site, &[("css/a", "x")]), |spec| spec.purge = true);
        for mode in [Mode::Plan, Mode::Apply] {
            let ran = converge(mode, collection(vec![purged()], &site), state.path());
            assert!(failure(&ran).contains("site/extra/sub` is a mount point"), "{}", failure(&ran));
        }
        assert!(site.join("css/old").exists() && directory.join("data/kept").exists());
        let after = vec![execute(&["true"]), purged()];
        let ran = converge(Mode::Plan, collection(after, &site), state.path());
        assert_eq!(ran.statuses(), [(0, "changed"), (1, "unknown")]);
        // A directory of the cookbook's on which something is mounted is filled, but not purged.
        let filled = with(tree(&site, &[("css/a", "x"), ("extra/sub/a", "x")]), |spec| spec.purge = true);
        let ran = converge(Mode::Apply, collection(vec![filled], &site), state.path());
        assert_eq!(ran.statuses(), [(0, "changed")]);
        assert!(directory.join("data/kept").exists() && directory.join("data/a").exists());
        assert!(!site.join("extra/x").exists() && !site.join("css/old").exists());
    };
    with_mounts("what_is_mounted_below_is_neither_purged_nor_deleted", script, |_| {}, body);
}
