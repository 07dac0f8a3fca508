//! Saved plans, exit statuses that tell, and runs that prove themselves.
#![cfg(feature = "real-hosts")]

use engine_e2e_tests::Site;
use serde_json::{Value, json};

fn resources() -> Value {
    json!([
        {"resource": "directory", "name": "/srv/d"},
        {"resource": "file", "name": "/srv/d/a", "content": "planned\n"},
        {"resource": "execute", "names": ["touch", "/srv/told"], "action": ["nothing"]},
        {"resource": "file", "name": "/srv/b", "content": "planned\n", "notifies": [["run", "execute[touch /srv/told]", "delayed"]]},
    ])
}

#[test]
fn a_saved_plan_is_applied_exactly_and_a_host_that_moved_is_refused() {
    let site = Site::up("plans", &["node-1", "node-2"]);
    let (one, two) = (site.host("node-1"), site.host("node-2"));
    site.write_probe_stack(&resources(), "");
    let plan = site.engine.json(&["plan", "setup", "--out", "setup.plan"]).exits(0);
    assert_eq!(plan.counts("changed"), 8, "{}", plan.output);
    assert!(plan.errors.contains("engine run --plan setup.plan"), "{}", plan.errors);

    // The stack says something else by now, and somebody was on one of the hosts.
    site.write_probe_stack(&json!([{"resource": "file", "name": "/srv/other", "content": "x"}]), "");
    two.check_exec(["sh", "-c", "mkdir /srv/d; echo mine > /srv/d/a"]).unwrap();
    let run = site.engine.json_alone(&["run", "--plan", "setup.plan"]).exits(1);
    assert_eq!((run.result("node-1").as_str(), run.result("node-2").as_str()), ("successful", "refused"));
    assert_eq!((run.count("node-1", "changed"), run.count("node-2", "changed")), (4, 0), "{}", run.output);
    let error = run.error("node-2");
    assert!(
        error.contains("directory[/srv/d]: planned was another change (create), now it is up to date"),
        "{error}"
    );
    assert_eq!(one.check_exec(["cat", "/srv/d/a", "/srv/b"]).unwrap(), "planned\nplanned\n");
    one.check_exec(["test", "-e", "/srv/told"]).unwrap();
    assert_eq!(two.check_exec(["cat", "/srv/d/a"]).unwrap(), "mine\n");
    for path in ["/srv/b", "/srv/told", "/srv/other"] {
        assert!(!two.exec(["test", "-e", path]).unwrap().status.success(), "{path}");
    }
    assert!(!one.exec(["test", "-e", "/srv/other"]).unwrap().status.success());

    // Applied once, it fits no more.
    let again = site.engine.json_alone(&["run", "--plan", "setup.plan"]).exits(1);
    assert_eq!(
        (again.result("node-1").as_str(), again.counts("changed")),
        ("refused", 0),
        "{}",
        again.output
    );

    // What the stack file takes back is not done, whatever the plan says.
    one.check_exec(["rm", "-r", "/srv/d", "/srv/b", "/srv/told"]).unwrap();
    site.write_probe_stack(&resources(), "");
    site.engine.json(&["plan", "setup", "--instance", "node-1", "--out", "one.plan"]).exits(0);
    site.write_stack(&site.stack().replace("\"/srv/**\", ", ""));
    let denied = site.engine.json_alone(&["run", "--plan", "one.plan"]).exits(1);
    assert_eq!(denied.result("node-1"), "refused");
    assert!(denied.error("node-1").contains("is not granted files `/srv/d`"), "{}", denied.error("node-1"));
}

#[test]
fn a_refused_plan_leaves_an_instance_in_service_and_sees_what_it_does_not_show() {
    let site = Site::up("refuse", &["node-1", "node-2"]);
    let host = site.host("node-1");
    host.check_exec(["sh", "-c", "echo old > /srv/secret"]).unwrap();
    site.write_probe_stack(&json!([]), "");
    site.engine.json(&["run", "setup"]).exits(0);
    site.write_probe_stack(
        &json!([{"resource": "file", "name": "/srv/secret", "content": "new", "sensitive": true}]),
        "",
    );
    let plan = ["plan", "setup", "--instance", "node-1", "--out", "one.plan"];
    let refused = |words: &str| {
        let run = site.engine.json_alone(&["run", "--plan", "one.plan"]).exits(1);
        assert_eq!((run.result("node-1").as_str(), run.counts("changed")), ("refused", 0), "{}", run.output);
        assert!(run.error("node-1").contains(words), "{}", run.error("node-1"));
        assert!(!run.events.iter().any(|event| event["type"] == "status_changed"), "{}", run.output);
    };
    site.engine.json(&plan).exits(0);
    host.check_exec(["sh", "-c", "echo mine > /srv/secret"]).unwrap();
    refused("file[/srv/secret]: what is not shown of it has changed");
    assert_eq!(host.check_exec(["cat", "/srv/secret"]).unwrap(), "mine\n");

    site.engine.json(&plan).exits(0);
    site.engine.json(&["run", "shutdown", "--instance", "node-2"]).exits(0);
    refused("saw other instances online");

    site.engine.json(&plan).exits(0);
    let run = site.engine.json_alone(&["run", "--plan", "one.plan"]).exits(0);
    assert_eq!(run.counts("changed"), 1, "{}", run.output);
    assert_eq!(host.check_exec(["cat", "/srv/secret"]).unwrap(), "new");
}

