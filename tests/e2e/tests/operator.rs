//! A machine is handed to a stack, serves in it, and leaves it again.
#![cfg(feature = "real-hosts")]

use engine_e2e_tests::Site;
use serde_json::{Value, json};

/// What is known of an instance.
fn shown(site: &Site, instance: &str) -> Value {
    let shown = site.engine.look(&["instance", "show", instance, "--json"]).exits(0);
    serde_json::from_str(&shown.output).unwrap()
}

/// The commands of the runs in which it did something, newest first.
fn commands(site: &Site, instance: &str) -> Vec<String> {
    let runs = shown(site, instance)["runs"].as_array().unwrap().clone();
    runs.iter().map(|part| part["run"]["command"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_machine_is_registered_assigned_shown_logged_in_to_and_leaves() {
    let site = Site::up("oper", &["node-1", "node-2"]);
    let (engine, node_2) = (&site.engine, site.host("node-2"));
    let resources = json!([{"resource": "file", "name": "/srv/here", "content": "x"}]);
    site.write_conformance_stack("node-1", &resources);
    site.write_stack(&format!("# Mine.\n{}", site.stack()));
    engine.json(&["run", "setup"]).exits(0);
    let alone = site.stack();

    // Who is not there is not written down.
    let away = engine.text(&["instance", "register", "away", "--host", "127.0.0.1", "--port", "1"]).exits(1);
    assert!(away.errors.contains("it was not registered"), "{}", away.errors);
    assert_eq!(site.stack(), alone);

    let address = node_2.address().to_string();
    let register = ["instance", "register", "node-2", "--host", "node-2", "--address", &address];
    let registered = engine.text(&register).exits(0);
    assert!(registered.output.starts_with("node-2: debian 12"), "{}", registered.output);
    let table =
        format!("[instances.node-2]\nhost = \"node-2\"\naddress = \"{address}\"\nregistered = true\n");
    assert_eq!(site.stack(), format!("{alone}\n{table}"));
    assert_eq!(shown(&site, "node-2")["status"], "registered");
    engine.text(&register).exits(2);
    let same = engine.text(&["instance", "register", "other", "--host", "node-2"]).exits(2);
    assert!(same.errors.contains("`node-2` is instance `node-2`"), "{}", same.errors);

    assert_eq!(engine.ssh("node-2", &["hostname"]).exits(0).output, "node-2\n");
    assert_eq!(engine.ssh("node-2", &["exit", "3"]).code, 3);

    // It is set up, and the other one reacts.
    engine.text(&["instance", "assign", "node-2", "--layer", "node"]).exits(0);
    node_2.check_exec(["test", "-e", "/srv/here"]).unwrap();
    let serving = shown(&site, "node-2");
    assert_eq!((&serving["status"], &serving["layers"]), (&json!("online"), &json!(["node"])));
    assert_eq!(serving["runs"][0]["result"]["result"], "successful");
    assert_eq!(commands(&site, "node-1"), ["setup", "setup"]);
    let text = engine.look(&["instance", "show", "node-2"]).exits(0).output;
    assert!(text.contains("online since ") && text.contains("setup"), "{text}");

    // It is shut down, and the other one reacts.
    engine.text(&["instance", "unassign", "node-2"]).exits(0);
    assert_eq!(commands(&site, "node-2"), ["shutdown", "setup"]);
    assert_eq!(commands(&site, "node-1"), ["shutdown", "setup", "setup"]);
    let waiting = shown(&site, "node-2");
    assert_eq!((&waiting["status"], &waiting["layers"]), (&json!("registered"), &json!([])));

    // Away in the middle of its service, it leaves by force alone.
    engine.json(&["instance", "assign", "node-2", "--layer", "node"]).exits(0);
    node_2.kill().unwrap();
    let before = site.stack();
    let failed = engine.text(&["instance", "deregister", "node-2"]).exits(1);
    assert!(
        failed.errors.contains("was left as it was") && failed.errors.contains("--force"),
        "{}",
        failed.errors
    );
    assert_eq!(site.stack(), before);
    let forced = engine.text(&["instance", "deregister", "node-2", "--force"]).exits(0);
    assert!(forced.output.contains("its shutdown recipes are skipped"), "{}", forced.output);
    assert_eq!(site.stack(), alone);
    let gone = engine.look(&["instance", "show", "node-2"]).exits(2);
    assert!(gone.errors.contains("its instances are `node-1`"), "{}", gone.errors);
    // What is left of the stack goes on.
    engine.json(&["run", "configure"]).exits(0);
}
