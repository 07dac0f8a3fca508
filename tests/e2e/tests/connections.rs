//! Hosts that cannot be reached, connections that break, and the operator's Ctrl-C.
#![cfg(feature = "real-hosts")]

use std::time::Duration;

use engine_e2e_tests::{Site, eventually};
use engine_test_hosts::Host;
use serde_json::{Value, json};

/// Pairs of a second of sleep and a file that says that it is over.
fn slow(steps: usize) -> Value {
    (1..=steps)
        .flat_map(|step| {
            let path = format!("/srv/{step}");
            [
                json!({"execute": {"argv": ["sleep", "1"], "creates": path}}),
                json!({"execute": {"argv": ["touch", path], "creates": path}}),
            ]
        })
        .collect()
}

fn steps_done(host: &Host) -> usize {
    host.check_exec(["ls", "/srv"]).unwrap().lines().count()
}

#[test]
fn every_bad_host_is_named_with_its_reason_and_the_good_one_goes_on() {
    let site = Site::up("bad", &["good-1", "refused-1", "silent-1", "changed-1", "plain-1"]);
    site.host("refused-1").check_exec(["systemctl", "stop", "ssh"]).unwrap();
    site.host("silent-1").freeze().unwrap();
    let renew = "rm /etc/ssh/ssh_host_*; ssh-keygen -A; systemctl restart ssh";
    site.host("changed-1").check_exec(["sh", "-c", renew]).unwrap();
    let mut text = "update_on_setup = false\n[ssh]\nconnect_timeout = 4\n".to_owned();
    for name in ["good", "refused", "silent", "changed", "plain", "sudo"] {
        text.push_str("[layers.");
        text.push_str(name);
        text.push_str("]\n");
    }
    // `plain-1` is logged in to as somebody without sudo, and once more as somebody with it.
    let instances = site.instances().replace("host = \"plain-1\"", "host = \"plain-1\"\nuser = \"nosudo\"");
    text +=
        &(instances + "\n[instances.sudo-1]\nlayers = [\"sudo\"]\nhost = \"plain-1\"\nuser = \"operator\"\n");
    site.write_stack(&text);

    let run = site.engine.json(&["run", "setup"]).exits(1);
    for good in ["good-1", "sudo-1"] {
        assert_eq!(run.result(good), "successful", "{}", run.output);
    }
    for (host, words) in [
        ("refused-1", "refused the connection"),
        ("silent-1", "within 4 s"),
        ("changed-1", "CHANGED"),
        ("plain-1", "sudo"),
    ] {
        assert_eq!(run.result(host), "unreachable", "{}", run.output);
        assert!(run.error(host).contains(words), "{host}: {}", run.error(host));
        let told =
            run.events.iter().find(|event| event["type"] == "unreachable" && event["instance"] == host);
        assert!(told.is_some_and(|event| event["hint"].is_string()), "{host} has no hint");
    }
    site.host("silent-1").thaw().unwrap();
}

#[test]
fn ctrl_c_ends_the_resource_in_hand_and_the_next_run_goes_on() {
    let site = Site::up("stop", &["node-1"]);
    let host = site.host("node-1");
    site.write_probe_stack(&slow(6), "");

    let run = site.engine.start(&["run", "setup", "--json"]);
    eventually("the first step is done", || steps_done(host) >= 1);
    run.signal("INT");
    let run = run.wait().exits(130);
    assert_eq!(run.result("node-1"), "stopped", "{}", run.output);
    assert_eq!(run.summary()["stopped"], true);
    let done = steps_done(host);
    assert!(done < 6);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(steps_done(host), done, "the agent went on after it was stopped");

    // The controller dies without a word: the agent sees the end of its input.
    let run = site.engine.start(&["run", "setup", "--json"]);
    eventually("one more step is done", || steps_done(host) > done);
    run.signal("KILL");
    drop(run.wait());
    eventually("the agent is gone", || !host.exec(["pgrep", "-f", "engine/agent"]).unwrap().status.success());
    let done = steps_done(host);
    assert!(done < 6, "the agent went on without a controller");

    let run = site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!(steps_done(host), 6);
    assert_eq!(run.count("node-1", "changed"), 2 * (6 - done as u64), "what was done is not done again");
}

#[test]
fn a_cut_connection_stops_the_agent_at_a_boundary_in_bounded_time() {
    let site = Site::up("cut", &["node-1"]);
    let host = site.host("node-1");
    site.write_probe_stack(&slow(60), "");
    let run = site.engine.start(&["run", "setup", "--json"]);
    eventually("the first step is done", || steps_done(host) >= 1);
    host.cut().unwrap();
    let run = run.wait().exits(1);
    assert_eq!(run.result("node-1"), "connection_lost", "{}", run.output);
    eventually("the agent is gone", || !host.exec(["pgrep", "-f", "engine/agent"]).unwrap().status.success());
    assert!(steps_done(host) < 60, "the agent went on without a connection");
    host.heal().unwrap();
    site.write_probe_stack(&slow(2), "");
    site.engine.json(&["run", "setup"]).exits(0);
}
