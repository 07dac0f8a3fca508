//! Resources on a real host, judged by other eyes than our own.
#![cfg(feature = "real-hosts")]

use engine_e2e_tests::{Site, eventually};
use engine_test_hosts::Host;
use serde_json::json;

fn exists(host: &Host, path: &str) -> bool {
    host.exec(["test", "-e", path]).unwrap().status.success()
}

#[test]
fn a_service_is_enabled_and_started_and_then_left_alone() {
    let site = Site::up("service", &["node-1"]);
    let host = site.host("node-1");
    host.check_exec(["systemctl", "disable", "--now", "cron"]).unwrap();
    site.write_probe_stack(
        &json!([{"resource": "service", "name": "cron", "action": ["enable", "start"]}]),
        "",
    );
    let run = site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!(run.count("node-1", "changed"), 2, "{}", run.output);
    assert_eq!(host.check_exec(["systemctl", "is-active", "cron"]).unwrap().trim(), "active");
    assert_eq!(host.check_exec(["systemctl", "is-enabled", "cron"]).unwrap().trim(), "enabled");
    let run = site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!(run.counts("changed"), 0, "{}", run.output);
}

#[test]
fn users_groups_packages_and_what_belongs_to_them() {
    let site = Site::up("accounts", &["node-1"]);
    let host = site.host("node-1");
    let resources = json!([
        {"resource": "group", "name": "probe-group"},
        {"resource": "user", "name": "probe-user", "groups": ["probe-group"], "shell": "/bin/sh", "manage_home": true},
        {"resource": "directory", "name": "/srv/owned"},
        {"resource": "file", "name": "/srv/owned/file", "content": "owned", "owner": "probe-user", "group": "probe-group", "mode": "0640"},
        {"resource": "package", "name": "hello"},
        {"resource": "execute", "names": ["touch", "/home/probe-user/was-here"], "user": "probe-user", "creates": "/home/probe-user/was-here"},
    ]);
    site.write_probe_stack(&resources, "");
    let plan = site.engine.json(&["plan", "setup"]).exits(0);
    assert_eq!(plan.counts("failed"), 0, "{}", plan.output);
    let run = site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!(run.count("node-1", "changed"), 6, "{}", run.output);
    let says = |argv: &[&str]| host.check_exec(argv).unwrap().trim().to_owned();
    assert!(says(&["id", "-nG", "probe-user"]).contains("probe-group"));
    assert!(says(&["getent", "passwd", "probe-user"]).ends_with(":/bin/sh"));
    assert_eq!(says(&["stat", "-c", "%U:%G %a", "/srv/owned/file"]), "probe-user:probe-group 640");
    assert_eq!(says(&["dpkg-query", "-W", "-f", "${Status}", "hello"]), "install ok installed");
    assert_eq!(says(&["stat", "-c", "%U", "/home/probe-user/was-here"]), "probe-user");
    let run = site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!(run.counts("changed"), 0, "{}", run.output);
}

#[test]
fn updates_are_installed_at_setup_and_the_second_time_there_are_none() {
    let site = Site::up("updates", &["node-1"]);
    site.write_stack(&format!("[layers.node]\n{}", site.instances()));
    site.engine.json(&["run", "setup"]).exits(0);
    let run = site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!(run.counts("changed"), 0, "{}", run.output);
    assert_eq!(run.counts("up_to_date"), 1, "{}", run.output);
}