#[test]
fn a_plan_goes_on_behind_a_checkpoint_only_if_nothing_changes_before() {
    let site = Site::up("behind", &["node-1"]);
    let command = json!({"resource": "execute", "names": ["touch", "/srv/again"]});
    site.write_probe_stack(
        &json!([{"resource": "file", "name": "/srv/a"}, {"resource": "checkpoint"}, command]),
        "",
    );
    let plan = site.engine.json(&["plan", "setup"]).exits(0);
    assert_eq!((plan.counts("changed"), plan.counts("unknown")), (1, 1), "{}", plan.output);
    let run = site.engine.text(&["run", "setup", "--verify"]).exits(1);
    assert!(run.errors.contains("node-1: execute[touch /srv/again] (run)"), "{}", run.errors);
}

#[test]
fn what_cannot_be_planned_to_its_end_is_not_saved() {
    let site = Site::up("unplan", &["node-1"]);
    site.write_probe_stack(&json!([{"resource": "file", "name": "/srv/a"}, {"resource": "checkpoint"}]), "");
    let plan = site.engine.text(&["plan", "setup", "--out", "setup.plan"]).exits(1);
    assert!(plan.errors.contains("node-1: its plan ends at a checkpoint"), "{}", plan.errors);
    assert!(!site.engine.directory.join("setup.plan").exists());
}

#[test]
fn the_exit_status_tells_whether_something_is_to_be_changed() {
    let site = Site::up("exits", &["node-1"]);
    site.write_probe_stack(&resources(), "");
    site.engine.text(&["plan", "setup", "--detailed-exitcode"]).exits(2);
    site.engine.text(&["run", "setup", "--detailed-exitcode"]).exits(2);
    site.engine.text(&["plan", "setup", "--detailed-exitcode"]).exits(0);
    site.engine.text(&["run", "setup", "--detailed-exitcode"]).exits(0);
    site.write_stack("nonsense = true\n");
    site.engine.text(&["plan", "setup"]).exits(2);
    site.engine.text(&["plan", "setup", "--detailed-exitcode"]).exits(1);
}

#[test]
fn a_run_that_would_change_something_again_does_not_verify() {
    let site = Site::up("verify", &["node-1"]);
    site.write_probe_stack(&resources(), "");
    let run = site.engine.text(&["run", "setup", "--verify"]).exits(0);
    assert!(run.output.contains("plan of setup on stack test"), "{}", run.output);
    site.write_probe_stack(&json!([{"resource": "execute", "names": ["touch", "/srv/again"]}]), "");
    let run = site.engine.text(&["run", "setup", "--verify"]).exits(1);
    for said in [
        "a second run would change something again",
        "node-1: execute[touch /srv/again] (run)",
        "hint: guard",
    ] {
        assert!(run.errors.contains(said), "{}", run.errors);
    }
}

#[test]
fn a_command_is_heard_while_it_runs() {
    let site = Site::up("live", &["node-1"]);
    let script = "echo one; while [ ! -e /srv/go ]; do sleep 0.1; done; echo two";
    site.write_conformance_stack(
        "node-1",
        &json!([{"resource": "execute", "names": ["sh", "-c", script], "live_stream": true}]),
    );
    let host = site.host("node-1");
    let run = site.engine.start(&["run", "setup", "--json"]);
    engine_e2e_tests::eventually("it runs", || {
        host.exec(["pgrep", "-f", "srv/go"]).is_ok_and(|output| output.status.success())
    });
    std::thread::sleep(std::time::Duration::from_secs(1));
    host.check_exec(["touch", "/srv/go"]).unwrap();
    let run = run.wait().exits(0);
    let told: Vec<&str> = run
        .events
        .iter()
        .filter(|event| event["type"] == "output")
        .map(|event| event["text"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(told, ["one\n", "two\n"], "{}", run.output);
}
