//! Hosts that cannot be reached, connections that break, and the operator's Ctrl-C.
#![cfg(feature = "real-hosts")]

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use engine_e2e_tests::{PROBE_GRANTS, Run, Site, eventually, repository, switch_on};
use engine_test_hosts::Host;
use serde_json::{Value, json};

/// Pairs of a second of sleep and a file that says that it is over.
fn slow(steps: usize) -> Value {
    steps_of("1", steps)
}

fn steps_of(seconds: &str, steps: usize) -> Value {
    (1..=steps)
        .flat_map(|step| {
            let path = format!("/srv/{step}");
            [
                json!({"resource": "execute", "names": ["sleep", seconds], "creates": path}),
                json!({"resource": "execute", "names": ["touch", path], "creates": path}),
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
    site.host("plain-1").check_exec(["rm", "/root/.ssh/authorized_keys"]).unwrap();
    let cookbook = repository().join("tests/e2e/cookbooks/probe");
    let mut text = format!(
        "update_on_setup = false\n[ssh]\nconnect_timeout = 4\n\
         [cookbooks.probe]\npath = \"{}\"\n[cookbooks.probe.grants]\n{PROBE_GRANTS}\n\
         [attributes.probe]\nresources = '[{{\"resource\": \"file\", \"name\": \"/srv/proof\", \"content\": \"x\"}}]'\n",
        cookbook.display()
    );
    for name in ["good", "refused", "silent", "changed", "plain", "sudo", "locked"] {
        let _ = write!(text, "[layers.{name}]\nsetup = [\"probe\"]\n");
    }
    // `plain-1` is logged in to as somebody without sudo, as somebody with it, and as root, who has no key there.
    let instances = site.instances().replace("host = \"plain-1\"", "host = \"plain-1\"\nuser = \"nosudo\"");
    text += &instances;
    for (layer, user) in [("sudo", "operator"), ("locked", "root")] {
        let _ = write!(
            text,
            "\n[instances.{layer}-1]\nlayers = [\"{layer}\"]\nhost = \"plain-1\"\nuser = \"{user}\"\n"
        );
    }
    site.write_stack(&text);

    let run = site.engine.json(&["run", "setup"]).exits(1);
    for good in ["good-1", "sudo-1"] {
        assert_eq!(
            (run.result(good).as_str(), run.count(good, "changed")),
            ("successful", 1),
            "{}",
            run.output
        );
    }
    for host in ["good-1", "plain-1"] {
        let owner = site.host(host).check_exec(["stat", "-c", "%U %a", "/srv/proof"]).unwrap();
        assert_eq!(owner, "root 644\n", "{host}");
    }
    let text = site.engine.text(&["run", "setup"]).exits(1).output;
    for (host, name, words, hint) in [
        ("refused-1", "refused-1", "refused the connection", "is sshd running there"),
        ("silent-1", "silent-1", "within 4 s", "is it an SSH server"),
        ("changed-1", "changed-1", " HAS CHANGED: ", "ssh-keygen -f "),
        ("plain-1", "nosudo@", "sudo", "log in as root"),
        ("locked-1", "plain-1", "accepts none of the keys", "ssh-copy-id"),
    ] {
        assert_eq!(run.result(host), "unreachable", "{}", run.output);
        let error = run.error(host);
        assert!(error.contains(words) && error.contains(name), "{host}: {error}");
        let told =
            run.events.iter().find(|event| event["type"] == "unreachable" && event["instance"] == host);
        let told = told.and_then(|event| event["hint"].as_str()).unwrap_or_default();
        assert!(told.contains(hint), "{host}: hint: {told}");
        // The same for people: when it happens, with the hint, and below the table.
        let line = text.lines().find(|line| line.starts_with(host)).unwrap_or_default();
        assert!(line.contains("! unreachable") && line.contains(name), "{host}: {text}");
        assert!(text.contains(&format!("hint: {told}")), "{host}: {text}");
        let end = text.lines().any(|line| line.starts_with(&format!("{host}: ")));
        assert!(end, "{host}: {text}");
    }
    assert!(text.contains("\n5 of 7 hosts failed; "), "{text}");
    site.host("silent-1").thaw().unwrap();
}

fn has_agent(host: &Host) -> bool {
    host.exec(["pgrep", "-f", "engine/agent"]).unwrap().status.success()
}

/// Names of resources in events of a type, in order.
fn resources<'r>(run: &'r Run, event: &str) -> Vec<&'r str> {
    let events = run.events.iter().filter(|one| one["type"] == event);
    events.map(|one| one["resource"]["name"].as_str().expect("a resource has a name")).collect()
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
    assert!(run.errors.contains("finishes the resource in hand"), "{}", run.errors);
    let tried = resources(&run, "resource_started");
    assert_eq!(tried, resources(&run, "resource_finished"), "what was begun was not finished");
    let position = run.node("node-1")["result"]["position"].as_str().unwrap_or_default();
    assert!(position.contains(&format!("{} not tried", 12 - tried.len())), "{position}: {tried:?}");
    let done = steps_done(host);
    assert!(done < 6);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(steps_done(host), done, "the agent went on after it was stopped");

    // The same in words.
    let run = site.engine.start(&["run", "setup"]);
    eventually("one more step is done", || steps_done(host) > done);
    run.signal("INT");
    let run = run.wait().exits(130);
    assert!(run.output.contains("- stopped in setup, at a resource boundary, "), "{}", run.output);
    assert!(run.output.contains("\nstopped by the operator; "), "{}", run.output);
    let done = steps_done(host);
    assert!(done < 6);

    // The controller dies without a word: the agent sees the end of its input.
    let run = site.engine.start(&["run", "setup", "--json"]);
    eventually("one more step is done", || steps_done(host) > done);
    run.signal("KILL");
    drop(run.wait());
    eventually("the agent is gone", || !has_agent(host));
    let done = steps_done(host);
    assert!(done < 6, "the agent went on without a controller");

    let run = site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!(steps_done(host), 6);
    assert_eq!(run.count("node-1", "changed"), 2 * (6 - done as u64), "what was done is not done again");
}

#[test]
fn ctrl_c_twice_leaves_at_once_and_the_next_run_waits_for_the_agent_left_behind() {
    let site = Site::up("leave", &["node-1"]);
    let host = site.host("node-1");
    let resources = json!([
        {"resource": "execute", "names": ["sleep", "6"], "creates": "/srv/slept"},
        {"resource": "execute", "names": ["touch", "/srv/slept"], "creates": "/srv/slept"},
    ]);
    site.write_probe_stack(&resources, "");
    let run = site.engine.start(&["run", "setup"]);
    eventually("it sleeps", || host.exec(["pgrep", "-x", "sleep"]).unwrap().status.success());
    run.signal("INT");
    std::thread::sleep(Duration::from_millis(500));
    let began = Instant::now();
    run.signal("INT");
    run.wait().exits(130);
    assert!(began.elapsed() < Duration::from_secs(2), "it took {:?}", began.elapsed());
    assert!(has_agent(host), "the resource in hand was not finished");

    let run = site.engine.json(&["run", "setup"]).exits(0);
    let waiting = run.events.iter().find(|event| event["type"] == "waiting").expect("it said that it waits");
    let message = waiting["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("another agent (process "), "{message}");
    // The agent left behind ended its sleep and nothing more.
    assert_eq!(run.count("node-1", "changed"), 2, "{}", run.output);
    assert!(!has_agent(host));
}

#[test]
fn broken_connections_stop_the_agents_at_a_boundary_in_bounded_time_and_the_next_run_finishes() {
    const STEPS: usize = 28;
    let site = Site::up("broken", &["node-1", "node-2", "node-3", "node-4"]);
    let [cut, frozen, killed, good] = site.fleet.hosts() else { panic!("there are four hosts") };
    let broken = [cut, frozen, killed];
    site.write_probe_stack(&slow(STEPS), "");
    let run = site.engine.start(&["run", "setup"]);
    eventually("everyone's first step is done", || {
        site.fleet.hosts().iter().all(|host| steps_done(host) >= 1)
    });
    cut.cut().unwrap();
    frozen.freeze().unwrap();
    killed.kill().unwrap();
    let run = run.wait().exits(1);
    for host in broken {
        let name = host.name();
        let line = format!("{name}  ! connection lost ");
        let line = run.output.lines().find(|said| said.starts_with(&line)).unwrap_or(&run.output);
        assert!(line.contains("the agent ends the resource in hand and stops"), "{line}");
        assert!(run.output.contains(&format!("\n {name}  connection lost ")), "{}", run.output);
    }
    assert!(run.output.contains("\n3 of 4 hosts failed; "), "{}", run.output);
    assert_eq!(steps_done(good), STEPS, "the good one did not go on");

    eventually("the agent is gone", || !has_agent(cut));
    assert!(steps_done(cut) < STEPS, "the agent went on without a connection");
    cut.heal().unwrap();
    frozen.thaw().unwrap();
    switch_on(killed);
    eventually("the agent is gone", || !has_agent(frozen));
    let done: Vec<usize> = broken.into_iter().map(steps_done).collect();
    assert!(done.iter().all(|done| *done < STEPS), "{done:?}");

    // The same steps without the sleep.
    site.write_probe_stack(&steps_of("0", STEPS), "");
    let run = site.engine.json(&["run", "setup"]).exits(0);
    for (host, done) in broken.into_iter().zip(done) {
        assert_eq!(steps_done(host), STEPS);
        // The sleep of a step whose file was not made may be done again, nothing else.
        let changed = usize::try_from(run.count(host.name(), "changed")).unwrap();
        assert_eq!(changed, 2 * (STEPS - done), "{}: what was done is not done again", host.name());
    }
    assert_eq!(run.count(good.name(), "changed"), 0);
}
