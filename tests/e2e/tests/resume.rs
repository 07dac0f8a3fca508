//! Runs that are interrupted, and taken up again where they stopped.
#![cfg(feature = "real-hosts")]
#![allow(clippy::print_stdout, reason = "a failure is repeated with what is printed")]

use std::{
    fs,
    hash::{BuildHasher as _, RandomState},
    thread,
    time::{Duration, Instant},
};

use engine_e2e_tests::{Running, Site, eventually};
use engine_test_hosts::Host;
use serde_json::{Value, json};

/// Points at which the controller is killed, unless `ENGINE_KILLS` says how many.
const KILLS: u64 = 8;

/// A command that writes a line each time it runs, and takes a moment.
fn says(word: &str) -> Value {
    json!({"resource": "execute", "names": ["sh", "-c", format!("sleep 0.05; echo {word} >> /srv/log")]})
}

fn with(mut resource: Value, key: &str, value: Value) -> Value {
    resource[key] = value;
    resource
}

/// What runs whenever it is told, and never else.
fn told(word: &str) -> (Value, String) {
    let command = format!("echo {word} >> /srv/log");
    let resource =
        json!({"resource": "execute", "names": ["sh", "-c", command.clone()], "action": ["nothing"]});
    (resource, format!("execute[sh -c {command}]"))
}

/// Commands without guards, notifications of every timing, files that a later command alters, and a checkpoint.
fn resources() -> Value {
    let (at_end, end) = told("told-at-the-end");
    let (at_once, once) = told("told-at-once");
    let (before_it, before) = told("told-before");
    let file = |name: &str, content: &str| json!({"resource": "file", "name": name, "content": content});
    json!([
        at_end,
        at_once,
        before_it,
        {"resource": "directory", "name": "/srv/tree"},
        says("one"),
        with(file("/srv/tree/a", "a\n"), "notifies", json!([["run", end, "delayed"]])),
        says("two"),
        with(file("/srv/tree/b", "b\n"), "notifies", json!([["run", once, "immediately"]])),
        with(file("/srv/tree/c", "c\n"), "notifies", json!([["run", before, "before"]])),
        {"resource": "execute", "names": ["sh", "-c", "echo more >> /srv/tree/a; echo altered >> /srv/log"]},
        {"resource": "checkpoint"},
        with(says("three"), "notifies", json!([["run", end, "delayed"]])),
        {"resource": "link", "name": "/srv/tree/l", "to": "a"},
        says("four"),
        with(file("/srv/tree/d", "d\n"), "notifies", json!([["run", once, "delayed"]])),
        says("five"),
    ])
}

/// What is on a host: what commands wrote, in order, and all files.
fn state(host: &Host) -> String {
    let script = "cat /srv/log; cd /srv; find . | sort; find . -type f | sort | xargs sha256sum; \
                  ls /var/lib/engine/owed 2>/dev/null || true";
    host.check_exec(["sh", "-c", script]).unwrap()
}

/// As if nothing had ever been done.
fn forget(site: &Site) {
    let _ = fs::remove_dir_all(site.engine.directory.join(".engine"));
    for host in site.fleet.hosts() {
        eventually("no agent is at work", || !has_agent(host));
        let script = "rm -rf /srv/* /var/lib/engine/journal /var/lib/engine/owed /var/lib/engine/configure*";
        host.check_exec(["sh", "-c", script]).unwrap();
    }
}

fn has_agent(host: &Host) -> bool {
    host.exec(["pgrep", "-f", "engine/agent"]).is_ok_and(|output| output.status.success())
}

/// Numbers that look random: a linear congruential generator.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit.max(1)
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Kills a controller somewhere: behind an event, or after a time.
fn kill(mut running: Running, numbers: &mut Numbers, events: u64, duration: Duration) -> String {
    let point = if numbers.below(2) == 0 {
        let events = numbers.below(events);
        running.lines(usize::try_from(events).unwrap());
        format!("event {events}")
    } else {
        let milliseconds = numbers.below(u64::try_from(duration.as_millis()).unwrap());
        thread::sleep(Duration::from_millis(milliseconds));
        format!("{milliseconds} ms")
    };
    if !running.has_ended() {
        running.signal("KILL");
    }
    running.wait();
    point
}

