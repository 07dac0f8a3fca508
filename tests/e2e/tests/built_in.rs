//! What engine does by itself at setup and configure, without a cookbook.
#![cfg(feature = "real-hosts")]

use std::{
    path::PathBuf,
    process::{Command, Output},
};

use engine_e2e_tests::{Run, Site};
use engine_test_hosts::Host;

/// A key pair that no host knows.
struct Key {
    directory: tempfile::TempDir,
}

impl Key {
    fn new() -> Self {
        let key = Key { directory: tempfile::tempdir().unwrap() };
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "test key", "-f"])
            .arg(key.path())
            .status();
        assert!(made.unwrap().success());
        key
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("key")
    }

    fn public(&self) -> String {
        std::fs::read_to_string(self.path().with_extension("pub")).unwrap().trim().to_owned()
    }

    /// Logs in with it over ssh, with nothing else that would let one in, and runs a command.
    fn log_in(&self, user: &str, host: &Host, command: &[&str]) -> Output {
        Command::new("ssh")
            .args([
                "-F",
                "none",
                "-o",
                "BatchMode=yes",
                "-o",
                "IdentitiesOnly=yes",
                "-o",
                "IdentityAgent=none",
            ])
            .args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"])
            .arg("-i")
            .arg(self.path())
            .arg(format!("{user}@{}", host.address()))
            .args(command)
            .output()
            .unwrap()
    }

    fn lets_in(&self, user: &str, host: &Host) -> bool {
        let output = self.log_in(user, host, &["id", "-un"]);
        output.status.success() && output.stdout == format!("{user}\n").as_bytes()
    }

    fn gives_root(&self, user: &str, host: &Host) -> bool {
        let output = self.log_in(user, host, &["sudo", "-n", "id", "-u"]);
        output.status.success() && output.stdout == b"0\n"
    }
}

/// A stack of one layer without recipes, whose hosts shall have names with a domain.
fn write(site: &Site, built_in: &str, users: &str) {
    let mut instances = site.instances();
    for host in site.fleet.hosts() {
        let table = format!("[instances.{}]\n", host.name());
        let hostname = format!("{table}hostname = \"{}.example.net\"\n", host.name());
        instances = instances.replace(&table, &hostname);
    }
    site.write_stack(&format!(
        "update_on_setup = false\npackages = [\"engine-probe=1.0\"]\n[built_in]\n{built_in}\n{users}\n\
         [layers.node]\npackages = [\"engine-probe-extra\"]\n{instances}"
    ));
}

/// The resources of a run that engine declared by itself, each once.
fn declared(run: &Run) -> Vec<String> {
    let finished = run.events.iter().filter(|event| event["type"] == "resource_finished");
    let mut names: Vec<String> = finished
        .map(|event| &event["resource"])
        .filter(|resource| resource["recipe"].as_str().is_some_and(|recipe| recipe.starts_with("engine::")))
        .map(|resource| resource["name"].as_str().unwrap_or_default().to_owned())
        .collect();
    names.sort();
    names.dedup();
    names
}

fn nothing_changes(run: Run) {
    let run = run.exits(0);
    assert_eq!((run.counts("changed"), run.counts("unknown")), (0, 0), "{}", run.output);
}

fn address_of(name: &str, on: &Host) -> String {
    let output = on.exec(["getent", "ahostsv4", name]).unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().next().unwrap_or_default().to_owned()
}

