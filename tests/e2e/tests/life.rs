//! The life of a load-balanced site on three real hosts.
#![cfg(feature = "real-hosts")]

use std::{collections::BTreeSet, process::Command};

use engine_e2e_tests::{Site, eventually, repository};

/// The demo's stack, on this fleet.
fn demo(site: &Site) {
    let text = std::fs::read_to_string(repository().join("examples/demo/stacks/demo.toml")).unwrap();
    let text = text.split("[instances.").next().unwrap().to_owned()
        + &site.instances()
        + "\n[apps.site]\nlayers = [\"app\"]\n[apps.site.attributes]\ntitle = \"Hello\"\n";
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

/// Inode, times and size of every file that is not the system's own business.
fn files(site: &Site) -> Vec<String> {
    let list = |name: &str| {
        let arguments = "find / -xdev ( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /var/log \
             -o -path /var/tmp -o -path /var/lib/systemd ) -prune -o -printf %p|%i|%s|%T@|%C@|%m\\n";
        let mut lines: Vec<String> = site
            .host(name)
            .check_exec(arguments.split_whitespace())
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        lines.sort();
        lines
    };
    ["lb-1", "app-1", "app-2"].into_iter().flat_map(list).collect()
}

#[test]
fn a_site_is_planned_set_up_left_alone_and_reconfigured() {
    let site = Site::up("life", &["lb-1", "app-1", "app-2"]);
    demo(&site);

    let plan = site.engine.json(&["plan", "setup"]).exits(0);
    assert_eq!(plan.counts("failed"), 0);
    assert!(plan.counts("changed") > 0);
    assert!(
        site.host("lb-1").exec(["test", "-e", "/etc/haproxy"]).is_ok_and(|output| !output.status.success())
    );

    let setup = site.engine.json(&["run", "setup"]).exits(0);
    assert!(setup.counts("changed") > 0);
    eventually("both servers answer", || servers(&site) == set(&["app-1", "app-2"]));

    let before = files(&site);
    let again = site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!(again.counts("changed"), 0, "{}", again.output);
    assert_eq!(files(&site), before, "a run with nothing to do wrote to a host");
    let plan = site.engine.json(&["plan", "setup"]).exits(0);
    assert_eq!((plan.counts("changed"), plan.counts("unknown")), (0, 0), "{}", plan.output);

    site.host("app-2").kill().unwrap();
    let configure = site.engine.json(&["run", "configure"]).exits(1);
    assert_eq!(configure.result("app-2"), "unreachable");
    assert_eq!(configure.result("lb-1"), "successful");
    assert_eq!(servers(&site), set(&["app-1"]));

    let configure = site.engine.json(&["run", "configure"]).exits(0);
    assert_eq!(configure.result("app-2"), "left_out");
    assert_eq!(configure.counts("changed"), 0);

    site.host("app-2").start().unwrap();
    let configure = site.engine.json(&["run", "configure"]).exits(0);
    assert_eq!(configure.result("app-2"), "successful");
    eventually("both servers answer again", || servers(&site) == set(&["app-1", "app-2"]));

    let undeploy = site.engine.json(&["run", "undeploy"]).exits(0);
    assert_eq!(undeploy.counts("failed"), 0);
    assert!(
        site.host("app-1").exec(["test", "-e", "/var/www/site"]).is_ok_and(|output| !output.status.success())
    );
}
