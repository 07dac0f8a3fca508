//! Batches, the health gate and the order of layers on real hosts; and what the stack makes up for.
#![cfg(feature = "real-hosts")]

use engine_e2e_tests::{Site, switch_on};
use serde_json::{Value, json};

/// Three of layer `node`, whose setup starts a service that listens; one by one, each healthy before the next.
fn site(fleet: &str) -> Site {
    let site = Site::up(fleet, &["node-1", "node-2", "node-3"]);
    site.write_probe_stack(
        &json!([{"resource": "file", "name": "/srv/set-up", "content": "yes\n"}]),
        "[layers.node.rollout]\nbatch = 1\nhealth = { command = [\"test\", \"!\", \"-e\", \"/srv/unwell\"], timeout = 4 }\n",
    );
    site
}

fn statuses(site: &Site) -> Vec<String> {
    let list = site.engine.look(&["instance", "list", "--json"]).exits(0).output;
    let rows: Value = serde_json::from_str(&list).unwrap();
    rows.as_array().unwrap().iter().map(|row| row["status"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_unwell_instance_keeps_the_batches_behind_it_from_beginning() {
    let site = site("rollout");
    site.host("node-2").exec(["touch", "/srv/unwell"]).unwrap();
    let run = site.engine.text(&["run", "setup"]).exits(1).output;
    assert!(run.contains("layer node: node-1 | node-2 | node-3"), "{run}");
    assert!(run.contains("layer node, batch 2 of 3: node-2"), "{run}");
    assert!(run.contains("health check, `test ! -e /srv/unwell`"), "{run}");
    assert!(run.contains("layer node stops: 1 of layer `node` failed, and 0 may"), "{run}");
    assert_eq!(statuses(&site), ["online", "setup_failed", "pending"]);
    let untouched = site.host("node-3").exec(["test", "-e", "/srv/set-up"]).unwrap();
    assert!(!untouched.status.success());

    site.host("node-2").exec(["rm", "/srv/unwell"]).unwrap();
    site.engine.text(&["run", "setup"]).exits(0);
    assert_eq!(statuses(&site), ["online"; 3]);
    let again = site.engine.text(&["run", "setup", "--batch", "100%"]).exits(0).output;
    assert!(again.contains("0 changed") && !again.contains("batch 2"), "{again}");
}

#[test]
fn a_lost_host_is_named_left_out_and_back_when_it_is_healed() {
    let site = Site::up("lost", &["node-1", "node-2"]);
    site.write_probe_stack(&json!([{"resource": "file", "name": "/srv/set-up", "content": "yes\n"}]), "");
    site.engine.text(&["run", "setup"]).exits(0);
    site.host("node-2").stop().unwrap();

    // It leaves in a run that has no reaction of its own, so the stack makes up for it.
    let recipes = ["run", "execute-recipes", "--recipe", "probe"];
    let run = site.engine.text(&recipes).exits(1).output;
    assert!(run.contains("node-2") && run.contains("unreachable"), "{run}");
    assert!(run.contains("instances have not reacted yet: node-2 is connection_lost"), "{run}");
    assert_eq!(statuses(&site), ["online", "connection_lost"]);
    let runs: Value =
        serde_json::from_str(&site.engine.look(&["runs", "list", "--json"]).exits(0).output).unwrap();
    assert_eq!((&runs[0]["command"], &runs[1]["command"]), (&json!("configure"), &json!("execute-recipes")));

    switch_on(site.host("node-2"));
    site.engine.text(&["run", "configure"]).exits(0);
    assert_eq!(statuses(&site), ["online"; 2]);
}
