//! Releases of apps: put, made current, gone back from, and taken away.

mod common;

use std::{
    collections::HashMap,
    fs,
    io::Read,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    time::Duration,
};

use common::{resource, word};
use engine_agent::{
    converge::{Converge, Event},
    facts,
    node::{Node, Settings},
    overlay::Overlay,
    reporter::{Reporter, Unanswered},
};
use engine_protocol::{
    Action, Collection, ContentHash, FromAgent, Mode, Outcome, Resource, Spec, Status,
    resource::{NewRelease, Origin, ReleaseContent, ReleaseSpec, ReleaseStep, Shared, TreeEntry},
};
use flate2::{Compression, read::ZlibEncoder};
use sha2::{Digest, Sha256};

/// A controller with content.
#[derive(Default)]
struct Controller {
    content: HashMap<ContentHash, Vec<u8>>,
    sent: u64,
    asked: usize,
    /// It is gone after so many questions.
    dies_after: Option<usize>,
    /// It sends something else.
    lies: bool,
    outcomes: Vec<Outcome>,
}

impl Reporter for Controller {
    fn send(&mut self, message: &FromAgent) {
        if let FromAgent::Outcome(outcome) = message {
            self.outcomes.push(outcome.clone());
        }
    }

    fn flush(&mut self) {}

    fn ask(&mut self, question: &FromAgent, _: &dyn Fn() -> bool) -> Result<Vec<u8>, Unanswered> {
        let FromAgent::Wanted { pieces } = question else { panic!("{question:?}") };
        if self.dies_after == Some(self.asked) {
            return Err(Unanswered::Stopped);
        }
        self.asked += 1;
        let mut all = Vec::new();
        for piece in pieces {
            let begin = usize::try_from(piece.offset).unwrap();
            all.extend(&self.content[&piece.hash][begin..begin + piece.length as usize]);
        }
        assert!(all.len() as u64 <= engine_protocol::content::BATCH_BYTES);
        self.sent += all.len() as u64;
        if self.lies {
            all.fill(b'?');
        }
        let mut packed = Vec::new();
        ZlibEncoder::new(all.as_slice(), Compression::fast()).read_to_end(&mut packed).unwrap();
        Ok(packed)
    }
}

impl Controller {
    fn entry(&mut self, path: &str, content: &[u8]) -> TreeEntry {
        let hash = ContentHash(Sha256::digest(content).into());
        self.content.insert(hash, content.to_vec());
        let size = content.len() as u64;
        TreeEntry::File { path: path.into(), hash, size, executable: path.starts_with("bin/") }
    }

    fn run(&mut self, mode: Mode, site: &Path, steps: Vec<ReleaseStep>) -> Vec<&'static str> {
        let path = site.join("www/shop").display().to_string();
        let resources = (0..).zip(steps).map(|(id, step)| {
            let spec = ReleaseSpec { path: path.clone(), step };
            let mut resource = resource("release", "shop", Action::Set, Spec::Release(spec));
            resource.id = engine_protocol::ResourceId(id);
            resource.origin = Origin { cookbook: "engine".into(), recipe: "deploy".into() };
            resource
        });
        let resources: Vec<Resource> = resources.collect();
        let state = site.join("state");
        fs::create_dir_all(&state).unwrap();
        let settings = Settings { state_dir: state.clone(), lock_wait: Duration::from_secs(1) };
        let mut node = Node::new(settings, facts::collect());
        let mut event = Event::new(&state, "run", "deploy", mode, Overlay::default());
        self.outcomes.clear();
        let mut converge =
            Converge { event: &mut event, node: &mut node, reporter: self, stopping: &|| false };
        converge.apply(Collection { resources, grants: Vec::new() });
        self.outcomes.iter().map(|outcome| word(&outcome.status)).collect()
    }

    fn error(&self) -> &str {
        match &self.outcomes.last().unwrap().status {
            Status::Failed { error, .. } => error,
            status => panic!("{status:?}"),
        }
    }

    fn deploy(&mut self, site: &Path, name: &str, files: &[(&str, &[u8])]) -> Vec<&'static str> {
        let steps = deployment(self, name, files);
        self.run(Mode::Apply, site, steps)
    }
}

