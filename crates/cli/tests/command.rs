//! The command as a whole: exit status, standard output and standard error.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Place { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn engine(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_engine"))
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("HOME", self.path())
            .env("COLUMNS", "100")
            .output()
            .unwrap()
    }

    /// Exit status, standard output and standard error, with this place's path taken out.
    fn says(&self, arguments: &[&str]) -> String {
        let output = self.engine(arguments);
        let text = |bytes: &[u8]| {
            String::from_utf8_lossy(bytes)
                .replace(self.path().to_str().unwrap(), "[HERE]")
                .trim_end()
                .to_owned()
        };
        format!(
            "exit {}\n--- out\n{}\n--- err\n{}",
            output.status.code().map_or("by a signal".to_owned(), |code| code.to_string()),
            text(&output.stdout),
            text(&output.stderr)
        )
    }
}

const STACK: &str = r#"
[layers.web]
setup = ["site"]

[instances.web-1]
layers = ["web"]
host = "192.0.2.1"

[cookbooks.site]
path = "../cookbooks/site"
"#;

#[test]
fn help_names_every_command() {
    let help = String::from_utf8(Place::new().engine(&["--help"]).stdout).unwrap();
    for command in [
        "run",
        "plan",
        "resume",
        "facts",
        "stack",
        "instance",
        "runs",
        "unlock",
        "cookbook",
        "cache",
        "completions",
        "man",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is missing in\n{help}");
    }
    assert!(help.contains("engine run setup --stack demo"), "an example is missing in\n{help}");
}

#[test]
fn a_stack_that_is_not_there() {
    let place = Place::new();
    place.write("stacks/production.toml", STACK);
    insta::assert_snapshot!(place.says(&["run", "setup", "--stack", "produktion"]));
}

#[test]
fn a_stack_file_with_mistakes() {
    let place = Place::new();
    place.write(
        "stacks/web.toml",
        &STACK.replace("setup =", "setpu =").replace("layers = [\"web\"]", "layers = [\"wbe\"]"),
    );
    insta::assert_snapshot!(place.says(&["stack", "validate", "web"]));
}

#[test]
fn a_stack_file_that_is_no_toml() {
    let place = Place::new();
    place.write("stacks/web.toml", "[layers.web\nsetup = [");
    insta::assert_snapshot!(place.says(&["plan", "setup", "--stack", "web"]));
}

#[test]
fn a_cookbook_that_is_not_built() {
    let place = Place::new();
    place.write("stacks/web.toml", STACK);
    place.write("cookbooks/site/cookbook.toml", "");
    insta::assert_snapshot!(place.says(&["run", "setup", "--stack", "web"]));
}

#[test]
fn a_cookbook_that_is_no_component() {
    let place = Place::new();
    place.write("stacks/web.toml", STACK);
    place.write("cookbooks/site/target/site.wasm", "hello");
    insta::assert_snapshot!(place.says(&["run", "setup", "--stack", "web"]));
}

/// A component that is a cookbook in form; its recipes do nothing but trap.
const COMPONENT: &str = r#"(component
    (import "engine:cookbook/types@VERSION" (instance $types
        (type $e (record (field "code" string) (field "resource" string) (field "property" string)
            (field "message" string)))
        (export "error" (type $error (eq $e)))))
    (alias export $types "error" (type $error))
    (core module $module
        (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export "run") (param i32 i32) (result i32) unreachable))
    (core instance $main (instantiate $module))
    (alias core export $main "memory" (core memory $memory))
    (alias core export $main "realloc" (core func $realloc))
    (alias core export $main "run" (core func $main-run))
    (func $run (param "recipe" string) (result (result (error $error)))
        (canon lift (core func $main-run) (memory $memory) (realloc $realloc)))
    (instance $recipes (export "error" (type $error)) (export "run" (func $run)))
    (export "engine:cookbook/recipes@VERSION" (instance $recipes)))"#;

