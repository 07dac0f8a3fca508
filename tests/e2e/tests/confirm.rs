//! Changes that a host puts back by itself unless a fresh connection confirms them.
#![cfg(feature = "real-hosts")]

use engine_e2e_tests::{Run, Site, eventually};
use engine_test_hosts::Host;
use serde_json::{Value, json};

const CONFIG: &str = "/etc/ssh/sshd_config.d/engine.conf";

/// Lets nobody in.
const BAD: &str = "AllowUsers nobody\n";
/// Lets us in.
const GOOD: &str = "LoginGraceTime 33\n";

/// A change of what sshd allows, and what comes after it.
fn change(content: &str, after: &Value) -> Value {
    json!([
        {"resource": "service", "name": "ssh", "action": ["nothing"]},
        {
            "resource": "file", "name": CONFIG, "content": content, "mode": "0644", "confirm": true,
            "notifies": [["restart", "service[ssh]", "immediately"]]
        },
        after,
    ])
}

fn write(site: &Site, host: &Host, resources: &Value, timeout: u32) {
    site.write_conformance_stack(host.name(), resources);
    let off = "update_on_setup = false\n";
    let text = site.stack().replacen(off, &format!("{off}confirm_timeout = {timeout}\n"), 1);
    site.write_stack(&text);
}

fn nothing() -> Value {
    json!({"resource": "directory", "name": "/srv/after"})
}

fn has(host: &Host, content: &str) -> bool {
    host.exec(["cat", CONFIG]).is_ok_and(|output| output.stdout == content.as_bytes())
}

fn is_there(host: &Host, path: &str) -> bool {
    host.exec(["test", "-e", path]).is_ok_and(|output| output.status.success())
}

fn events<'r>(run: &'r Run, kind: &str) -> Vec<&'r Value> {
    run.events.iter().filter(|event| event["type"] == kind).collect()
}

fn is_as_it_was(host: &Host) -> bool {
    !is_there(host, CONFIG) && !is_there(host, "/var/lib/engine/unconfirmed")
}

/// All of it on one host.
fn of(site: &Site, host: &Host) {
    let name = host.name();
    // Nobody is let in any more: the run says so, and the host comes back.
    write(site, host, &change(BAD, &nothing()), 5);
    let planned = site.engine.text(&["plan", "setup"]).exits(0).output;
    assert!(planned.contains(&format!("file[{CONFIG}] (create), to be confirmed")), "{planned}");
    let failed = site.engine.json(&["run", "setup"]).exits(1);
    let error = failed.error(name);
    assert!(error.contains(&format!("file[{CONFIG}] was not confirmed by a fresh connection")), "{error}");
    assert!(error.contains("the node puts back what was there by "), "{error}");
    assert_eq!(events(&failed, "not_confirmed").len(), 1, "{}", failed.output);
    let run = failed.events[0]["run"].to_string();
    let again = site.engine.look(&["runs", "show", &run]);
    assert!(again.output.contains("not confirmed, put back by "), "{}{}", again.output, again.errors);
    eventually("the host has put it back", || is_as_it_was(host));

    // A run that is killed confirms nothing.
    let wait = "touch /srv/begun; while [ ! -e /srv/go ]; do sleep 0.1; done";
    let slow = json!({"resource": "execute", "names": ["sh", "-c", wait]});
    write(site, host, &change(BAD, &slow), 5);
    let killed = site.engine.start(&["run", "setup", "--json"]);
    eventually("the change is made", || is_there(host, "/srv/begun"));
    assert!(has(host, BAD));
    killed.signal("KILL");
    killed.wait();
    host.check_exec(["touch", "/srv/go"]).unwrap();
    eventually("the host has put it back", || is_as_it_was(host));

    // What is good stays.
    write(site, host, &change(GOOD, &nothing()), 60);
    let good = site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!(events(&good, "confirmed")[0]["resources"], json!([format!("file[{CONFIG}]")]));
    assert!(has(host, GOOD) && !is_there(host, "/var/lib/engine/unconfirmed"));
    let same = site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!((same.counts("changed"), events(&same, "confirming").len()), (0, 0), "{}", same.output);
    eventually("nobody watches any more", || !is_there(host, "/etc/systemd/system/engine-revert.service"));
}

#[test]
fn a_host_that_lets_nobody_in_any_more_comes_back_by_itself() {
    let site = Site::up_guests("confirm", &["systemd", "sysvinit"], false);
    let (systemd, sysvinit) = (site.host("systemd-1"), site.host("sysvinit-1"));
    of(&site, systemd);
    of(&site, sysvinit);

    // Not even a reboot makes a change stay that nobody has confirmed.
    write(&site, systemd, &change(BAD, &nothing()), 3600);
    site.engine.json(&["run", "setup"]).exits(1);
    assert!(has(systemd, BAD));
    systemd.reboot().unwrap();
    eventually("it is put back after the reboot", || {
        has(systemd, GOOD) && !is_there(systemd, "/var/lib/engine/unconfirmed")
    });
    write(&site, systemd, &change(GOOD, &nothing()), 60);
    site.engine.json(&["run", "setup"]).exits(0);
}
