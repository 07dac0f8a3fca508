//! `engine instance` and `engine stack` as a whole, without any host but this machine.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const STACK: &str = r#"# The shop.
description = "A shop" # of shoes
update_on_setup = false

[ssh]
config = "ssh_config"
known_hosts = "known hosts"
user = "admin"

[cookbooks.site]
path = "../cookbooks/site"

[layers.db]
description = "Keeps the data"

[layers.app]
after = ["db"]
setup = ["site::install", "site::page"]
deploy = ["site::page"]

[layers.app.rollout]
batch = "25%"
health = { port = 80 }

# Machines.

[instances.db-1]
layers = ["db"]
host = "192.0.2.1"
registered = true

# Rack 7.
[instances.app-1]
layers = ["app"]
host = "192.0.2.2"
port = 2222
identity_file = "key"
address = "10.0.0.2"

[apps.shop]
layers = ["app"] # all of them
"#;

struct Place(tempfile::TempDir);

impl Place {
    fn new(stack: &str) -> Self {
        let place = Place(tempfile::tempdir().unwrap());
        std::fs::create_dir(place.path().join("stacks")).unwrap();
        std::fs::write(place.file("shop"), stack).unwrap();
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, stack: &str) -> PathBuf {
        self.path().join(format!("stacks/{stack}.toml"))
    }

    fn text(&self, stack: &str) -> String {
        std::fs::read_to_string(self.file(stack)).unwrap()
    }

    /// A program of this name that prints its arguments, each on a line.
    fn fake(&self, name: &str) {
        let path = self.path().join("bin").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "#!/bin/sh\nprintf '%s\\n' \"$0\" \"$@\"\nexit 7\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn engine(&self, arguments: &[&str]) -> Output {
        self.engine_finding(arguments, &format!("{}:/usr/bin:/bin", self.path().join("bin").display()))
    }

    /// With this path of programs.
    fn engine_finding(&self, arguments: &[&str], programs: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_engine"))
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("HOME", self.path())
            .env("PATH", programs)
            .env("COLUMNS", "100")
            .output()
            .unwrap()
    }

    /// Exit status, standard output and standard error, with this place's path and all times taken out.
    fn says(&self, arguments: &[&str]) -> String {
        self.said(&self.engine(arguments))
    }

    fn said(&self, output: &Output) -> String {
        let text = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).replace(self.path().to_str().unwrap(), "[HERE]");
            text.lines().map(without_times).collect::<Vec<_>>().join("\n").trim_end().to_owned()
        };
        let code = output.status.code().map_or("by a signal".to_owned(), |code| code.to_string());
        format!("exit {code}\n--- out\n{}\n--- err\n{}", text(&output.stdout), text(&output.stderr))
    }

    /// The same, and the stack file is as it was.
    fn refuses(&self, arguments: &[&str]) -> String {
        let before = self.text("shop");
        let says = self.says(arguments);
        assert_eq!(self.text("shop"), before, "{says}");
        assert!(!says.starts_with("exit 0"), "{says}");
        says
    }
}

/// Puts `[TIME]` for what has the form of 2026-11-23T12:00:00Z.
fn without_times(line: &str) -> String {
    let is_time = |word: &&str| word.len() == 20 && word.ends_with('Z') && word.as_bytes()[10] == b'T';
    match line.split([' ', ',']).find(is_time) {
        Some(time) => line.replace(time, "[TIME]"),
        None => line.to_owned(),
    }
}

#[test]
fn stacks_are_listed_with_what_they_are_for() {
    let place = Place::new(STACK);
    std::fs::write(place.file("broken"), "[layers").unwrap();
    std::fs::write(place.file("empty"), "[layers.web]\n").unwrap();
    std::fs::write(place.path().join("stacks/notes.txt"), "no stack").unwrap();
    insta::assert_snapshot!(place.says(&["stack", "list"]));
    insta::assert_snapshot!(place.says(&["stack", "list", "--json"]));
}

#[test]
fn a_stack_is_shown_whole() {
    let place = Place::new(STACK);
    insta::assert_snapshot!(place.says(&["stack", "show", "shop"]));
    insta::assert_snapshot!(place.says(&["stack", "show", "shop", "--json"]));
    assert!(!place.path().join(".engine").exists(), "state was left behind");
}

