//! What is remembered of runs, and that one at a time changes a stack.
#![cfg(feature = "real-hosts")]

use engine_e2e_tests::{Site, eventually};
use engine_test_hosts::Host;
use serde_json::{Value, json};

const SECRET: &str = "correct-horse-battery";

#[test]
fn a_run_is_remembered_shown_again_and_reported() {
    let site = Site::up("runs", &["node-1"]);
    site.write_probe_stack(
        &json!([
            {"resource": "file", "name": "/srv/a", "content": "one\n<b>&two\n"},
            {"resource": "file", "name": "/srv/secret", "content": SECRET, "sensitive": true},
            {"resource": "file", "name": "/srv/missing/b", "content": "x", "ignore_failure": true},
        ]),
        "",
    );
    let shown = site.engine.text(&["run", "setup", "--comment", "the first one"]).exits(0);
    let list = site.engine.look(&["runs", "list", "--json"]).exits(0);
    let runs: Value = serde_json::from_str(&list.output).unwrap();
    assert_eq!(
        (&runs[0]["id"], &runs[0]["command"], &runs[0]["state"]),
        (&json!(1), &json!("setup"), &json!("successful"))
    );
    assert_eq!(runs[0]["comment"], "the first one");
    assert!(runs[0]["operator"].as_str().unwrap().contains('@'), "{runs}");
    let table = site.engine.look(&["runs", "list"]).exits(0).output;
    assert!(table.contains("the first one") && table.contains("successful"), "{table}");

    let again = site.engine.look(&["runs", "show", "1"]).exits(0);
    assert_eq!(again.output, shown.output);
    let events = site.engine.look(&["runs", "show", "1", "--json"]).exits(0).output;
    let first: Value = serde_json::from_str(events.lines().next().unwrap()).unwrap();
    assert_eq!(first["type"], "run_started");
    assert!(first["at_ms"].as_u64().is_some_and(|at| at > 1_700_000_000_000), "{first}");

    site.engine.look(&["runs", "show", "1", "--junit", "run.xml", "--html", "run.html"]).exits(0);
    let read = |name: &str| std::fs::read_to_string(site.engine.directory.join(name)).unwrap();
    let (junit, html) = (read("run.xml"), read("run.html"));
    assert!(
        junit.contains("<testsuite name=\"node-1\"") && junit.contains("file[/srv/a] (create)"),
        "{junit}"
    );
    assert!(html.contains("&lt;b&gt;&amp;two") && !html.contains("<b>&two"), "{html}");
    let state = site.engine.directory.join(".engine/state.db");
    let stored = String::from_utf8_lossy(&std::fs::read(state).unwrap()).into_owned();
    for text in [&shown.output, &again.output, &events, &junit, &html, &stored] {
        assert!(!text.contains(SECRET));
    }

    let unknown = site.engine.look(&["runs", "show", "9"]).exits(2);
    assert!(unknown.errors.contains("there is no run 9 of stack `test`"), "{}", unknown.errors);
}

fn sleeps(host: &Host) -> bool {
    host.exec(["pgrep", "-x", "sleep"]).is_ok_and(|output| output.status.success())
}

#[test]
fn one_of_two_controllers_waits_or_is_told_who_holds_the_stack() {
    let site = Site::up("held", &["node-1"]);
    let host = site.host("node-1");
    let script = "while [ ! -e /srv/go ]; do sleep 0.1; done";
    site.write_conformance_stack("node-1", &json!([{"resource": "execute", "names": ["sh", "-c", script]}]));
    let first = site.engine.start(&["run", "setup", "--json"]);
    eventually("the first one is at work", || sleeps(host));

    let second = site.engine.text(&["run", "setup", "--lock-wait", "0"]).exits(1);
    assert!(
        second.errors.contains("stack `test` is held by ") && second.errors.contains(" for setup"),
        "{}",
        second.errors
    );
    let mut third = site.engine.start(&["run", "setup", "--json"]);
    third.until("waiting_for_stack");
    host.check_exec(["touch", "/srv/go"]).unwrap();
    first.wait().exits(0);
    let third = third.wait().exits(0);
    assert_eq!(third.events[0]["type"], "waiting_for_stack", "{}", third.output);

    // Whose process is gone from this machine holds nothing.
    host.check_exec(["rm", "/srv/go"]).unwrap();
    let killed = site.engine.start(&["run", "setup", "--json"]);
    eventually("it is at work", || sleeps(host));
    killed.signal("KILL");
    killed.wait();
    host.check_exec(["touch", "/srv/go"]).unwrap();
    site.engine.json(&["run", "setup", "--lock-wait", "0"]).exits(0);
    let free = site.engine.look(&["unlock", "0000"]).exits(1);
    assert!(free.errors.contains("nobody holds stack `test`"), "{}", free.errors);
}

#[test]
fn a_lock_is_broken_by_its_id() {
    let site = Site::up("broken-lock", &["node-1"]);
    let host = site.host("node-1");
    let script = "while [ ! -e /srv/go ]; do sleep 0.1; done";
    site.write_conformance_stack("node-1", &json!([{"resource": "execute", "names": ["sh", "-c", script]}]));
    let first = site.engine.start(&["run", "setup", "--json"]);
    eventually("the first one is at work", || sleeps(host));
    let refused = site.engine.text(&["run", "setup", "--lock-wait", "0"]).exits(1);
    let id = refused.errors.split("`engine unlock ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    let other = site.engine.look(&["unlock", "0000"]).exits(1);
    assert!(other.errors.contains("is held under another lock"), "{}", other.errors);
    site.engine.look(&["unlock", id]).exits(0);
    host.check_exec(["touch", "/srv/go"]).unwrap();
    let first = first.wait().exits(1);
    assert_eq!(first.summary()["stack_lost"], true, "{}", first.output);
    site.engine.json(&["run", "setup", "--lock-wait", "0"]).exits(0);
}