fn put(controller: &mut Controller, name: &str, files: &[(&str, &[u8])]) -> NewRelease {
    let entries: Vec<TreeEntry> =
        files.iter().map(|(path, content)| controller.entry(path, content)).collect();
    NewRelease {
        name: name.into(),
        revision: format!("revision of {name}"),
        digest: ContentHash(Sha256::digest(format!("{entries:?}")).into()),
        content: ReleaseContent::Tree(entries),
        owner: None,
        group: None,
        shared: vec![
            Shared { name: "log".into(), link: Some("log".into()), file: false },
            Shared { name: "pids".into(), link: Some("tmp/pids".into()), file: false },
            Shared { name: "config".into(), link: None, file: false },
        ],
    }
}

fn deployment(controller: &mut Controller, name: &str, files: &[(&str, &[u8])]) -> Vec<ReleaseStep> {
    vec![
        ReleaseStep::Put(put(controller, name, files)),
        ReleaseStep::Activate { release: name.into() },
        ReleaseStep::Settle { release: name.into(), keep: 3 },
    ]
}

fn read(site: &Path, path: &str) -> String {
    fs::read_to_string(site.join("www/shop").join(path)).unwrap()
}

fn listed(site: &Path, path: &str) -> Vec<String> {
    let directory = fs::read_dir(site.join("www/shop").join(path));
    let mut names: Vec<String> =
        directory.unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn current(site: &Path) -> String {
    fs::read_link(site.join("www/shop/current")).unwrap().display().to_string()
}

#[test]
fn a_release_is_put_and_becomes_current_and_the_next_sends_what_is_new() {
    let site = tempfile::tempdir().unwrap();
    let (site, mut controller) = (site.path(), Controller::default());
    let big = vec![b'b'; 9 * 1024 * 1024];
    let first: &[(&str, &[u8])] =
        &[("a", b"one"), ("bin/run", b"#!"), ("big", &big), ("copy/of/a", b"one"), ("empty", b"")];
    assert_eq!(controller.deploy(site, "1", first), ["changed"; 3]);
    // What is there twice is sent once; what is big, in parts.
    assert_eq!((controller.sent, controller.asked), (5 + big.len() as u64, 3));
    assert_eq!((read(site, "current/a"), read(site, "current/copy/of/a")), ("one".into(), "one".into()));
    assert_eq!((read(site, "current/empty"), read(site, "current/big").len()), (String::new(), big.len()));
    let mode =
        |path: &str| fs::metadata(site.join("www/shop").join(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("current/bin/run"), mode("current/a"), mode("current/")), (0o755, 0o644, 0o755));
    assert_eq!(mode(".engine"), 0o700);
    assert_eq!(listed(site, "shared"), ["config", "log", "pids"]);
    fs::write(site.join("www/shop/current/log/today"), "kept").unwrap();

    controller.sent = 0;
    assert_eq!(
        controller.deploy(site, "2", &[("a", b"two"), ("bin/run", b"#!"), ("big", &big)]),
        ["changed"; 3]
    );
    assert_eq!(controller.sent, 3);
    assert_eq!((current(site), read(site, "current/a")), ("releases/2".into(), "two".into()));
    assert_eq!(read(site, "current/log/today"), "kept");
    assert_eq!(listed(site, "current"), ["a", "big", "bin", "log", "tmp"]);
}

#[test]
fn the_same_release_again_is_up_to_date_and_a_plan_says_so() {
    let site = tempfile::tempdir().unwrap();
    let (site, mut controller) = (site.path(), Controller::default());
    let files: &[(&str, &[u8])] = &[("a", b"one")];
    let steps = deployment(&mut controller, "1", files);
    assert_eq!(controller.run(Mode::Plan, site, steps), ["changed"; 3]);
    assert!(!site.join("www").exists());
    controller.deploy(site, "1", files);
    for mode in [Mode::Plan, Mode::Apply] {
        let again = ReleaseStep::Put(put(&mut controller, "2", files));
        assert_eq!(controller.run(mode, site, vec![again]), ["up to date"]);
    }
    assert_eq!(listed(site, "releases"), ["1"]);
}

#[test]
fn a_file_of_a_kept_release_that_was_altered_is_sent_again() {
    let site = tempfile::tempdir().unwrap();
    let (site, mut controller) = (site.path(), Controller::default());
    controller.deploy(site, "1", &[("a", b"one"), ("b", b"two")]);
    fs::write(site.join("www/shop/current/a"), "eno").unwrap();
    fs::remove_file(site.join("www/shop/current/b")).unwrap();
    symlink("/etc/hostname", site.join("www/shop/current/b")).unwrap();
    controller.sent = 0;
    controller.deploy(site, "2", &[("a", b"one"), ("b", b"two"), ("c", b"one")]);
    assert_eq!(controller.sent, 6);
    assert_eq!(["a", "b", "c"].map(|name| read(site, &format!("current/{name}"))), ["one", "two", "one"]);
}

#[test]
fn a_push_that_breaks_off_leaves_no_half_release() {
    let site = tempfile::tempdir().unwrap();
    let (site, mut controller) = (site.path(), Controller::default());
    let big = vec![7; 5 * 1024 * 1024];
    controller.deploy(site, "1", &[("a", b"one")]);
    controller.dies_after = Some(controller.asked + 1);
    assert_eq!(controller.deploy(site, "2", &[("a", b"one"), ("big", &big)]), Vec::<&str>::new());
    assert_eq!((current(site), listed(site, "releases")), ("releases/1".into(), vec!["1".into()]));
    controller.dies_after = None;
    controller.lies = true;
    assert_eq!(controller.deploy(site, "3", &[("a", b"one"), ("b", b"true")]), ["failed"]);
    assert!(controller.error().contains("`b` is not the file that it announced"), "{}", controller.error());
    assert_eq!((current(site), listed(site, "releases")), ("releases/1".into(), vec!["1".into()]));
    assert_eq!(listed(site, ".engine"), ["1.json"]);
}

#[test]
fn what_a_killed_agent_left_goes_before_the_next_release() {
    let site = tempfile::tempdir().unwrap();
    let (site, mut controller) = (site.path(), Controller::default());
    controller.deploy(site, "1", &[("a", b"one")]);
    fs::create_dir_all(site.join("www/shop/releases/.2.partial/x")).unwrap();
    fs::write(site.join("www/shop/.engine/2.json"), "{").unwrap();
    let never_served = ReleaseStep::Put(put(&mut controller, "3", &[("a", b"three")]));
    assert_eq!(controller.run(Mode::Apply, site, vec![never_served]), ["changed"]);
    assert_eq!(listed(site, "releases"), ["1", "3"]);
    controller.deploy(site, "4", &[("a", b"four")]);
    assert_eq!((listed(site, "releases"), listed(site, ".engine").len()), (vec!["1".into(), "4".into()], 2));
}

#[test]
fn one_goes_back_to_what_was_whole_and_not_beyond_the_oldest() {
    let site = tempfile::tempdir().unwrap();
    let (site, mut controller) = (site.path(), Controller::default());
    let back = |to: Option<&str>| vec![ReleaseStep::Rollback { to: to.map(Into::into) }];
    controller.deploy(site, "1", &[("a", b"one")]);
    // The second one never came to its end: it is nothing to go back to.
    let broken = deployment(&mut controller, "2", &[("a", b"two")]);
    controller.run(Mode::Apply, site, broken[..2].to_vec());
    controller.deploy(site, "3", &[("a", b"three")]);
    assert_eq!(controller.run(Mode::Plan, site, back(None)), ["changed"]);
    assert_eq!(read(site, "current/a"), "three");
    assert_eq!(controller.run(Mode::Apply, site, back(None)), ["changed"]);
    assert_eq!(read(site, "current/a"), "one");
    assert_eq!(controller.run(Mode::Apply, site, back(None)), ["failed"]);
    assert!(controller.error().contains("no release before the current one"), "{}", controller.error());
    assert_eq!(
        (read(site, "current/a"), listed(site, "releases")),
        ("one".into(), vec!["1".into(), "2".into(), "3".into()])
    );
    // What was left is not gone back to unless it is named.
    controller.deploy(site, "4", &[("a", b"four")]);
    controller.run(Mode::Apply, site, back(None));
    assert_eq!(read(site, "current/a"), "one");
    assert_eq!(controller.run(Mode::Apply, site, back(Some("3"))), ["changed"]);
    assert_eq!(read(site, "current/a"), "three");
    assert_eq!(controller.run(Mode::Apply, site, back(Some("2"))), ["failed"]);
    assert_eq!(controller.run(Mode::Apply, site, back(Some("3"))), ["up to date"]);
}

#[test]
fn a_run_that_is_taken_up_goes_on_with_its_release() {
    let site = tempfile::tempdir().unwrap();
    let (site, mut controller) = (site.path(), Controller::default());
    controller.deploy(site, "1", &[("a", b"one")]);
    let steps = deployment(&mut controller, "2", &[("a", b"two")]);
    for done in 1..=2 {
        controller.run(Mode::Apply, site, steps[..done].to_vec());
        let asked = controller.asked;
        assert_eq!(controller.run(Mode::Apply, site, steps[..1].to_vec()), ["skipped"]);
        assert_eq!(controller.asked, asked);
    }
    assert_eq!(controller.run(Mode::Apply, site, steps), ["skipped", "up to date", "changed"]);
    assert_eq!((read(site, "current/a"), listed(site, "releases").len()), ("two".into(), 2));
}

#[test]
fn the_oldest_go_beyond_what_is_kept() {
    let site = tempfile::tempdir().unwrap();
    let (site, mut controller) = (site.path(), Controller::default());
    for name in ["1", "2", "3", "4", "5"] {
        controller.deploy(site, name, &[("a", name.as_bytes())]);
    }
    assert_eq!(
        (listed(site, "releases"), listed(site, ".engine").len()),
        (vec!["3".into(), "4".into(), "5".into()], 3)
    );
    controller.run(Mode::Apply, site, vec![ReleaseStep::Settle { release: "5".into(), keep: 0 }]);
    assert_eq!((listed(site, "releases"), read(site, "current/a")), (vec!["5".into()], "5".into()));
}

#[test]
fn a_release_that_failed_is_discarded_unless_it_serves() {
    let site = tempfile::tempdir().unwrap();
    let (site, mut controller) = (site.path(), Controller::default());
    controller.deploy(site, "1", &[("a", b"one")]);
    let discard = |name: &str| vec![ReleaseStep::Discard { release: name.into() }];
    let second = put(&mut controller, "2", &[("a", b"two")]);
    controller.run(Mode::Apply, site, vec![ReleaseStep::Put(second)]);
    assert_eq!(controller.run(Mode::Apply, site, discard("2")), ["changed"]);
    assert_eq!(controller.run(Mode::Apply, site, discard("2")), ["up to date"]);
    assert_eq!(controller.run(Mode::Apply, site, discard("1")), ["up to date"]);
    assert_eq!((current(site), listed(site, "releases")), ("releases/1".into(), vec!["1".into()]));
}

#[test]
fn a_release_may_come_from_a_directory_of_the_node() {
    let site = tempfile::tempdir().unwrap();
    let (site, mut controller) = (site.path(), Controller::default());
    fs::create_dir_all(site.join("checkout/.git")).unwrap();
    fs::create_dir_all(site.join("checkout/lib")).unwrap();
    fs::write(site.join("checkout/lib/a"), "one").unwrap();
    symlink("lib/a", site.join("checkout/link")).unwrap();
    let from = |controller: &mut Controller, name| {
        let mut new = put(controller, name, &[]);
        new.content = ReleaseContent::Directory(site.join("checkout").display().to_string());
        let mut steps = deployment(controller, name, &[]);
        steps[0] = ReleaseStep::Put(new);
        steps
    };
    let steps = from(&mut controller, "1");
    assert_eq!(controller.run(Mode::Apply, site, steps), ["changed"; 3]);
    assert_eq!((read(site, "current/link"), controller.asked), ("one".into(), 0));
    assert_eq!(listed(site, "current"), ["lib", "link", "log", "tmp"]);
    let steps = from(&mut controller, "2");
    assert_eq!(controller.run(Mode::Apply, site, steps[..1].to_vec()), ["up to date"]);
    fs::write(site.join("checkout/lib/a"), "two").unwrap();
    let steps = from(&mut controller, "3");
    assert_eq!(controller.run(Mode::Apply, site, steps), ["changed"; 3]);
    assert_eq!(read(site, "current/link"), "two");
}

#[test]
fn all_goes_but_what_is_shared_unless_that_is_asked_for() {
    let site = tempfile::tempdir().unwrap();
    let (site, mut controller) = (site.path(), Controller::default());
    controller.deploy(site, "1", &[("a", b"one")]);
    let remove = |shared| vec![ReleaseStep::Remove { shared }];
    assert_eq!(controller.run(Mode::Apply, site, remove(false)), ["changed"]);
    assert_eq!(listed(site, ""), ["shared"]);
    assert_eq!(controller.run(Mode::Apply, site, remove(false)), ["up to date"]);
    assert_eq!(controller.run(Mode::Apply, site, remove(true)), ["changed"]);
    assert_eq!(listed(site, ""), Vec::<String>::new());
}

#[test]
fn a_tree_cannot_leave_its_release_and_what_stands_in_the_way_is_named() {
    let site = tempfile::tempdir().unwrap();
    let (site, mut controller) = (site.path(), Controller::default());
    for path in ["../a", "/a", "a//b", "a/../../b", ""] {
        assert_eq!(controller.deploy(site, "1", &[(path, b"one")]), ["failed"], "{path}");
        assert!(controller.error().contains("no path below"), "{}", controller.error());
    }
    fs::create_dir_all(site.join("www/shop/current")).unwrap();
    assert_eq!(controller.deploy(site, "1", &[("a", b"one")]), ["failed"]);
    assert!(controller.error().contains("no symbolic link"), "{}", controller.error());
    fs::remove_dir(site.join("www/shop/current")).unwrap();
    let mut missing = put(&mut controller, "1", &[("a", b"one")]);
    missing.shared.push(Shared {
        name: "config/x.yml".into(),
        link: Some("config/x.yml".into()),
        file: true,
    });
    assert_eq!(controller.run(Mode::Apply, site, vec![ReleaseStep::Put(missing.clone())]), ["failed"]);
    assert!(controller.error().contains("shared/config/x.yml` is missing"), "{}", controller.error());
    fs::write(site.join("www/shop/shared/config/x.yml"), "shared").unwrap();
    assert_eq!(controller.run(Mode::Apply, site, vec![ReleaseStep::Put(missing)]), ["changed"]);
    assert_eq!(read(site, "releases/1/config/x.yml"), "shared");
}

#[test]
fn no_cookbook_can_declare_a_release() {
    let site = tempfile::tempdir().unwrap();
    let spec =
        ReleaseSpec { path: site.path().display().to_string(), step: ReleaseStep::Remove { shared: true } };
    let declared = resource("release", "shop", Action::Set, Spec::Release(spec));
    let ran = common::converge(Mode::Apply, common::collection(vec![declared], Path::new("/")), site.path());
    assert!(
        matches!(&ran.outcomes[0].status, Status::Failed { error, .. } if error.contains("releases")),
        "{:?}",
        ran.outcomes
    );
}