#[test]
fn a_stack_is_drawn_to_the_screen_and_into_a_file() {
    let place = Place::new(STACK);
    insta::assert_snapshot!(place.says(&["stack", "graph", "shop"]));
    assert_eq!(
        place.says(&["stack", "graph", "shop", "--format", "svg", "-o", "a.svg"]),
        "exit 0\n--- out\n\n--- err\n"
    );
    let picture = std::fs::read_to_string(place.path().join("a.svg")).unwrap();
    assert!(picture.starts_with("<svg ") && picture.contains(">app-1  pending</text>"), "{picture}");
}

#[test]
fn a_stack_is_cloned_with_the_hosts_that_are_given_and_completed() {
    let place = Place::new(STACK);
    insta::assert_snapshot!(place.says(&["stack", "clone", "shop", "test", "--host", "app-1=192.0.2.9"]));
    insta::assert_snapshot!(place.text("test"));
    let before = place.text("test");
    insta::assert_snapshot!(place.says(&["stack", "clone", "shop", "test"]));
    insta::assert_snapshot!(place.says(&["stack", "clone", "shop", "other", "--host", "web-1=192.0.2.9"]));
    assert_eq!(place.text("test"), before);
    assert!(!place.file("other").exists());

    // It cannot be run yet, but be completed.
    assert!(place.says(&["run", "setup", "--stack", "test"]).contains("layer `db` has no instance"));
    let register = ["instance", "register", "--stack", "test", "--layer", "db", "--no-run", "--local"];
    let says = place.says(&register);
    assert!(
        says.starts_with("exit 0") && says.contains("db1 is registered in [HERE]/stacks/test.toml"),
        "{says}"
    );
    let says = place.says(&["plan", "setup", "--stack", "test", "--instance", "db1"]);
    assert!(says.contains("cookbook `site`"), "only the cookbook is missing: {says}");
}

#[test]
fn an_instance_is_shown() {
    let place = Place::new(STACK);
    insta::assert_snapshot!(place.says(&["instance", "show", "app-1", "--stack", "shop"]));
    insta::assert_snapshot!(place.says(&["instance", "show", "app-1", "--stack", "shop", "--json"]));
    insta::assert_snapshot!(place.says(&["instance", "show", "app-9", "--stack", "shop"]));
}

#[test]
fn ssh_is_told_what_the_stack_file_says() {
    let place = Place::new(STACK);
    let without = place.engine_finding(&["instance", "ssh", "app-1", "--stack", "shop"], "/nowhere");
    insta::assert_snapshot!(place.said(&without));
    place.fake("ssh");
    insta::assert_snapshot!(place.says(&["instance", "ssh", "app-1", "--stack", "shop"]));
    let with = ["instance", "ssh", "db-1", "--stack", "shop", "-F", "mine", "--", "ls", "-l", "a b"];
    insta::assert_snapshot!(place.says(&with));
}

/// A stack of this machine, and of one where nobody listens.
const LOCAL: &str = "update_on_setup = false\n[layers.web]\n[layers.db]\n\n# Here.\n[instances.here]\nlayers = [\"web\"]\n\
     connection = \"local\"\nregistered = true\n\n[instances.away]\nlayers = [\"web\", \"db\"]\nhost = \"127.0.0.1\"\nport = 1\n";

#[test]
fn this_machine_gets_a_shell() {
    let place = Place::new(LOCAL);
    place.fake("top");
    assert_eq!(
        place.says(&["instance", "ssh", "here", "--stack", "shop", "--", "top", "a b"]),
        "exit 7\n--- out\n[HERE]/bin/top\na b\n--- err\n"
    );
}

#[test]
fn what_is_there_already_or_cannot_be_reached_is_not_registered() {
    let place = Place::new(LOCAL);
    let register =
        |more: &[&str]| place.refuses(&[&["instance", "register", "--stack", "shop"], more].concat());
    insta::assert_snapshot!(register(&["here", "--host", "192.0.2.1"]));
    insta::assert_snapshot!(register(&["new", "--host", "127.0.0.1", "--port", "1"]));
    insta::assert_snapshot!(register(&["new", "--local"]));
    insta::assert_snapshot!(register(&["new", "--layer", "app", "--host", "192.0.2.1"]));
    insta::assert_snapshot!(register(&["new", "--host", "-x"]));
    insta::assert_snapshot!(register(&["--host", "192.0.2.1"]));
    insta::assert_snapshot!(register(&["new", "--host", "127.0.0.1", "--port", "2", "--user", "me"]));
    assert!(!place.path().join(".engine").exists(), "state was left behind");
}

