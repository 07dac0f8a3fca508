//! Resources on a real host, judged by other eyes than our own.
#![cfg(feature = "real-hosts")]

use engine_e2e_tests::{Site, eventually};
use serde_json::json;

#[test]
fn a_service_is_enabled_and_started_and_then_left_alone() {
    let site = Site::up("service", &["node-1"]);
    let host = site.host("node-1");
    host.check_exec(["systemctl", "disable", "--now", "cron"]).unwrap();
    site.write_probe_stack(&json!([{"service": {"name": "cron"}}]), "");
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
        {"group": {"name": "probe-group", "members": []}},
        {"user": {"name": "probe-user", "groups": ["probe-group"], "shell": "/bin/sh"}},
        {"directory": {"path": "/srv/owned"}},
        {"owned_file": {"path": "/srv/owned/file", "owner": "probe-user", "group": "probe-group"}},
        {"package": {"name": "hello"}},
        {"execute_as": {"user": "probe-user", "argv": ["touch", "/home/probe-user/was-here"], "creates": "/home/probe-user/was-here"}},
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
    let site = Site::up("disk", &["node-1"]);
    let host = site.host("node-1");
    let file = |content: &str| json!([{"directory": {"path": "/srv/data"}}, {"file": {"path": "/srv/data/file", "content": content}}]);
    host.check_exec(["mkdir", "-p", "/srv/data"]).unwrap();
    host.fill_disk("/srv/data", 64 * 1024).unwrap();
    site.write_probe_stack(&file("old"), "");
    site.engine.json(&["run", "setup"]).exits(0);
    site.write_probe_stack(&file(&"new".repeat(100_000)), "");
    let run = site.engine.json(&["run", "setup"]).exits(1);
    let error = run.error("node-1");
    assert!(error.contains("/srv/data/file") && error.contains("is full"), "{error}");
    assert_eq!(host.check_exec(["cat", "/srv/data/file"]).unwrap(), "old");
    assert_eq!(host.check_exec(["ls", "-A", "/srv/data"]).unwrap().trim(), "file");
    host.free_disk("/srv/data").unwrap();
    site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!(host.check_exec(["stat", "-c", "%s", "/srv/data/file"]).unwrap().trim(), "300000");
}

#[test]
fn a_path_outside_of_the_grant_is_denied_before_anything_is_sent() {
    let site = Site::up("grants", &["node-1"]);
    let host = site.host("node-1");
    site.write_probe_stack(
        &json!([{"directory": {"path": "/srv/made"}}, {"file": {"path": "/etc/cron.d/root", "content": "x"}}]),
        "",
    );
    let run = site.engine.json(&["run", "setup"]).exits(1);
    assert_eq!(run.result("node-1"), "evaluation_failed");
    let error = run.error("node-1");
    assert!(
        error.contains("not granted files `/etc/cron.d/root`") && error.contains("[cookbooks.probe.grants]"),
        "{error}"
    );
    assert!(!host.exec(["test", "-e", "/srv/made"]).unwrap().status.success());

    // A link planted below the granted directory would lead out of it.
    host.check_exec(["ln", "-s", "/etc", "/srv/link"]).unwrap();
    site.write_probe_stack(&json!([{"file": {"path": "/srv/link/probe-was-here", "content": "x"}}]), "");
    let run = site.engine.json(&["run", "setup"]).exits(1);
    assert_eq!(run.result("node-1"), "failed");
    assert!(run.error("node-1").contains("/srv/link"), "{}", run.error("node-1"));
    assert!(!host.exec(["test", "-e", "/etc/probe-was-here"]).unwrap().status.success());
}

#[test]
fn a_held_package_lock_is_waited_for_and_said() {
    let site = Site::up("lock", &["node-1"]);
    let host = site.host("node-1");
    site.write_probe_stack(&json!([{"package": {"name": "hello"}}]), "");
    let holder = "use Fcntl; open(F, '>', '/var/lib/dpkg/lock-frontend'); \
         my $lock = pack('s s x4 q q i x4', F_WRLCK, 0, 0, 0, 0); fcntl(F, F_SETLK, $lock) or die; \
         open(M, '>', '/run/held'); close(M); while (!-e '/run/release') { select(undef, undef, undef, 0.1) }";
    let mut held = host.command(["perl", "-e", holder]).unwrap().spawn().unwrap();
    eventually("the lock is held", || host.exec(["test", "-e", "/run/held"]).unwrap().status.success());
    let mut run = site.engine.start(&["run", "setup", "--json"]);
    std::thread::sleep(std::time::Duration::from_secs(3));
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