#[test]
fn a_full_disk_leaves_the_old_content_and_the_next_run_finishes() {
    let site = Site::up("disk", &["node-1", "node-2"]);
    let host = site.host("node-1");
    let write = |content: &str| {
        let file = |path: &str| json!({"resource": "file", "name": path, "content": content, "mode": "0644"});
        let paths = ["/srv/before", "/srv/data/file", "/srv/data/after"];
        site.write_probe_stack(&paths.into_iter().map(file).collect(), "");
    };
    for host in site.fleet.hosts() {
        host.check_exec(["mkdir", "-p", "/srv/data"]).unwrap();
    }
    host.fill_disk("/srv/data", 64 * 1024).unwrap();
    write("old");
    site.engine.json(&["run", "setup"]).exits(0);
    write(&"new".repeat(100_000));

    let run = site.engine.json(&["run", "setup"]).exits(1);
    assert_eq!((run.result("node-1").as_str(), run.result("node-2").as_str()), ("failed", "successful"));
    let error = run.error("node-1");
    assert!(error.starts_with("file[/srv/data/file]: ") && error.contains("is full"), "{error}");
    assert_eq!((run.count("node-1", "changed"), run.count("node-1", "failed")), (1, 1), "{}", run.output);
    for name in ["file", "after"] {
        assert_eq!(host.check_exec(["cat", &format!("/srv/data/{name}")]).unwrap(), "old");
    }
    assert_eq!(
        host.check_exec(["ls", "-A", "/srv/data"]).unwrap(),
        "after\nfile\n",
        "a temporary file is left"
    );

    // Again, in words: what was done is not done again, and below the table stands the error.
    let text = site.engine.text(&["run", "setup"]).exits(1).output;
    assert!(
        text.contains("! failed file[/srv/data/file] (create): `/srv/data/file` cannot be written"),
        "{text}"
    );
    assert!(text.contains("\nnode-1: file[/srv/data/file]: "), "{text}");
    assert!(text.contains("\n1 of 2 hosts failed; 0 changed, "), "{text}");

    host.check_exec(["mount", "-o", "remount,size=1m", "/srv/data"]).unwrap();
    let run = site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!(run.counts("changed"), 2, "{}", run.output);
    for name in ["file", "after"] {
        let size = host.check_exec(["stat", "-c", "%s", &format!("/srv/data/{name}")]).unwrap();
        assert_eq!(size.trim(), "300000");
    }
    assert_eq!(host.check_exec(["ls", "-A", "/srv/data"]).unwrap(), "after\nfile\n");
    host.free_disk("/srv/data").unwrap();
}

#[test]
fn a_path_outside_of_the_grant_is_denied_before_anything_is_sent() {
    let site = Site::up("grants", &["node-1"]);
    let host = site.host("node-1");
    let declared = json!([{"resource": "directory", "name": "/srv/made"}, {"resource": "file", "name": "/etc/cron.d/root", "content": "x"}]);
    site.write_probe_stack(&declared, "");
    let run = site.engine.json(&["run", "setup"]).exits(1);
    assert_eq!(run.result("node-1"), "evaluation_failed");
    assert!(!run.events.iter().any(|event| event["type"] == "resource_started"), "{}", run.output);
    let text = site.engine.text(&["run", "setup"]).exits(1).output;
    let way_out = "add it to [cookbooks.probe.grants] in the stack file";
    for said in [&run.error("node-1"), &text] {
        assert!(said.contains("is not granted files `/etc/cron.d/root`") && said.contains(way_out), "{said}");
    }
    assert!(!exists(host, "/srv/made") && !exists(host, "/etc/cron.d/root"));

    // Without a grant for a capability that the cookbook asks for, nobody is even connected to.
    let stack = site.stack();
    site.write_stack(&stack.replace("services = [\"*\"]\n", ""));
    let run = site.engine.text(&["run", "setup"]).exits(2);
    assert!(run.output.is_empty(), "{}", run.output);
    for words in ["capability `services`", "[cookbooks.probe.grants] as `services = [...]`"] {
        assert!(run.errors.contains(words), "{}", run.errors);
    }
}

