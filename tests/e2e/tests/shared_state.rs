//! Controllers that share a database: they see each other's runs, take them up, and cannot write behind each other's backs.
#![cfg(feature = "real-hosts")]

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use engine_e2e_tests::{Engine, Site, eventually};
use engine_test_hosts::Host;
use engine_test_postgres::Server;
use serde_json::{Value, json};

/// What the database is protected with.
const PASSWORD: &str = "hunter2";

/// A controller elsewhere: a directory of its own, the same stacks, and the same database.
fn controller(site: &Site, server: &Server, directory: &Path) -> Engine {
    fs::create_dir_all(directory.join("stacks")).unwrap();
    fs::write(directory.join("stacks/test.toml"), site.stack()).unwrap();
    let url = server.url_by_port("localhost", &format!("sslrootcert={}", server.path("ca.pem").display()));
    let passwords = directory.join("pgpass");
    fs::write(&passwords, format!("localhost:*:*:*:{PASSWORD}\n")).unwrap();
    fs::set_permissions(&passwords, fs::Permissions::from_mode(0o600)).unwrap();
    let environment =
        [("ENGINE_STATE".to_owned(), url), ("PGPASSFILE".to_owned(), passwords.display().to_string())];
    Engine { directory: directory.to_owned(), environment: environment.to_vec(), ..site.engine.clone() }
}

fn sleeps(host: &Host) -> bool {
    host.exec(["pgrep", "-x", "sleep"]).is_ok_and(|output| output.status.success())
}

fn runs(engine: &Engine) -> Vec<(u64, String)> {
    let list: Value =
        serde_json::from_str(&engine.look(&["runs", "list", "--json"]).exits(0).output).unwrap();
    let run = |run: &Value| (run["id"].as_u64().unwrap(), run["state"].as_str().unwrap().to_owned());
    list.as_array().unwrap().iter().map(run).collect()
}

#[test]
fn two_machines_share_a_database() {
    let site = Site::up("shared", &["node-1"]);
    let host = site.host("node-1");
    let server = Server::start_with_tls();
    let wait = "while [ ! -e /srv/go ]; do sleep 0.1; done";
    site.write_conformance_stack(
        "node-1",
        &json!([
            {"resource": "execute", "names": ["sh", "-c", "echo first >> /srv/done"]},
            {"resource": "execute", "names": ["sh", "-c", wait]},
            {"resource": "execute", "names": ["sh", "-c", "echo last >> /srv/done"]},
        ]),
    );
    let [here, there] = ["here", "there"].map(|name| {
        let directory = site.engine.directory.join(name);
        controller(&site, &server, &directory)
    });

    // Who only looks makes no tables.
    assert_eq!(runs(&there), []);
    assert_eq!(server.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");

    // One holds the stack, and the other is told who.
    let first = here.start(&["run", "setup"]);
    eventually("the first one is at work", || sleeps(host));
    let refused = there.text(&["run", "setup", "--lock-wait", "0"]).exits(1);
    assert!(refused.errors.contains("stack `test` is held by "), "{}", refused.errors);

    // The other takes it away: the first one stops, and writes nothing more.
    let id = refused.errors.split("`engine unlock ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    there.look(&["unlock", id]).exits(0);
    host.check_exec(["touch", "/srv/go"]).unwrap();
    let first = first.wait().exits(1);
    assert!(first.output.contains("stack test is no longer held"), "{}", first.output);
    assert_eq!(runs(&there), [(1, "interrupted".to_owned())]);

    // A run that was begun here is taken up there, and nothing is done twice.
    host.check_exec(["rm", "/srv/go", "/srv/done"]).unwrap();
    let killed = here.start(&["run", "setup"]);
    eventually("it is at work again", || sleeps(host));
    killed.signal("KILL");
    killed.wait();
    host.check_exec(["touch", "/srv/go"]).unwrap();
    let resumed = there.text(&["resume"]).exits(0);
    assert!(resumed.output.contains("run 2"), "{}", resumed.output);
    let done = host.check_exec(["cat", "/srv/done"]).unwrap();
    assert_eq!(done, "first\nlast\n");
    let both = [(2, "successful".to_owned()), (1, "interrupted".to_owned())];
    assert_eq!((runs(&here), runs(&there)), (both.to_vec(), both.to_vec()));
    let list = here.look(&["instance", "list"]).exits(0);
    assert!(list.output.contains("online"), "{}", list.output);

    for (engine, run) in [(&here, &first), (&there, &refused), (&there, &resumed)] {
        assert!(!run.output.contains(PASSWORD) && !run.errors.contains(PASSWORD));
        assert!(!engine.directory.join(".engine").exists(), "the state is in the database alone");
    }
}

#[test]
fn a_database_that_cannot_be_used_is_told_with_what_to_do() {
    let site = Site::up("no-state", &["node-1"]);
    site.write_conformance_stack("node-1", &json!([{"resource": "file", "name": "/srv/a", "content": "a"}]));
    let server = Server::start_with_tls();
    let mut engine = controller(&site, &server, &site.engine.directory.join("here"));
    let passwords = engine.directory.join("pgpass");

    fs::set_permissions(&passwords, fs::Permissions::from_mode(0o644)).unwrap();
    let open = engine.text(&["run", "setup"]).exits(1);
    assert!(open.errors.contains("can be read by others"), "{}", open.errors);

    fs::remove_file(&passwords).unwrap();
    let missing = engine.text(&["run", "setup"]).exits(1);
    assert!(missing.errors.contains("~/.pgpass"), "{}", missing.errors);

    engine.environment.push(("PGPASSWORD".to_owned(), "not-that-one".to_owned()));
    let wrong = engine.text(&["run", "setup"]).exits(1);
    assert!(wrong.errors.contains("password authentication failed"), "{}", wrong.errors);
    assert!(!wrong.errors.contains("not-that-one"), "{}", wrong.errors);
    assert!(site.host("node-1").exec(["test", "-e", "/srv/a"]).is_ok_and(|output| !output.status.success()));
}
