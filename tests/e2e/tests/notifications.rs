//! Notifications that a run broke off before: given by the next one, once. And a run that outlives a reboot.
#![cfg(feature = "real-hosts")]

use engine_e2e_tests::{Run, Site, eventually, switch_on};
use engine_test_hosts::Host;
use serde_json::{Value, json};

/// A file that notifies a command which writes a line, something slow, and a file after it.
fn slow() -> Value {
    json!([
        {"resource": "execute", "names": ["sh", "-c", "echo told >> /srv/log"], "action": ["nothing"]},
        {"resource": "file", "name": "/srv/first", "content": "x",
         "notifies": [["run", "execute[sh -c echo told >> /srv/log]", "delayed"]]},
        {"resource": "execute", "names": ["sleep", "30"], "creates": "/srv/slept"},
        {"resource": "file", "name": "/srv/last", "content": "x"},
    ])
}

fn told(host: &Host) -> usize {
    let lines = host.check_exec(["sh", "-c", "cat /srv/log 2>/dev/null || true"]).unwrap();
    lines.lines().count()
}

fn sleeps(host: &Host) -> bool {
    host.exec(["pgrep", "-x", "sleep"]).is_ok_and(|output| output.status.success())
}

/// Breaks a run off while it sleeps, and looks at the two runs that follow.
fn broken(fleet: &str, exits: &[i32], breaks: impl FnOnce(&Host, &engine_e2e_tests::Running)) {
    let site = Site::up(fleet, &["node-1"]);
    let host = site.host("node-1");
    site.write_conformance_stack("node-1", &slow());
    let run = site.engine.start(&["run", "setup", "--json"]);
    eventually("it sleeps", || sleeps(host));
    breaks(host, &run);
    let run = run.wait();
    assert!(exits.contains(&run.code), "{} {}{}", run.code, run.output, run.errors);
    assert_eq!(told(host), 0, "the run was not broken off");

    // A plan says what is owed.
    host.check_exec(["touch", "/srv/slept"]).unwrap();
    let plan = site.engine.json(&["plan", "setup"]).exits(0);
    assert_eq!(plan.count("node-1", "changed"), 2, "{}", plan.output);
    let run = site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!(run.count("node-1", "changed"), 2, "{}", run.output);
    assert_eq!(told(host), 1);
    let again = site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!((again.count("node-1", "changed"), told(host)), (0, 1), "{}", again.output);
}

/// Breaks the work on a host off while it sleeps; the run goes on by itself.
fn goes_on(fleet: &str, breaks: impl FnOnce(&Host)) {
    let site = Site::up(fleet, &["node-1"]);
    let host = site.host("node-1");
    site.write_conformance_stack("node-1", &slow());
    let run = site.engine.start(&["run", "setup", "--json"]);
    eventually("it sleeps", || sleeps(host));
    breaks(host);
    let run = run.wait().exits(0);
    assert!(run.events.iter().any(|event| event["type"] == "reconnected"), "{}", run.output);
    assert_eq!(told(host), 1);
    host.check_exec(["touch", "/srv/slept"]).unwrap();
    let again = site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!((again.count("node-1", "changed"), told(host)), (0, 1), "{}", again.output);
}

#[test]
fn an_agent_that_is_killed_between_two_resources() {
    goes_on("n-agent", |host| {
        host.check_exec(["touch", "/srv/slept"]).unwrap();
        host.check_exec(["pkill", "-KILL", "-f", "engine/agent"]).unwrap();
    });
}

#[test]
fn a_controller_that_is_killed() {
    broken("n-control", &[-1, 137], |host, run| {
        run.signal("KILL");
        eventually("the agent has noticed", || host.exec(["pkill", "-x", "sleep"]).is_ok() && !sleeps(host));
        eventually("the agent has gone", || {
            !host.exec(["pgrep", "-f", "engine/agent"]).is_ok_and(|output| output.status.success())
        });
    });
}

#[test]
fn a_host_without_power_in_the_middle() {
    goes_on("n-power", |host| {
        host.kill().unwrap();
        switch_on(host);
    });
}

