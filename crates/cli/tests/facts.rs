//! `engine facts` as a whole: on this machine, and where hosts are missing.

use std::{
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

struct Place(tempfile::TempDir);

impl Place {
    /// A stack `web` of these tables.
    fn new(stack: &str) -> Self {
        let place = Place(tempfile::tempdir().unwrap());
        std::fs::create_dir(place.path().join("stacks")).unwrap();
        std::fs::write(place.path().join("stacks/web.toml"), stack).unwrap();
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn facts(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_engine"))
            .args(["facts", "--stack", "web"])
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("HOME", self.path())
            .env("COLUMNS", "100")
            .output()
            .unwrap()
    }

    /// Exit status, standard output and standard error.
    fn says(&self, arguments: &[&str]) -> String {
        let output = self.facts(arguments);
        let code = output.status.code().map_or("by a signal".to_owned(), |code| code.to_string());
        format!("exit {code}\n--- out\n{}\n--- err\n{}", text(&output.stdout), text(&output.stderr))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}

const HERE: &str = "[layers.web]\n[instances.here]\nlayers = [\"web\"]\nconnection = \"local\"\n";
/// Nobody listens there.
const AWAY: &str =
    "[layers.db]\n[instances.away]\nlayers = [\"db\"]\nhost = \"127.0.0.1\"\nport = 1\nuser = \"me\"\n";

#[test]
fn help_shows_examples() {
    insta::assert_snapshot!(Place::new("").says(&["--help"]));
}

#[test]
fn instances_that_do_not_exist_and_nobody_at_all() {
    let place = Place::new(&format!("{HERE}{AWAY}"));
    insta::assert_snapshot!(place.says(&["--instance", "there"]));
    insta::assert_snapshot!(place.says(&["--layer", "app"]));
    insta::assert_snapshot!(place.says(&["--layer", "db", "--instance", "here"]));
}

#[test]
fn a_host_that_cannot_be_reached_is_named() {
    let place = Place::new(AWAY);
    insta::assert_snapshot!(place.says(&[]));
    insta::assert_snapshot!(place.says(&["--json"]));
}

#[test]
fn this_machine_is_shown_although_another_host_is_missing() {
    let place = Place::new(&format!("{AWAY}{HERE}"));
    let output = place.facts(&["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((all[0]["instance"].as_str(), all[1]["instance"].as_str()), (Some("away"), Some("here")));
    assert!(all[0]["error"].is_string() && all[0]["facts"].is_null(), "{all}");
    let facts = &all[1]["facts"];
    let read = |path: &str| std::fs::read_to_string(path).unwrap().trim().to_owned();
    assert_eq!(facts["kernel"]["release"], read("/proc/sys/kernel/osrelease").as_str());
    assert_eq!(facts["boot_id"], read("/proc/sys/kernel/random/boot_id").as_str());
    let users = facts["users"].as_array().unwrap();
    assert!(users.iter().any(|user| user["name"] == "root" && user["uid"] == 0), "{users:?}");

    let output = place.facts(&["--layer", "web"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let shown = text(&output.stdout);
    assert!(shown.starts_with("here\n  host name    "), "{shown}");
    let kernel = format!("\n  kernel       Linux {}, ", read("/proc/sys/kernel/osrelease"));
    assert!(shown.contains(&kernel) && !shown.contains("away"), "{shown}");
    assert!(!place.path().join(".engine").exists(), "state was left behind");
}
