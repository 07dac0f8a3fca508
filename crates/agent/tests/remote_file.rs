//! Files from a real server.

mod common;

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use common::{
    server::{Nobody, Server},
    *,
};
use engine_protocol::{
    Action, Change, FromAgent, Mode, Resource, Spec, Status,
    message::End,
    resource::{Format, RemoteFileSpec, Verify},
};

/// A server with `a` on it, and a directory for what comes from it.
struct Place {
    directory: tempfile::TempDir,
    server: Server,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["served", "node"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        let served = directory.path().join("served");
        fs::write(served.join("a"), "one\n").unwrap();
        let server = Server::start(&served);
        Self { directory, server }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("node/a")
    }

    fn content(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    fn serve(&self, content: &[u8]) {
        fs::write(self.server.directory.join("a"), content).unwrap();
    }

    /// Nothing but the file is in its directory.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path().join("node")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn spec(&self, path: &str) -> RemoteFileSpec {
        let at = self.path().display().to_string();
        RemoteFileSpec { path: at, source: self.server.url(path), ..RemoteFileSpec::default() }
    }

    fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    fn run_all(&self, mode: Mode, resources: Vec<Resource>) -> Ran {
        converge(mode, collection(resources, self.directory.path()), &self.state())
    }

    fn run(&self, mode: Mode, spec: &RemoteFileSpec) -> Ran {
        self.run_all(mode, vec![remote_file(spec.clone())])
    }

    /// Plans and applies it: both say the same, and the plan leaves everything as it is.
    fn apply(&self, spec: &RemoteFileSpec) -> (&'static str, Vec<Change>) {
        let before = (self.names(), fs::read(self.path()).ok(), self.kept());
        let plan = self.run(Mode::Plan, spec);
        assert_eq!((self.names(), fs::read(self.path()).ok(), self.kept()), before);
        let ran = self.run(Mode::Apply, spec);
        assert_eq!(plan.statuses(), ran.statuses());
        assert_eq!(plan.outcomes[0].changes, ran.outcomes[0].changes);
        (word(&ran.outcomes[0].status), ran.outcomes[0].changes.clone())
    }

    /// What is kept of the server's words.
    fn kept(&self) -> Option<String> {
        let mut entries = fs::read_dir(self.state().join("downloads")).ok()?;
        Some(fs::read_to_string(entries.next()?.unwrap().path()).unwrap())
    }

    fn error(&self, spec: &RemoteFileSpec) -> String {
        let ran = self.run(Mode::Apply, spec);
        match &ran.outcomes[0].status {
            Status::Failed { error, .. } => error.clone(),
            status => panic!("{status:?}"),
        }
    }
}

fn remote_file(spec: RemoteFileSpec) -> Resource {
    resource("remote_file", &spec.path.clone(), Action::Create, Spec::RemoteFile(spec))
}