#[test]
fn a_reboot_that_a_resource_asks_for_is_part_of_the_run() {
    let site = Site::up("n-reboot", &["node-1"]);
    let host = site.host("node-1");
    site.write_conformance_stack(
        "node-1",
        &json!([
            {"resource": "reboot", "name": "new kernel", "reason": "the kernel was updated"},
            {"resource": "file", "name": "/srv/kernel", "content": "new",
             "notifies": [["request_reboot", "reboot[new kernel]", "immediately"]]},
            {"resource": "file", "name": "/srv/last", "content": "x"},
        ]),
    );
    let before = host.init_pid().expect("it runs");
    let plan = site.engine.json(&["plan", "setup"]).exits(0);
    assert_eq!(plan.count("node-1", "changed"), 3, "{}", plan.output);

    let run = site.engine.start(&["run", "setup", "--json"]);
    host.wait_reboot(before).expect("it reboots");
    let run = run.wait().exits(0);
    assert_eq!(run.count("node-1", "changed"), 3, "{}", run.output);
    for wanted in ["rebooting", "rebooted"] {
        assert!(run.events.iter().any(|event| event["type"] == wanted), "{wanted}: {}", run.output);
    }
    let again = site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!(again.count("node-1", "changed"), 0, "{}", again.output);
}

#[test]
fn updates_reboot_a_host_whose_packages_need_it_if_they_may() {
    let site = Site::up("n-update", &["node-1"]);
    let host = site.host("node-1");
    site.write_probe_stack(&json!([]), "");
    site.engine.json(&["run", "setup"]).exits(0);
    // What Debian's packages of the kernel leave behind.
    host.check_exec(["sh", "-c", "touch /run/reboot-required; echo linux-image > /run/reboot-required.pkgs"])
        .unwrap();
    let update = ["run", "update-dependencies"];
    let reboots = |run: &Run| run.events.iter().filter(|event| event["type"] == "rebooted").count();
    assert_eq!(reboots(&site.engine.json(&update).exits(0)), 0, "nobody allowed it");

    let allowed = [update.as_slice(), &["--allow-reboot"]].concat();
    let before = host.init_pid().expect("it runs");
    let run = site.engine.start(&[allowed.as_slice(), &["--json"]].concat());
    host.wait_reboot(before).expect("it reboots");
    let run = run.wait().exits(0);
    assert_eq!(reboots(&run), 1, "{}", run.output);
    let why = run.events.iter().find(|event| event["type"] == "rebooting").unwrap();
    assert_eq!(why["reason"], "packages need it: linux-image", "{}", run.output);
    assert_eq!(run.result("node-1"), "successful");
    let again = site.engine.json(&allowed).exits(0);
    assert_eq!((reboots(&again), again.counts("changed")), (0, 0), "{}", again.output);
    let elsewhere = site.engine.text(&["run", "setup", "--allow-reboot"]).exits(2);
    assert!(elsewhere.errors.contains("`--allow-reboot` is for update-dependencies"), "{}", elsewhere.errors);
}

#[test]
fn a_reboot_that_a_broken_run_owes_comes_where_it_is_declared_and_a_plan_says_so() {
    let site = Site::up("n-owed", &["node-1"]);
    let host = site.host("node-1");
    let declare = |more: &[Value]| {
        let kernel = json!({"resource": "file", "name": "/srv/kernel", "content": "new",
            "notifies": [["request_reboot", "reboot[new kernel]", "immediately"]]});
        let all = [&[json!({"resource": "reboot", "name": "new kernel"}), kernel], more].concat();
        site.write_conformance_stack("node-1", &Value::Array(all));
    };
    let before = host.init_pid().expect("it runs");
    declare(&[json!({"resource": "execute", "names": ["false"]})]);
    site.engine.json(&["run", "setup"]).exits(1);

    // Who does not know of it goes on undisturbed.
    site.write_conformance_stack(
        "node-1",
        &json!([{"resource": "file", "name": "/srv/kernel", "content": "new"}]),
    );
    let run = site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!((run.count("node-1", "changed"), host.init_pid()), (0, Some(before)), "{}", run.output);

    declare(&[]);
    let plan = site.engine.json(&["plan", "setup", "--detailed-exitcode"]).exits(2);
    assert!(plan.output.contains("requested by an earlier run: new kernel"), "{}", plan.output);
    let run = site.engine.start(&["run", "setup", "--json"]);
    host.wait_reboot(before).expect("it reboots");
    let run = run.wait().exits(0);
    assert_eq!(run.count("node-1", "changed"), 1, "{}", run.output);
    site.engine.json(&["plan", "setup", "--detailed-exitcode"]).exits(0);
}