#[test]
fn a_run_that_is_killed_anywhere_is_taken_up_and_comes_to_the_same_end() {
    let seed = number("ENGINE_SEED").unwrap_or_else(|| RandomState::new().hash_one(0) >> 32);
    let kills = number("ENGINE_KILLS").unwrap_or(KILLS);
    println!("ENGINE_SEED={seed} ENGINE_KILLS={kills}");
    let site = Site::up("resume", &["node-1", "node-2"]);
    // In setup and again in the reaction to it.
    site.write_open_stack(&resources(), &["setup", "configure"]);
    site.engine.json(&["run", "setup"]).exits(0);
    forget(&site);
    let began = Instant::now();
    let whole = site.engine.json(&["run", "setup"]).exits(0);
    let duration = began.elapsed();
    let expected: Vec<String> = site.fleet.hosts().iter().map(state).collect();
    assert_eq!(expected[0].lines().filter(|line| *line == "one").count(), 2, "{}", expected[0]);
    let events = whole.events.len() as u64;

    let mut numbers = Numbers(seed);
    let mut taken_up = 0;
    for round in 0..kills {
        forget(&site);
        let run = site.engine.start(&["run", "setup", "--json"]);
        let mut point = kill(run, &mut numbers, events, duration);
        // Who takes it up may be killed as well.
        while numbers.below(3) == 0 {
            let resume = site.engine.start(&["resume", "--json"]);
            point = format!("{point}, then {}", kill(resume, &mut numbers, events, duration));
        }
        let end = site.engine.json(&["resume"]);
        println!("round {round}: killed at {point}: {}", end.errors.trim());
        match end.code {
            0 => {
                assert_eq!(end.events[0]["type"], "run_resumed", "{}", end.output);
                taken_up += 1;
            }
            2 if end.errors.contains("has had no run") => drop(site.engine.json(&["run", "setup"]).exits(0)),
            2 if end.errors.contains("it is successful") => {}
            _ => panic!("round {round}, {point}: {}{}", end.output, end.errors),
        }
        let now: Vec<String> = site.fleet.hosts().iter().map(state).collect();
        assert_eq!(now, expected, "round {round}, {point}");
        let list = site.engine.look(&["runs", "list", "--json"]).exits(0);
        let runs: Value = serde_json::from_str(&list.output).unwrap();
        assert_eq!(runs.as_array().unwrap().len(), 1, "{runs}");
        assert_eq!(runs[0]["state"], "successful", "round {round}, {point}");
    }
    println!("{taken_up} of {kills} were taken up");
    assert!(taken_up > 0);
}

#[test]
fn ctrl_c_once_or_twice_and_then_the_rest() {
    let site = Site::up("res-stop", &["node-1"]);
    let host = site.host("node-1");
    let slow: Vec<Value> = (1..=4)
        .map(|step| {
            let script = format!("touch /srv/begun-{step}; sleep 1; echo {step} >> /srv/log");
            json!({"resource": "execute", "names": ["sh", "-c", script]})
        })
        .collect();
    site.write_open_stack(&json!(slow), &["setup"]);
    let begun = |step: usize| {
        let path = format!("/srv/begun-{step}");
        eventually("it has begun", || host.exec(["test", "-e", &path]).unwrap().status.success());
    };

    let run = site.engine.start(&["run", "setup", "--json"]);
    begun(1);
    run.signal("INT");
    let run = run.wait().exits(130);
    assert!(run.errors.contains("hint: `engine resume --stack test`"), "{}", run.errors);
    assert_eq!(run.summary()["resumable"], true);
    let list = site.engine.look(&["runs", "list"]).exits(0).output;
    assert!(list.contains("stopped"), "{list}");

    // What is left in words, and then twice Ctrl-C.
    let resume = site.engine.start(&["resume"]);
    begun(3);
    resume.signal("INT");
    thread::sleep(Duration::from_millis(200));
    resume.signal("INT");
    let resume = resume.wait().exits(130);
    assert!(resume.output.starts_with("run 1: setup on stack test goes on: node-1\n"), "{}", resume.output);
    let list = site.engine.look(&["runs", "list", "--json"]).exits(0).output;
    assert!(list.contains("\"interrupted\""), "{list}");

    let last = site.engine.text(&["resume", "-v"]).exits(0);
    assert!(last.output.contains("done before the run was interrupted"), "{}", last.output);
    assert_eq!(host.check_exec(["cat", "/srv/log"]).unwrap(), "1\n2\n3\n4\n");
    let nothing = site.engine.text(&["resume"]).exits(2);
    assert!(
        nothing.errors.contains("run 1 came to its end on every host: it is successful"),
        "{}",
        nothing.errors
    );
    // Both attempts are one run.
    let shown = site.engine.look(&["runs", "show", "1"]).exits(0).output;
    assert!(shown.contains("run 1: setup on stack test: node-1") && shown.contains(" goes on: "), "{shown}");
}