#[test]
fn names_of_hosts_follow_who_is_online() {
    let site = Site::up("builtin", &["node-1", "node-2"]);
    let (one, two) = (site.host("node-1"), site.host("node-2"));
    write(&site, "", "");
    let plan = site.engine.json(&["plan", "setup"]).exits(0);
    assert!(plan.counts("changed") > 0);
    assert_eq!(address_of("node-2", one), "");

    site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!(one.check_exec(["hostname"]).unwrap(), "node-1.example.net\n");
    assert_eq!(one.check_exec(["cat", "/etc/hostname"]).unwrap(), "node-1.example.net\n");
    let version = ["dpkg-query", "--show", "-f", "${Version}", "engine-probe"];
    assert_eq!(one.check_exec(version).unwrap(), "1.0");
    assert_eq!(one.check_exec(["engine-probe-extra"]).unwrap().trim(), "1.1");
    for (on, other) in [(one, two), (two, one)] {
        assert_eq!(address_of(other.name(), on), other.address().to_string());
        assert_eq!(address_of(&format!("{}.example.net", other.name()), on), other.address().to_string());
    }
    for command in ["setup", "configure", "install-dependencies"] {
        nothing_changes(site.engine.json(&["plan", command]));
        nothing_changes(site.engine.json(&["run", command]));
    }

    // What others write in the file stays.
    one.check_exec(["sh", "-c", "echo 192.0.2.7 by-hand >> /etc/hosts"]).unwrap();
    site.engine.json(&["run", "shutdown", "--instance", "node-2"]).exits(0);
    assert_eq!(address_of("node-2", one), "");
    assert_eq!(address_of("by-hand", one), "192.0.2.7");
    site.engine.json(&["run", "setup", "--instance", "node-2"]).exits(0);
    assert_eq!(address_of("node-2", one), two.address().to_string());
    assert_eq!(address_of("by-hand", one), "192.0.2.7");
    nothing_changes(site.engine.json(&["run", "setup"]));
}

#[test]
fn users_log_in_with_their_keys_until_they_leave() {
    let site = Site::up("builtinu", &["node-1"]);
    let host = site.host("node-1");
    let (alice, bob, carol) = (Key::new(), Key::new(), Key::new());
    let off = "hosts = false\nhostname = false\npackages = false";
    let user = |name: &str, key: &Key, more: &str| {
        format!("[users.{name}]\nssh_keys = [\"{}\"]\n{more}\n", key.public())
    };
    // The account `nosudo` is there before.
    let first = user("alice", &alice, "sudo = true\nuid = 3001")
        + &user("bob", &bob, "groups = [\"adm\"]\nshell = \"/bin/sh\"")
        + &user("nosudo", &carol, "sudo = true");
    write(&site, off, &first);
    let plan = site.engine.json(&["plan", "setup"]).exits(0);
    assert_eq!((plan.counts("failed"), plan.counts("unknown")), (0, 0), "{}", plan.output);
    assert!(!alice.lets_in("alice", host));

    site.engine.json(&["run", "setup"]).exits(0);
    assert!(alice.lets_in("alice", host) && alice.gives_root("alice", host));
    assert!(bob.lets_in("bob", host) && !bob.gives_root("bob", host));
    assert!(carol.lets_in("nosudo", host) && carol.gives_root("nosudo", host));
    assert!(!bob.lets_in("alice", host), "a key is of one user");
    let id = |user: &str| host.check_exec(["id", user]).unwrap();
    assert!(id("alice").starts_with("uid=3001(alice)"), "{}", id("alice"));
    assert!(id("bob").contains("(adm)") && id("bob").contains("(engine)"), "{}", id("bob"));
    assert!(!id("nosudo").contains("(engine)"), "{}", id("nosudo"));
    for event in ["setup", "configure"] {
        nothing_changes(site.engine.json(&["plan", event]));
        nothing_changes(site.engine.json(&["run", event]));
    }

    // A key that is not in the file goes, in an account that engine made.
    host.check_exec(["sh", "-c", &format!("echo '{}' >> ~alice/.ssh/authorized_keys", carol.public())])
        .unwrap();
    assert!(carol.lets_in("alice", host));
    site.engine.json(&["run", "configure"]).exits(0);
    assert!(!carol.lets_in("alice", host) && alice.lets_in("alice", host));

    // alice leaves, bob gets sudo, and nosudo is no longer the stack's affair.
    host.check_exec(["su", "alice", "-c", "touch ~/work"]).unwrap();
    write(&site, off, &user("bob", &bob, "sudo = true"));
    site.engine.json(&["run", "configure"]).exits(0);
    assert!(!alice.lets_in("alice", host));
    assert!(!host.exec(["su", "alice", "-c", "true"]).unwrap().status.success(), "the account has no shell");
    assert!(!host.root().join("etc/sudoers.d/engine-alice").exists());
    assert!(host.check_exec(["stat", "-c", "%U", "/home/alice/work"]).unwrap().starts_with("alice"));
    assert!(bob.gives_root("bob", host));
    assert!(carol.lets_in("nosudo", host), "who was there before engine keeps what they have");
    nothing_changes(site.engine.json(&["run", "configure"]));

    // Told so, it locks out whoever made the account; and alice comes back.
    write(&site, off, &(user("alice", &alice, "") + "[users.nosudo]\nremove = true\n"));
    site.engine.json(&["run", "configure"]).exits(0);
    assert!(alice.lets_in("alice", host) && !alice.gives_root("alice", host));
    assert!(!carol.lets_in("nosudo", host) && !bob.lets_in("bob", host));
    assert_eq!(host.check_exec(["visudo", "-c"]).unwrap().matches("engine-").count(), 0);
    nothing_changes(site.engine.json(&["run", "configure"]));
}

