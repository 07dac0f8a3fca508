//! The life of a load-balanced site on three real hosts.
#![cfg(feature = "real-hosts")]

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use engine_e2e_tests::{Site, eventually, repository, switch_on};
use serde_json::Value;

/// The demo's stack, on this fleet.
fn demo(site: &Site) {
    let text = std::fs::read_to_string(repository().join("examples/demo/stacks/demo.toml")).unwrap();
    let text = text.split("[instances.").next().unwrap().to_owned()
        + &site.instances()
        + "\n[apps.site]\nlayers = [\"app\"]\n[apps.site.attributes]\ntitle = \"Hello\"\n";
    let text = text.replace("[ssh]\n", "[ssh]\nconnect_timeout = 4\n");
    let text = text.replace("../../../cookbooks", repository().join("cookbooks").to_str().unwrap());
    site.write_stack(&text);
}

/// Which servers answer through the load balancer.
fn servers(site: &Site) -> BTreeSet<String> {
    let url = format!("http://{}/", site.host("lb-1").address());
    (0..6)
        .filter_map(|_| {
            let output = Command::new("curl").args(["-sf", "--max-time", "5", &url]).output().unwrap();
            let page = String::from_utf8_lossy(&output.stdout).into_owned();
            Some(page.split_once("Served by ")?.1.split_once('.')?.0.to_owned())
        })
        .collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

/// Inode, times and size of every file that is not the system's own business, by host and path.
fn files(site: &Site) -> BTreeMap<String, String> {
    let arguments = "find / -xdev ( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /var/log \
         -o -path /var/tmp -o -path /var/lib/systemd ) -prune -o -printf %p|%y|%i|%s|%T@|%C@|%m|%U|%G\\n";
    let mut files = BTreeMap::new();
    for host in site.fleet.hosts() {
        for line in host.check_exec(arguments.split_whitespace()).unwrap().lines() {
            let (path, state) = line.split_once('|').unwrap();
            files.insert(format!("{}:{path}", host.name()), state.to_owned());
        }
    }
    files
}

/// What differs, in either direction.
fn differences<'f>(
    before: &'f BTreeMap<String, String>,
    after: &'f BTreeMap<String, String>,
) -> Vec<&'f str> {
    let differs = |name: &&String| before.get(*name) != after.get(*name);
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).filter(differs).collect();
    names.into_iter().map(String::as_str).collect()
}

fn balances_to(site: &Site, instance: &str) -> bool {
    let text = site.host("lb-1").check_exec(["cat", "/etc/haproxy/haproxy.cfg"]).unwrap();
    text.contains(&format!("server {instance} {}:8080", site.host(instance).address()))
}

#[test]
fn a_site_is_planned_set_up_left_alone_and_reconfigured() {
    let site = Site::up("life", &["lb-1", "app-1", "app-2"]);
    demo(&site);

    // What boots writes; after that only we do.
    for host in site.fleet.hosts() {
        host.exec(["systemctl", "is-system-running", "--wait"]).unwrap();
    }
    let before = files(&site);
    let plan = site.engine.json(&["plan", "setup"]).exits(0);
    assert_eq!((plan.counts("failed"), plan.counts("skipped")), (0, 0), "{}", plan.output);
    assert!(plan.counts("changed") > 0);
    let after = files(&site);
    // The agent and what it keeps are its own; its directory is an entry more in the one above.
    let foreign = |name: &&str| {
        let path = name.split_once(':').unwrap().1;
        !path.starts_with("/var/lib/engine") && path != "/var/lib"
    };
    let changed: Vec<&str> = differences(&before, &after).into_iter().filter(foreign).collect();
    assert_eq!(changed, Vec::<&str>::new(), "a plan wrote to a host");
    let text = site.engine.text(&["plan", "setup"]).exits(0).output;
    assert!(text.contains("~ would change package[haproxy]"), "{text}");
    assert!(text.contains("\n3 hosts ok; ") && text.contains(" would change, "), "{text}");

    let setup = site.engine.json(&["run", "setup"]).exits(0);
    assert!(setup.counts("changed") > 0);
    eventually("both servers answer", || servers(&site) == set(&["app-1", "app-2"]));
    assert!(balances_to(&site, "app-1") && balances_to(&site, "app-2"));

    let before = files(&site);
    let again = site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!(again.counts("changed"), 0, "{}", again.output);
    let after = files(&site);
    assert_eq!(differences(&before, &after), Vec::<&str>::new(), "a run with nothing to do wrote to a host");
    let plan = site.engine.json(&["plan", "setup"]).exits(0);
    assert_eq!((plan.counts("changed"), plan.counts("unknown")), (0, 0), "{}", plan.output);

    site.host("app-2").kill().unwrap();
    let text = site.engine.text(&["run", "configure"]).exits(1).output;
    assert!(text.contains("app-2  ! unreachable cannot connect to app-2: "), "{text}");
    assert!(text.contains("\napp-2: cannot connect to app-2: "), "{text}");
    assert!(text.contains("\n1 of 3 hosts failed; "), "{text}");
    assert!(balances_to(&site, "app-1") && !balances_to(&site, "app-2"));
    assert_eq!(servers(&site), set(&["app-1"]));

    let configure = site.engine.json(&["run", "configure"]).exits(0);
    assert_eq!(configure.result("app-2"), "left_out");
    assert_eq!(configure.counts("changed"), 0);
    let text = site.engine.text(&["run", "configure"]).exits(0).output;
    assert!(text.contains("app-2  ! still unreachable cannot connect to app-2: "), "{text}");
    assert!(text.lines().any(|line| line.contains("app-2  left out ")), "{text}");

    switch_on(site.host("app-2"));
    let configure = site.engine.json(&["run", "configure"]).exits(0);
    assert_eq!(configure.result("app-2"), "successful");
    assert!(balances_to(&site, "app-2"));
    let online = |event: &&Value| event["type"] == "status_changed" && event["instance"] == "app-2";
    assert_eq!(configure.events.iter().find(online).unwrap()["to"], "online");
    eventually("both servers answer again", || servers(&site) == set(&["app-1", "app-2"]));

    let undeploy = site.engine.json(&["run", "undeploy"]).exits(0);
    assert_eq!(undeploy.counts("failed"), 0);
    assert!(
        site.host("app-1").exec(["test", "-e", "/var/www/site"]).is_ok_and(|output| !output.status.success())
    );
}