#[test]
fn a_link_that_a_user_plants_below_the_granted_directory_leads_nowhere() {
    let site = Site::up("links", &["node-1"]);
    let host = site.host("node-1");
    let state = "stat -c %i.%s.%a.%u.%Z /etc /etc/shadow; sha256sum /etc/shadow";
    let plant = "install -d -o operator /srv/shared; \
         runuser -u operator -- ln -s /etc /srv/shared/directory; \
         runuser -u operator -- ln -s /etc/shadow /srv/shared/file";
    host.check_exec(["sh", "-c", plant]).unwrap();
    let before = host.check_exec(["sh", "-c", state]).unwrap();
    for (path, link) in [
        ("/srv/shared/directory/planted", "/srv/shared/directory"),
        ("/srv/shared/directory/shadow", "/srv/shared/directory"),
        ("/srv/shared/file", "/srv/shared/file"),
    ] {
        for resource in ["file", "directory"] {
            let wanted = match resource {
                "file" => json!([{"resource": "file", "name": path, "content": "x"}]),
                _ => json!([{"resource": "directory", "name": path}]),
            };
            site.write_probe_stack(&wanted, "");
            for command in ["plan", "run"] {
                let run = site.engine.json(&[command, "setup"]).exits(1);
                assert_eq!(run.result("node-1"), "failed");
                let error = run.error("node-1");
                let refused = error.contains(&format!("`{link}`")) && error.contains("link");
                assert!(error.starts_with(&format!("{resource}[{path}]: ")) && refused, "{error}");
            }
        }
    }
    assert_eq!(host.check_exec(["sh", "-c", state]).unwrap(), before);
    assert!(!exists(host, "/etc/planted"));
}

#[test]
fn a_link_that_a_cookbook_puts_in_place_of_the_granted_directory_leads_nowhere() {
    let site = Site::up("own-links", &["node-1"]);
    let host = site.host("node-1");
    host.check_exec(["mkdir", "-p", "/srv/app"]).unwrap();
    site.write_probe_stack(
        &json!([
            {"resource": "directory", "name": "/srv/app", "recursive": true, "action": ["delete"]},
            {"resource": "link", "name": "/srv/app", "to": "/etc"},
            {"resource": "file", "name": "/srv/app/planted", "content": "x"},
        ]),
        "",
    );
    // Overlapping grants: the first one covers the link, the second one trusts it.
    let files = "files = [\"/srv/**\", ";
    let stack = site.stack();
    assert!(stack.contains(files));
    site.write_stack(&stack.replace(files, "files = [\"/srv/*\", \"/srv/app/**\", "));
    for command in ["plan", "run"] {
        let run = site.engine.json(&[command, "setup"]).exits(1);
        let error = run.error("node-1");
        assert!(
            error.contains("link[/srv/app]: ") && error.contains("may bring no symbolic link"),
            "{error}"
        );
        // Nothing has been sent.
        assert!(exists(host, "/srv/app"));
    }
    assert!(!exists(host, "/etc/planted"));
}

#[test]
fn a_held_package_lock_is_waited_for_and_said() {
    let site = Site::up("lock", &["node-1"]);
    let host = site.host("node-1");
    site.write_probe_stack(&json!([{"resource": "package", "name": "hello"}]), "");
    let holder = "use Fcntl; open(F, '>', '/var/lib/dpkg/lock-frontend'); \
         my $lock = pack('s s x4 q q i x4', F_WRLCK, 0, 0, 0, 0); fcntl(F, F_SETLK, $lock) or die; \
         open(M, '>', '/run/held'); close(M); while (!-e '/run/release') { select(undef, undef, undef, 0.1) }";
    let mut held = host.command(["perl", "-e", holder]).unwrap().spawn().unwrap();
    eventually("the lock is held", || host.exec(["test", "-e", "/run/held"]).unwrap().status.success());
    let mut run = site.engine.start(&["run", "setup", "--json"]);
    run.until("\"waiting\"");
    assert!(!run.has_ended(), "it did not wait");
    assert!(!host.exec(["dpkg", "-s", "hello"]).unwrap().status.success());
    host.check_exec(["touch", "/run/release"]).unwrap();
    let run = run.wait().exits(0);
    held.wait().unwrap();
    let waiting = run.events.iter().find(|event| event["type"] == "waiting").expect("it said that it waits");
    assert_eq!(waiting["resource"]["name"], "package[hello]");
    let message = waiting["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("the package lock, held by ") && message.contains("perl"), "{message}");
    assert!(host.exec(["dpkg", "-s", "hello"]).unwrap().status.success());
}