#[test]
fn it_is_so_without_systemd_and_with_dnf() {
    let site = Site::up_guests("builtink", &["sysvinit", "dnf"], false);
    let key = Key::new();
    write(&site, "", &format!("[users.alice]\nssh_keys = [\"{}\"]\nsudo = true", key.public()));
    let text = site.stack().replace("[layers.node]", "[layers.sysvinit]\n[layers.dnf]");
    site.write_stack(&text);
    site.engine.json(&["run", "setup"]).exits(0);
    for host in site.fleet.hosts() {
        assert!(key.gives_root("alice", host), "{}", host.name());
        assert_eq!(host.check_exec(["hostname"]).unwrap(), format!("{}.example.net\n", host.name()));
        assert_eq!(host.check_exec(["engine-probe"]).unwrap().trim(), "1.0");
        for other in site.fleet.hosts().iter().filter(|other| other.name() != host.name()) {
            assert_eq!(address_of(other.name(), host), other.address().to_string(), "on {}", host.name());
        }
    }
    nothing_changes(site.engine.json(&["run", "setup"]));
}

#[test]
fn each_part_has_a_switch() {
    let site = Site::up("builtins", &["node-1"]);
    let key = Key::new();
    let users = format!("[users.alice]\nssh_keys = [\"{}\"]", key.public());
    let plan = |switches: &str| {
        write(&site, switches, &users);
        declared(&site.engine.json(&["plan", "setup"]).exits(0))
    };
    let all = plan("hosts = true");
    let named = |names: &[String], kind: &str| names.iter().any(|name| name.starts_with(kind));
    for kind in [
        "block_in_file[hosts]",
        "hostname[",
        "user[alice]",
        "authorized_keys[alice]",
        "package[engine-probe]",
    ] {
        assert!(named(&all, kind), "{kind} is not in {all:?}");
    }
    for (switch, kind) in [
        ("hosts", "block_in_file["),
        ("hostname", "hostname["),
        ("users", "user["),
        ("packages", "package[engine-probe]"),
    ] {
        let without = plan(&format!("{switch} = false"));
        assert!(!named(&without, kind) && !without.is_empty(), "{switch}: {without:?}");
    }
    let none = plan("hosts = false\nhostname = false\nusers = false\npackages = false");
    assert_eq!(none, Vec::<String>::new());
    // A container's clock is not its own to set, unless it is asked for.
    assert!(!named(&all, "service["), "{all:?}");
    assert!(named(&plan("time_sync = true"), "service[systemd-timesyncd]"));
    // Who has another program for it keeps that.
    let host = site.host("node-1");
    let install = ["apt-get", "install", "--yes", "--no-install-recommends", "chrony"];
    host.check_exec(install).unwrap();
    write(&site, "hosts = false\nhostname = false\npackages = false\ntime_sync = true", "");
    let run = site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!((run.counts("changed"), run.counts("skipped")), (0, 3), "{}", run.output);
    assert!(host.check_exec(["dpkg", "--status", "chrony"]).unwrap().contains("install ok installed"));
    // A machine that was handed over keeps its name and its file.
    write(&site, "", &users);
    let text = site.stack().replace("host = ", "registered = true\nhost = ");
    site.write_stack(&text);
    let registered = declared(&site.engine.json(&["plan", "setup"]).exits(0));
    assert!(!named(&registered, "hostname[") && named(&registered, "user[alice]"), "{registered:?}");
}