#[test]
fn a_machine_comes_serves_and_goes() {
    let stack = "# Mine.\nupdate_on_setup = false\n\n[layers.web]\n\n[instances.away] # far\nlayers = [\"web\"]\nhost = \"127.0.0.1\"\nport = 1\n";
    let place = Place::new(stack);
    let engine = |arguments: &[&str]| place.says(&[&["instance"], arguments, &["--stack", "shop"]].concat());
    let status = || {
        let output = place.engine(&["instance", "show", "here", "--stack", "shop", "--json"]);
        let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (
            shown["status"].as_str().unwrap().to_owned(),
            shown["layers"].clone(),
            shown["runs"].as_array().unwrap().len(),
        )
    };
    let says = engine(&["register", "here", "--local"]);
    assert!(says.starts_with("exit 0\n--- out\nhere: ") && says.contains(" processor"), "{says}");
    assert_eq!(
        place.text("shop"),
        format!("{stack}\n[instances.here]\nconnection = \"local\"\nregistered = true\n")
    );
    assert_eq!(status(), ("registered".to_owned(), serde_json::json!([]), 0));
    // It waits: a run on the stack passes it by.
    assert!(
        place
            .says(&["run", "setup", "--stack", "shop", "--instance", "here"])
            .contains("assigned to a layer")
    );

    let says = engine(&["assign", "here", "--layer", "web", "--no-run"]);
    assert!(says.starts_with("exit 0"), "{says}");
    assert_eq!(status(), ("pending".to_owned(), serde_json::json!(["web"]), 0));
    insta::assert_snapshot!(
        place.refuses(&["instance", "assign", "here", "--layer", "web", "--stack", "shop"])
    );
    let says = engine(&["unassign", "here"]);
    assert!(says.contains("here is pending, so there is nothing to shut down"), "{says}");

    let says = engine(&["assign", "here", "--layer", "web"]);
    assert!(says.contains("1 host ok") && says.starts_with("exit 0"), "{says}");
    assert_eq!(status(), ("online".to_owned(), serde_json::json!(["web"]), 1));
    let shown = engine(&["show", "here"]);
    assert!(shown.contains("online since [TIME]") && shown.contains("\n 1    setup    ok"), "{shown}");

    // The other one of the layer is not registered, so it cannot wait.
    insta::assert_snapshot!(place.refuses(&["instance", "unassign", "away", "--stack", "shop"]));
    let says = engine(&["unassign", "here"]);
    assert!(says.starts_with("exit 0") && says.contains("here is in no layer now"), "{says}");
    assert_eq!(status(), ("registered".to_owned(), serde_json::json!([]), 2));
    let says = engine(&["deregister", "here"]);
    assert!(says.starts_with("exit 0"), "{says}");
    assert_eq!(place.text("shop"), stack);
    let shown = place.says(&["stack", "show", "shop"]);
    assert!(shown.contains("shutdown") && !shown.contains("here"), "{shown}");
}

#[test]
fn a_layer_keeps_an_instance_and_a_run_that_fails_changes_no_file() {
    let registered = LOCAL.replace("port = 1\n", "port = 1\nregistered = true\n");
    let place = Place::new(&registered);
    insta::assert_snapshot!(place.refuses(&["instance", "unassign", "away", "--stack", "shop"]));
    insta::assert_snapshot!(place.refuses(&["instance", "deregister", "away", "--stack", "shop", "--force"]));

    // Online by what is remembered, and nobody answers: it leaves only by force.
    let place = Place::new(&registered.replace("layers = [\"web\"]", "layers = [\"web\", \"db\"]"));
    let setup = ["run", "setup", "--stack", "shop", "--instance", "here"];
    let says = place.says(&setup);
    assert!(says.starts_with("exit 0"), "{says}");
    let break_it =
        place.text("shop").replace("connection = \"local\"", "host = \"127.0.0.1\"\nport = 2\nuser = \"me\"");
    std::fs::write(place.file("shop"), break_it).unwrap();
    let says = place.refuses(&["instance", "deregister", "here", "--stack", "shop"]);
    assert!(
        says.starts_with("exit 1") && says.contains("was left as it was") && says.contains("--force"),
        "{says}"
    );
    let says = place.says(&["instance", "deregister", "here", "--stack", "shop", "--force"]);
    assert!(says.starts_with("exit 0") && says.contains("its shutdown recipes are skipped"), "{says}");
    assert!(!place.text("shop").contains("# Here.") && place.text("shop").contains("[instances.away]"));
}