#[test]
fn a_recipe_that_its_cookbook_does_not_have() {
    let place = Place::new();
    let component = wat::parse_str(COMPONENT.replace("VERSION", engine_contract::WIT_VERSION)).unwrap();
    std::fs::write(place.path().join("component.wasm"), component).unwrap();
    place.write(
        "cookbooks/site/cookbook.toml",
        "name = \"site\"\nversion = \"1.0.0\"\n[recipes.install]\n[recipes.page]\n",
    );
    let packed = ["component.wasm", "cookbooks/site", "--output", "cookbooks/site/target/site.wasm"];
    let output = place.engine(&[&["cookbook", "pack"], &packed[..]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    // Somebody listens, so that a connection would not go unnoticed.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let stack = STACK
        .replace("setup = [\"site\"]", "setup = [\"site::install\"]\ndeploy = [\"site::pgae\"]")
        .replace("host = \"192.0.2.1\"", &format!("host = \"127.0.0.1\"\nport = {port}"));
    place.write("stacks/web.toml", &stack);
    // The event is another one: all run lists are looked through.
    insta::assert_snapshot!(place.says(&["run", "setup", "--stack", "web"]));
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    assert!(!place.path().join(".engine").exists(), "a run was begun");

    place.write("stacks/web.toml", &stack.replace("pgae", "page"));
    let output = place.engine(&["stack", "validate", "web"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn an_event_that_does_not_exist() {
    insta::assert_snapshot!(Place::new().says(&["run", "setpu", "--stack", "web"]));
    insta::assert_snapshot!(Place::new().says(&["run", "update-cookbooks", "--stack", "web"]));
}

#[test]
fn a_layer_and_an_instance_that_do_not_exist() {
    let place = Place::new();
    place.write(
        "stacks/web.toml",
        "[layers.web]\n\n[instances.web-1]\nlayers = [\"web\"]\nconnection = \"local\"\n",
    );
    insta::assert_snapshot!(place.says(&["plan", "setup", "--stack", "web", "--layer", "db"]));
    insta::assert_snapshot!(place.says(&["plan", "setup", "--stack", "web", "--instance", "web-2"]));
    insta::assert_snapshot!(place.says(&["run", "configure", "--stack", "web"]));
    insta::assert_snapshot!(place.says(&["instance", "list", "--stack", "web"]));
}

#[test]
fn a_plan_leaves_no_state_behind() {
    let place = Place::new();
    place.write("stacks/web.toml", "update_on_setup = false\n[layers.web]\n\n[instances.web-1]\nlayers = [\"web\"]\nconnection = \"local\"\n");
    assert!(place.engine(&["plan", "setup", "--stack", "web"]).status.success());
    assert!(!place.path().join(".engine").exists());
}

#[test]
fn a_run_on_this_machine_is_told_as_one_json_object_a_line() {
    let place = Place::new();
    place.write("stacks/web.toml", "update_on_setup = false\n[layers.web]\n\n[instances.web-1]\nlayers = [\"web\"]\nconnection = \"local\"\n");
    let output = place.engine(&["plan", "setup", "--stack", "web", "--json"]);
    let kinds: Vec<String> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["type"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(
        kinds,
        ["run_started", "connecting", "connected", "configure_started", "node_finished", "run_finished"]
    );
}

#[test]
fn the_cache_begins_empty_and_must_be_private() {
    let place = Place::new();
    insta::assert_snapshot!(place.says(&["cache", "verify"]));
    insta::assert_snapshot!(place.says(&["cache", "prune", "--all"]));
    std::fs::create_dir(place.path().join("open")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(place.path().join("open"), mode).unwrap();
    insta::assert_snapshot!(place.says(&["cache", "list", "--cache-dir", "open"]));
}

#[test]
fn what_cannot_be_inspected_is_named() {
    let place = Place::new();
    place.write("site.wasm", "\0asm\u{1}\0\0\0");
    insta::assert_snapshot!(place.says(&["cookbook", "inspect", "site.wasm"]));
    insta::assert_snapshot!(place.says(&["cookbook", "inspect", "nobody.wasm"]));
}

#[test]
fn completions_and_man_pages_come_from_the_same_definition() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = String::from_utf8(place.engine(&["completions", shell]).stdout).unwrap();
        assert!(script.contains("validate") && script.contains("parallel"), "{shell}");
    }
    assert!(place.engine(&["man", "man1"]).status.success());
    let page = std::fs::read_to_string(place.path().join("man1/engine-run.1")).unwrap();
    assert!(page.contains("parallel"));
}
