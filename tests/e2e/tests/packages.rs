//! Packages: what looking at many costs, and repositories that are down for a while.
#![cfg(feature = "real-hosts")]

use engine_e2e_tests::Site;
use engine_test_hosts::Host;
use serde_json::{Value, json};

/// How many packages are declared, each in a resource of its own.
const PACKAGES: usize = 40;

/// Puts a program before each of these which writes down that it was called.
fn listen(host: &Host, programs: &[&str]) {
    for program in programs {
        let found = host.check_exec(["sh", "-c", &format!("command -v {program}")]).unwrap();
        let text = format!("#!/bin/sh\\necho {program} >> /run/calls\\nexec {} \"$@\"\\n", found.trim());
        let line = format!("printf '{text}' > /usr/local/bin/{program}; chmod 755 /usr/local/bin/{program}");
        host.check_exec(["sh", "-c", &line]).unwrap();
    }
}

fn calls(host: &Host) -> String {
    host.check_exec(["sh", "-c", "cat /run/calls 2>/dev/null; rm -f /run/calls"]).unwrap()
}

fn installed(host: &Host, query: &str) -> Value {
    let names = host.check_exec(["sh", "-c", query]).unwrap();
    let names: Vec<&str> = names.lines().take(PACKAGES).collect();
    names.into_iter().map(|name| json!({"resource": "package", "name": name})).collect()
}

#[test]
fn forty_packages_that_are_installed_cost_one_query() {
    let site = Site::up_guests("p-forty", &["dnf", "systemd"], false);

    // Of dpkg, the agent reads the list itself.
    let host = site.host("systemd-1");
    listen(host, &["apt-cache", "apt-get", "apt-mark", "dpkg", "dpkg-query"]);
    let packages = installed(host, "dpkg-query -W -f '${Package}\\n'");
    assert_eq!(packages.as_array().unwrap().len(), PACKAGES);
    calls(host);
    site.write_conformance_stack("systemd-1", &packages);
    let run = site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!(run.count("systemd-1", "up_to_date"), PACKAGES as u64, "{}", run.output);
    assert_eq!(calls(host), "");

    // There are few packages on this one, so that most are some that shall not be there.
    let host = site.host("dnf-1");
    host.check_exec(["dnf", "--assumeyes", "install", "engine-probe", "engine-probe-extra"]).unwrap();
    let mut packages = installed(host, "rpm --query --all --queryformat '%{NAME}\\n' | grep -v gpg-pubkey");
    let packages_of_host = packages.as_array_mut().unwrap();
    for number in packages_of_host.len()..PACKAGES {
        let name = format!("engine-missing-{number}");
        packages_of_host.push(json!({"resource": "package", "name": name, "action": ["remove"]}));
    }
    listen(host, &["rpm", "dnf"]);
    site.write_conformance_stack("dnf-1", &packages);
    let run = site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!(run.count("dnf-1", "up_to_date"), PACKAGES as u64, "{}", run.output);
    assert_eq!(calls(host), "rpm\n");
}

#[test]
fn what_a_repository_that_is_down_keeps_back_comes_with_the_next_run() {
    let site = Site::up("p-down", &["node-1"]);
    let host = site.host("node-1");
    let told = "execute[sh -c echo told >> /srv/log]";
    site.write_conformance_stack(
        "node-1",
        &json!([
            {"resource": "execute", "names": ["sh", "-c", "echo told >> /srv/log"], "action": ["nothing"]},
            {"resource": "file", "name": "/srv/before", "content": "x", "notifies": [["run", told, "delayed"]]},
            {"resource": "package", "name": "engine-probe", "notifies": [["run", told, "delayed"]]},
            {"resource": "file", "name": "/srv/after", "content": "x"},
        ]),
    );
    host.check_exec(["mv", "/var/lib/test-hosts/probes", "/var/lib/test-hosts/down"]).unwrap();

    let run = site.engine.json(&["run", "setup"]).exits(1);
    let error = run.error("node-1");
    assert!(error.starts_with("package[engine-probe]: ") && error.contains("/probes"), "{error}");
    let lines =
        |path: &str| host.check_exec(["sh", "-c", &format!("cat {path} 2>/dev/null || true")]).unwrap();
    // Delayed notifications are given all the same.
    assert_eq!((lines("/srv/before").as_str(), lines("/srv/after").as_str()), ("x", ""));
    assert_eq!(lines("/srv/log"), "told\n");

    host.check_exec(["mv", "/var/lib/test-hosts/down", "/var/lib/test-hosts/probes"]).unwrap();
    let run = site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!(run.count("node-1", "changed"), 3, "{}", run.output);
    assert_eq!((lines("/srv/after").as_str(), lines("/srv/log").as_str()), ("x", "told\ntold\n"));
    assert!(lines("/var/lib/dpkg/status").contains("Package: engine-probe\nStatus: install ok installed\n"));
    let again = site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!(
        (again.counts("changed"), lines("/srv/log").as_str()),
        (0, "told\ntold\n"),
        "{}",
        again.output
    );
}