fn sha256(content: &[u8]) -> String {
    let path = tempfile::NamedTempFile::new().unwrap();
    fs::write(&path, content).unwrap();
    let output = std::process::Command::new("sha256sum").arg(path.path()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

fn checksum(old: Option<&[u8]>, new: &[u8]) -> Change {
    let short = |content| format!("{}…", &sha256(content)[..12]);
    Change::Property { name: "checksum".into(), old: old.map(short), new: Some(short(new)) }
}

fn created() -> Change {
    Change::Done { what: "created".into() }
}

fn mode(old: Option<&str>, new: &str) -> Change {
    Change::Property { name: "mode".into(), old: old.map(Into::into), new: Some(new.into()) }
}

#[test]
fn with_a_checksum_nobody_is_asked_for_what_is_there() {
    let place = Place::new();
    let spec = RemoteFileSpec { checksum: Some(sha256(b"one\n")), ..place.spec("plain/a") };
    let expected = vec![created(), checksum(None, b"one\n"), mode(None, "0644")];
    assert_eq!(place.apply(&spec), ("changed", expected));
    assert_eq!((place.content(), place.names()), ("one\n".into(), vec!["a".into()]));
    assert_eq!(place.server.requests().len(), 1);
    assert_eq!(place.apply(&spec), ("up to date", vec![]));
    assert_eq!(place.server.requests().len(), 0);
    assert_eq!(place.kept(), None);

    place.serve(b"two\n");
    let spec = RemoteFileSpec { checksum: Some(sha256(b"two\n")), ..spec };
    assert_eq!(place.apply(&spec), ("changed", vec![checksum(Some(b"one\n"), b"two\n")]));
    assert_eq!(place.content(), "two\n");
}

#[test]
fn what_is_not_expected_is_not_put_in_place() {
    let place = Place::new();
    let expected = sha256(b"two\n");
    let spec = RemoteFileSpec { checksum: Some(expected.clone()), ..place.spec("plain/a") };
    let error = place.error(&spec);
    assert!(error.contains(&expected) && error.contains(&sha256(b"one\n")), "{error}");
    assert_eq!(place.names(), [""; 0]);
    fs::write(place.path(), "old\n").unwrap();
    place.error(&spec);
    assert_eq!((place.content(), place.names()), ("old\n".into(), vec!["a".into()]));
}

#[test]
fn without_a_checksum_the_server_says_whether_there_is_something_new() {
    let place = Place::new();
    for how in ["tagged", "dated"] {
        place.serve(b"one\n");
        let _ = fs::remove_file(place.path());
        let spec = place.spec(&format!("{how}/a"));
        assert_eq!(place.apply(&spec), ("changed", vec![created(), mode(None, "0644")]), "{how}");
        let _ = place.server.requests();
        assert_eq!(place.apply(&spec), ("up to date", vec![]));
        let requests = place.server.requests();
        let condition = if how == "tagged" { "if-none-match" } else { "if-modified-since" };
        assert!(requests.len() == 2 && requests[1].contains(condition), "{requests:?}");

        place.serve(b"newer\n");
        // Dates are in seconds: the new one must be another.
        let newer = fs::File::options().write(true).open(place.server.directory.join("a")).unwrap();
        newer.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(place.apply(&spec), ("changed", vec![checksum(Some(b"one\n"), b"newer\n")]), "{how}");
        assert_eq!((place.content(), place.names()), ("newer\n".into(), vec!["a".into()]));
        assert_eq!(place.apply(&spec), ("up to date", vec![]));
    }
}

#[test]
fn what_a_server_gave_is_fetched_again_if_somebody_changed_it() {
    let place = Place::new();
    let spec = place.spec("tagged/a");
    place.apply(&spec);
    fs::write(place.path(), "mine\n").unwrap();
    assert_eq!(place.apply(&spec), ("changed", vec![checksum(Some(b"mine\n"), b"one\n")]));
    assert_eq!(place.content(), "one\n");
}

#[test]
fn of_a_server_that_cannot_say_whats_new_all_is_compared() {
    let place = Place::new();
    for how in ["plain", "chunked", "unmeasured"] {
        place.serve(b"one\n");
        let _ = fs::remove_file(place.path());
        let spec = place.spec(&format!("{how}/a"));
        assert_eq!(place.apply(&spec).0, "changed");
        let inode = fs::metadata(place.path()).unwrap().ino();
        assert_eq!(place.apply(&spec), ("up to date", vec![]));
        assert_eq!(fs::metadata(place.path()).unwrap().ino(), inode);
        place.serve(b"two\n");
        assert_eq!(place.apply(&spec), ("changed", vec![checksum(Some(b"one\n"), b"two\n")]));
        assert_eq!((place.names(), place.kept()), (vec!["a".into()], None));
    }
}

#[test]
fn a_file_that_is_the_same_becomes_known() {
    let place = Place::new();
    fs::write(place.path(), "one\n").unwrap();
    let spec = place.spec("tagged/a");
    assert_eq!(place.apply(&spec), ("up to date", vec![]));
    assert!(place.kept().unwrap().contains("\netag "));
    let _ = place.server.requests();
    assert_eq!(place.apply(&spec), ("up to date", vec![]));
    assert!(place.server.requests().iter().all(|request| request.contains("if-none-match")));
}

#[test]
fn owner_and_mode_are_compared_without_fetching() {
    let place = Place::new();
    let mut spec = RemoteFileSpec { checksum: Some(sha256(b"one\n")), ..place.spec("plain/a") };
    spec.access.mode = Some(0o755);
    place.apply(&spec);
    let _ = place.server.requests();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(place.apply(&spec), ("changed", vec![mode(Some("0600"), "0755")]));
    assert_eq!(fs::metadata(place.path()).unwrap().mode() & 0o7777, 0o755);
    assert_eq!(place.server.requests().len(), 0);
}

#[test]
fn the_other_actions_are_those_of_files() {
    let place = Place::new();
    let spec = place.spec("tagged/a");
    let run = |action: Action| {
        let ran = |mode| place.run_all(mode, vec![with_action(remote_file(spec.clone()), action)]);
        let (plan, applied) = (ran(Mode::Plan), ran(Mode::Apply));
        assert_eq!(plan.outcomes[0].changes, applied.outcomes[0].changes);
        applied.statuses()[0].1
    };
    assert_eq!(run(Action::CreateIfMissing), "changed");
    fs::write(place.path(), "mine\n").unwrap();
    let _ = place.server.requests();
    assert_eq!(run(Action::CreateIfMissing), "up to date");
    assert_eq!((place.content(), place.server.requests().len()), ("mine\n".into(), 0));
    assert_eq!(run(Action::Touch), "changed");
    assert_eq!(run(Action::Touch), "changed");
    assert_eq!(place.content(), "one\n");
    assert_eq!(run(Action::Delete), "changed");
    assert_eq!(place.names(), [""; 0]);
    assert_eq!(run(Action::Delete), "up to date");
}

#[test]
fn what_is_replaced_is_kept_and_what_is_malformed_refused() {
    let place = Place::new();
    let mut spec = RemoteFileSpec { backup: 1, ..place.spec("tagged/a") };
    place.serve(b"{}");
    spec.verify =
        Verify { format: Some(Format::Json), argv: vec!["grep".into(), "{}".into(), "{path}".into()] };
    place.apply(&spec);
    place.serve(b"{");
    assert!(place.error(&spec).contains("not well-formed json"));
    place.serve(b"[]");
    assert!(place.error(&spec).contains("refused the new content"));
    assert_eq!((place.content(), place.names()), ("{}".into(), vec!["a".into()]));
    place.serve(b"[{}]");
    place.apply(&spec);
    let kept = place.state().join("backup").join(place.path().parent().unwrap().strip_prefix("/").unwrap());
    let kept: Vec<_> = fs::read_dir(kept).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(fs::read_to_string(&kept[0]).unwrap(), "{}");
}

#[test]
fn a_download_that_fails_leaves_everything_as_it_was() {
    let place = Place::new();
    let nobody = Nobody::new();
    for old in [None, Some("old\n")] {
        let _ = fs::remove_file(place.path());
        if let Some(old) = old {
            fs::write(place.path(), old).unwrap();
        }
        let nobody = format!("http://{}/a?token=secret", nobody.address());
        for (source, expected) in [
            (place.server.url("missing"), "answers with status 404"),
            (place.server.url("status/500"), "answers with status 500"),
            (place.server.url("status/204"), "answers with status 204"),
            (place.server.url("status/403"), "`headers` can say who asks"),
            (place.server.url("truncated/a"), "ended before the answer did"),
            (place.server.url("chunked/a?cut"), "ended before the answer did"),
            (place.server.url("hops/9"), "more than 5 redirects"),
            (nobody, "refused"),
        ] {
            let spec = RemoteFileSpec { source, ..place.spec("") };
            let error = place.error(&spec);
            assert!(error.contains(expected) && !error.contains("secret"), "{error}");
            assert_eq!(fs::read_to_string(place.path()).ok().as_deref(), old);
            assert_eq!(place.names().len(), usize::from(old.is_some()));
        }
    }
}

#[test]
fn a_stop_in_the_middle_is_no_failure_and_leaves_nothing_behind() {
    let place = Place::new();
    let state = place.state();
    // With `Started`, the controller says stop; the server never ends.
    for spec in [
        place.spec("endless/a"),
        RemoteFileSpec { checksum: Some(sha256(b"one\n")), ..place.spec("endless/a") },
    ] {
        let started = |message: &FromAgent| matches!(message, FromAgent::Started { .. });
        let collection = collection(vec![remote_file(spec)], place.directory.path());
        let ran = converge_until(Mode::Apply, collection, &state, started);
        assert_eq!((ran.statuses(), ran.applied), (vec![], End::Stopped { remaining: 1 }));
        assert_eq!(place.names(), [""; 0]);
    }
}

#[test]
fn a_download_ends_with_the_time_of_its_resource() {
    let place = Place::new();
    for old in [false, true] {
        if old {
            fs::write(place.path(), "old\n").unwrap();
        }
        let mut resource = remote_file(place.spec("endless/a"));
        resource.common.timeout_seconds = Some(1);
        let ran = place.run_all(Mode::Apply, vec![resource]);
        let Status::Failed { error, .. } = &ran.outcomes[0].status else { panic!("{:?}", ran.statuses()) };
        assert!(error.contains("`timeout` gives more"), "{error}");
        assert_eq!(place.names().len(), usize::from(old));
    }
}

#[test]
fn a_plan_says_what_follows_from_a_download() {
    let place = Place::new();
    let below = place.directory.path().join("node/new");
    let path = below.join("a").display().to_string();
    let checksum = Some(sha256(b"one\n"));
    let spec = RemoteFileSpec { path: path.clone(), checksum, ..place.spec("plain/a") };
    let edited = file(&path, b"mine");
    let resources = || {
        vec![
            directory(&below.display().to_string()),
            remote_file(spec.clone()),
            with_action(remote_file(spec.clone()), Action::CreateIfMissing),
            edited.clone(),
        ]
    };
    let plan = place.run_all(Mode::Plan, resources());
    assert_eq!(plan.statuses(), [(0, "changed"), (1, "changed"), (2, "up to date"), (3, "unknown")]);
    let ran = place.run_all(Mode::Apply, resources());
    assert_eq!(ran.statuses(), [(0, "changed"), (1, "changed"), (2, "up to date"), (3, "changed")]);
}

#[test]
fn a_plan_does_not_fail_for_a_server_that_may_be_brought_before() {
    let place = Place::new();
    let nobody = Nobody::new();
    let source = format!("http://{}/a", nobody.address());
    let spec = RemoteFileSpec { source, ..place.spec("") };
    let before = file(&place.directory.path().join("before").display().to_string(), b"");
    let plan = place.run_all(Mode::Plan, vec![before, remote_file(spec.clone())]);
    assert_eq!(plan.statuses(), [(0, "changed"), (1, "unknown")]);
    // Alone it fails in a plan as it does in a run.
    assert_eq!(place.run(Mode::Plan, &spec).statuses(), [(0, "failed")]);
}

#[test]
fn no_link_leads_a_download_elsewhere() {
    let place = Place::new();
    let outside = tempfile::tempdir().unwrap();
    symlink(outside.path().join("target"), place.path()).unwrap();
    assert!(place.error(&place.spec("plain/a")).contains("symbolic link"));
    let path = place.directory.path().join("node/in/a").display().to_string();
    symlink(outside.path(), place.directory.path().join("node/in")).unwrap();
    let spec = RemoteFileSpec { path, ..place.spec("plain/a") };
    assert!(place.error(&spec).contains("symbolic link"));
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn a_full_disk_leaves_the_old_file_and_no_part_of_the_new_one() {
    let script = "mkdir \"$1\"/full; mount -t tmpfs -o size=64k none \"$1\"/full";
    let outer = |directory: &Path| {
        let served = directory.join("served");
        fs::create_dir(&served).unwrap();
        fs::write(served.join("large"), vec![b'x'; 200_000]).unwrap();
        let server = Server::start(&served);
        fs::write(directory.join("url"), server.url("plain/large")).unwrap();
        server
    };
    with_mounts("a_full_disk_leaves_the_old_file_and_no_part_of_the_new_one", script, outer, |directory| {
        let full = directory.join("full");
        fs::write(full.join("a"), "old").unwrap();
        let source = fs::read_to_string(directory.join("url")).unwrap();
        for (name, expected) in [("a", vec!["a"]), ("b", vec!["a"])] {
            let path = full.join(name).display().to_string();
            let spec = RemoteFileSpec { path, source: source.clone(), ..RemoteFileSpec::default() };
            let collection = collection(vec![remote_file(spec)], directory);
            let ran = converge(Mode::Apply, collection, &directory.join("state"));
            let Status::Failed { error, .. } = &ran.outcomes[0].status else { panic!() };
            assert!(error.contains("is full"), "{error}");
            let names: Vec<_> =
                fs::read_dir(&full).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(names, expected);
        }
        assert_eq!(fs::read_to_string(full.join("a")).unwrap(), "old");
    });
}