#[test]
fn who_was_cut_off_is_taken_up_while_a_second_controller_waits() {
    let site = Site::up("res-cut", &["node-1", "node-2"]);
    let cut = site.host("node-2");
    let wait = "echo waits >> /srv/log; while [ ! -e /srv/go ]; do sleep 0.1; done";
    let waits = json!({"resource": "execute", "names": ["sh", "-c", wait]});
    site.write_open_stack(&json!([says("one"), waits, says("two")]), &["setup"]);
    site.host("node-1").check_exec(["touch", "/srv/go"]).unwrap();
    let run = site.engine.start(&["run", "setup", "--json"]);
    eventually("it waits", || cut.exec(["grep", "-q", "waits", "/srv/log"]).unwrap().status.success());
    cut.cut().unwrap();
    let run = run.wait().exits(1);
    assert_eq!((run.result("node-1"), run.result("node-2")), ("successful".into(), "connection_lost".into()));
    let tries = run.events.iter().filter(|event| event["type"] == "reconnecting").count();
    assert_eq!(tries, 3, "{}", run.output);
    cut.heal().unwrap();

    let mut first = site.engine.start(&["resume", "--json"]);
    first.until("run_resumed");
    let mut second = site.engine.start(&["resume", "--json"]);
    second.until("waiting_for_stack");
    cut.check_exec(["touch", "/srv/go"]).unwrap();
    let first = first.wait().exits(0);
    assert_eq!(first.events[0]["instances"], json!(["node-2"]));
    let second = second.wait().exits(2);
    assert!(second.errors.contains("it is successful"), "{}", second.errors);
    for host in site.fleet.hosts() {
        assert_eq!(host.check_exec(["cat", "/srv/log"]).unwrap(), "one\nwaits\ntwo\n", "{}", host.name());
    }
}

#[test]
fn only_who_failed_is_tried_again_and_another_run_is_not_taken_up() {
    let site = Site::up("res-try", &["node-1", "node-2"]);
    let bad = site.host("node-2");
    let needs = json!({"resource": "execute", "names": ["test", "-e", "/srv/needed"]});
    site.write_open_stack(&json!([says("one"), needs]), &["setup"]);
    site.host("node-1").check_exec(["touch", "/srv/needed"]).unwrap();
    let run = site.engine.json(&["run", "setup"]).exits(1);
    assert_eq!((run.result("node-1"), run.result("node-2")), ("successful".into(), "failed".into()));
    assert!(!run.errors.contains("engine resume"), "{}", run.errors);
    let ended = site.engine.text(&["resume"]).exits(2);
    assert!(ended.errors.contains("--retry-failed 1"), "{}", ended.errors);

    bad.check_exec(["touch", "/srv/needed"]).unwrap();
    let again = site.engine.json(&["run", "setup", "--retry-failed", "1"]).exits(0);
    assert_eq!(again.result("node-2"), "successful");
    let log = |host: &Host| host.check_exec(["cat", "/srv/log"]).unwrap();
    assert_eq!((log(site.host("node-1")), log(bad)), ("one\n".into(), "one\none\n".into()));
    let none = site.engine.text(&["run", "setup", "--retry-failed", "2"]).exits(2);
    assert!(none.errors.contains("run 2 failed on no host"), "{}", none.errors);
    let old = site.engine.text(&["resume", "1"]).exits(2);
    assert!(old.errors.contains("run 2 came after run 1"), "{}", old.errors);
}
