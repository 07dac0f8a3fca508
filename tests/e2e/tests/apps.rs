//! Apps are deployed from a git repository of the controller and rolled back.
#![cfg(feature = "real-hosts")]

use std::{fs, path::PathBuf, process::Command};

use engine_e2e_tests::{PROBE_GRANTS, Site, eventually, repository};
use serde_json::Value;

/// Files of the app that never change.
const FILES: u64 = 40;

/// A secret of the app.
const TOKEN: &str = "Kq7-\"vT2'$HOME`id`\\-xW9\n#end";

/// A hook whose recipe fails.
const BROKEN: &str = r#"{"probe": {"resources": "[{\"resource\": \"execute\", \"names\": [\"false\"]}]"}}"#;

/// The repository of an app.
struct Shop(PathBuf);

impl Shop {
    fn new(site: &Site) -> Self {
        let shop = Shop(site.engine.directory.join("shop"));
        fs::create_dir_all(shop.0.join("lib")).unwrap();
        shop.git(&["init", "--quiet", "--initial-branch=main"]);
        for number in 0..FILES {
            fs::write(shop.0.join(format!("lib/{number}")), format!("file {number}")).unwrap();
        }
        shop
    }

    fn git(&self, arguments: &[&str]) {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.0).args(["-c", "user.name=t", "-c", "user.email=t@example.org"]);
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn commit(&self, page: &[u8]) {
        fs::write(self.0.join("page"), page).unwrap();
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "page"]);
    }
}

fn site(fleet: &str, hosts: &[&str]) -> Site {
    let mut site = Site::up(fleet, hosts);
    site.engine.environment = vec![("SHOP_TOKEN".to_owned(), TOKEN.to_owned())];
    site
}

fn write_stack(site: &Site) {
    site.write_stack(&format!(
        r#"update_on_setup = false

[cookbooks.probe]
path = "{probe}"
[cookbooks.probe.grants]
{PROBE_GRANTS}

[layers.node]
[layers.node.attributes.probe]
resources = "[]"

[apps.shop]
layers = ["node"]
keep = 3
restart = ["sh", "-c", "cat page >> /srv/served"]
start = ["touch", "/srv/started"]
stop = ["rm", "-f", "/srv/started"]
migrate = ["sh", "-c", "echo $GREETING > /srv/migrated"]

[apps.shop.source]
type = "git"
url = "../shop"
revision = "main"

[apps.shop.environment]
GREETING = 'say "hi" $HOME'
TOKEN = "{{{{secret:token}}}}"

[secrets.token]
environment = "SHOP_TOKEN"

[apps.shop.hooks]
before_symlink = ["probe"]
{instances}"#,
        probe = repository().join("tests/e2e/cookbooks/probe").display(),
        instances = site.instances()
    ));
}

fn on(site: &Site, command: &str) -> String {
    site.host("node-1").check_exec(["sh", "-c", command]).unwrap().trim().to_owned()
}

fn page(site: &Site) -> String {
    on(site, "cat /srv/www/shop/current/page")
}

fn releases(site: &Site) -> Vec<String> {
    on(site, "ls -A /srv/www/shop/releases").lines().map(ToOwned::to_owned).collect()
}

fn sent(events: &[Value]) -> Vec<(u64, u64, u64)> {
    let sent = events.iter().filter(|event| event["type"] == "content_sent");
    let number = |event: &Value, key: &str| event[key].as_u64().unwrap();
    sent.map(|event| (number(event, "files"), number(event, "bytes"), number(event, "of_files"))).collect()
}

#[test]
fn an_app_is_deployed_file_by_file_and_rolled_back() {
    let site = site("apps", &["node-1", "node-2"]);
    let shop = Shop::new(&site);
    shop.commit(b"one");
    write_stack(&site);

    // Setup deploys; both hosts have the same release.
    let setup = site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!(sent(&setup.events).iter().map(|sent| sent.2).collect::<Vec<_>>(), [FILES + 1; 2]);
    assert_eq!((page(&site), on(&site, "cat /srv/served")), ("one".to_owned(), "one".to_owned()));
    let link = on(&site, "readlink /srv/www/shop/current");
    let other = site.host("node-2").check_exec(["readlink", "/srv/www/shop/current"]).unwrap();
    assert_eq!(other.trim(), link);
    assert_eq!(on(&site, "stat -c '%a %U' /srv/www/shop/shared/.env"), "600 root");
    assert_eq!(on(&site, ". /srv/www/shop/shared/.env; printf %s \"$GREETING\""), r#"say "hi" $HOME"#);
    assert_eq!(on(&site, ". /srv/www/shop/shared/.env; printf %s \"$TOKEN\""), TOKEN);
    let unit = "systemd-run --quiet --wait --pipe -p EnvironmentFile=/srv/www/shop/shared/.env sh -c 'printf %s \"$TOKEN\"'";
    assert_eq!(on(&site, unit), TOKEN);
    assert!(!setup.output.contains("vT2") && !setup.output.contains("xW9"), "{}", setup.output);
    assert_eq!(on(&site, "ls /srv/www/shop/shared"), "config\nlog\npids\nsystem");

    // Deployed twice, nothing changes, and a plan says so.
    for command in ["plan", "run"] {
        let again = site.engine.json(&[command, "deploy", "--app", "shop"]).exits(0);
        assert_eq!((again.counts("changed"), again.counts("unknown")), (0, 0), "{}", again.output);
    }

    // What has changed is sent, and nothing else.
    on(&site, "echo kept > /srv/www/shop/current/log/today");
    shop.commit(b"two!");
    let plan = site.engine.json(&["plan", "deploy"]).exits(0);
    assert!(plan.counts("changed") > 0 && releases(&site).len() == 1, "{}", plan.output);
    let second = site.engine.json(&["run", "deploy", "--migrate"]).exits(0);
    assert_eq!(sent(&second.events), [(1, 4, FILES + 1); 2], "{}", second.output);
    assert_eq!((page(&site), on(&site, "cat /srv/served")), ("two!".to_owned(), "onetwo!".to_owned()));
    assert_eq!(on(&site, "cat /srv/migrated"), r#"say "hi" $HOME"#);
    assert_eq!(on(&site, "cat /srv/www/shop/current/log/today"), "kept");

    // A hook that fails leaves all as it was.
    let before = releases(&site);
    shop.commit(b"broken");
    let broken = site.engine.text(&["run", "deploy", "--custom-json", BROKEN]).exits(1);
    assert_eq!((page(&site), releases(&site)), ("two!".to_owned(), before.clone()), "{}", broken.output);

    // Back, but not beyond the oldest.
    site.engine.text(&["run", "rollback", "--app", "shop"]).exits(0);
    assert_eq!((page(&site), on(&site, "cat /srv/served")), ("one".to_owned(), "onetwo!one".to_owned()));
    let oldest = site.engine.text(&["run", "rollback", "--app", "shop"]).exits(1);
    assert!(oldest.output.contains("no release before the current one"), "{}", oldest.output);
    assert_eq!((page(&site), releases(&site)), ("one".to_owned(), before.clone()));
    site.engine.text(&["run", "rollback", "--app", "shop", "--to", &before[1]]).exits(0);
    assert_eq!(page(&site), "two!");

    // Its processes.
    site.engine.text(&["run", "start", "--app", "shop"]).exits(0);
    on(&site, "test -e /srv/started");
    site.engine.text(&["run", "stop", "--app", "shop"]).exits(0);
    on(&site, "test ! -e /srv/started");

    // Only so many are kept.
    for content in ["three", "four", "five"] {
        shop.commit(content.as_bytes());
        site.engine.text(&["run", "deploy"]).exits(0);
    }
    assert_eq!((page(&site), releases(&site).len()), ("five".to_owned(), 3));
    assert!(!releases(&site).contains(&before[0]));

    // Releases go, what they shared stays.
    site.engine.text(&["run", "undeploy", "--app", "shop"]).exits(0);
    assert_eq!(on(&site, "ls -A /srv/www/shop"), "shared");
    assert_eq!(on(&site, "cat /srv/www/shop/shared/log/today"), "kept");
    site.engine.text(&["run", "undeploy", "--app", "shop", "--with-shared"]).exits(0);
    assert_eq!(on(&site, "ls -A /srv/www/shop"), "");
}

#[test]
fn a_push_that_is_cut_off_leaves_no_half_release() {
    let site = site("appscut", &["node-1"]);
    let shop = Shop::new(&site);
    shop.commit(b"one");
    write_stack(&site);
    site.engine.text(&["run", "setup"]).exits(0);
    let before = releases(&site);
    // Nothing that packs well, so that sending it takes a while.
    let mut noise = 1_u32;
    let big: Vec<u8> = std::iter::repeat_with(|| {
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        noise.to_le_bytes()[3]
    })
    .take(96 * 1024 * 1024)
    .collect();
    fs::write(shop.0.join("big"), big).unwrap();
    shop.commit(b"two");
    let mut killed = site.engine.start(&["run", "deploy", "--json"]);
    killed.until("resource_started");
    killed.signal("KILL");
    killed.wait();
    eventually("the agent has noticed", || {
        site.host("node-1").exec(["pgrep", "-f", "engine/agent"]).is_ok_and(|output| !output.status.success())
    });
    assert_eq!((page(&site), releases(&site)), ("one".to_owned(), before));
    let lock = site.engine.text(&["run", "deploy"]);
    assert_eq!((lock.code, page(&site)), (0, "two".to_owned()), "{}{}", lock.output, lock.errors);
}
