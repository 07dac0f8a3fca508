//! The command, started as an operator starts it, and what it said.

use std::{
    ffi::OsString,
    io::{BufRead as _, BufReader, Read as _},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

/// How to start the command for one stack.
#[derive(Debug, Clone)]
pub struct Engine {
    /// Directory with `stacks/test.toml`.
    pub directory: PathBuf,
    /// The fleet's ssh_config.
    pub ssh_config: PathBuf,
    /// Environment variables that it is given besides those of the test.
    pub environment: Vec<(String, String)>,
}

/// A command that has ended.
#[derive(Debug)]
pub struct Run {
    /// Exit status.
    pub code: i32,
    /// Standard output.
    pub output: String,
    /// Standard error.
    pub errors: String,
    /// The run events, where `--json` was asked for.
    pub events: Vec<Value>,
}

/// A command that is under way.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// What was read of its output already.
    heard: String,
}

impl Engine {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.bare(arguments);
        command.args(["--stack", "test"]);
        command
    }

    /// Without a stack.
    fn bare(&self, arguments: &[&str]) -> Command {
        let mut command = self.offline(arguments);
        command.arg("--ssh-config").arg(&self.ssh_config);
        command
    }

    /// Without what it takes to connect to anybody.
    fn offline(&self, arguments: &[&str]) -> Command {
        let engine: OsString = std::env::var_os("ENGINE_BIN")
            .expect("ENGINE_BIN names the engine command to test; scripts/test sets it");
        let mut command = Command::new(engine);
        command
            .args(arguments)
            .current_dir(&self.directory)
            .env("ENGINE_CACHE_DIR", self.directory.join("cache"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it to its end, with `--json`.
    pub fn json(&self, arguments: &[&str]) -> Run {
        let mut all = arguments.to_vec();
        all.push("--json");
        self.start(&all).wait()
    }

    /// Runs it to its end, with `--json` and without a stack.
    pub fn json_alone(&self, arguments: &[&str]) -> Run {
        Running::start(self.bare(arguments).arg("--json")).wait()
    }

    /// Runs it to its end, as text.
    pub fn text(&self, arguments: &[&str]) -> Run {
        self.start(arguments).wait()
    }

    /// Runs a command to its end that connects to nobody, as text.
    pub fn look(&self, arguments: &[&str]) -> Run {
        Running::start(self.offline(arguments).args(["--stack", "test"])).wait()
    }

    /// Runs a command on an instance through the ssh program.
    pub fn ssh(&self, instance: &str, command: &[&str]) -> Run {
        Running::start(self.command(&["instance", "ssh", instance]).arg("--").args(command)).wait()
    }

    /// Starts it.
    pub fn start(&self, arguments: &[&str]) -> Running {
        Running::start(&mut self.command(arguments))
    }
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("ENGINE_BIN can be started");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        Running { child, stdout, heard: String::new() }
    }

    /// Waits for so many lines; fewer if it ends.
    pub fn lines(&mut self, count: usize) {
        for _ in 0..count {
            if self.stdout.read_line(&mut self.heard).expect("it is UTF-8") == 0 {
                return;
            }
        }
    }

    /// Waits until it has printed a line with these words.
    pub fn until(&mut self, words: &str) {
        loop {
            let begin = self.heard.len();
            let count = self.stdout.read_line(&mut self.heard).expect("it is UTF-8");
            assert!(count > 0, "it ended without `{words}`:\n{}", self.heard);
            if self.heard[begin..].contains(words) {
                return;
            }
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("the child can be waited for").is_some()
    }

    /// Waits for its end, at most two minutes.
    pub fn wait(mut self) -> Run {
        let mut stderr = self.child.stderr.take().expect("it is piped");
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).expect("it is UTF-8");
            text
        });
        let (id, started) = (self.child.id(), Instant::now());
        let guard = std::thread::spawn(move || {
            while started.elapsed() < Duration::from_mins(2) {
                std::thread::sleep(Duration::from_millis(200));
                if !std::path::Path::new(&format!("/proc/{id}")).exists() {
                    return;
                }
            }
            let _ = Command::new("kill").args(["-s", "KILL", &id.to_string()]).status();
        });
        let mut output = std::mem::take(&mut self.heard);
        self.stdout.read_to_string(&mut output).expect("it is UTF-8");
        let status = self.child.wait().expect("the child can be waited for");
        let errors = reader.join().expect("the reader ends");
        drop(guard);
        let events = output.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Run { code: status.code().unwrap_or(-1), output, errors, events }
    }
}

impl Run {
    /// The summary of the run.
    pub fn summary(&self) -> &Value {
        let last = self.events.last().unwrap_or_else(|| panic!("no event: {}{}", self.output, self.errors));
        assert_eq!(last["type"], "run_finished", "{last}");
        &last["summary"]
    }

    /// What became of a host: `successful`, `failed`, …
    pub fn result(&self, instance: &str) -> String {
        self.node(instance)["result"]["result"].as_str().unwrap_or_default().to_owned()
    }

    /// The error of a host.
    pub fn error(&self, instance: &str) -> String {
        self.node(instance)["result"]["error"].as_str().unwrap_or_default().to_owned()
    }

    /// How many actions of a host had an outcome: `changed`, `up_to_date`, …
    pub fn count(&self, instance: &str, outcome: &str) -> u64 {
        self.node(instance)["counts"][outcome].as_u64().expect("it is a count")
    }

    /// How many actions of all hosts had an outcome.
    pub fn counts(&self, outcome: &str) -> u64 {
        let nodes = self.summary()["nodes"].as_array().expect("there are nodes");
        nodes.iter().map(|node| node["counts"][outcome].as_u64().expect("it is a count")).sum()
    }

    /// A host in the summary.
    pub fn node(&self, instance: &str) -> &Value {
        let nodes = self.summary()["nodes"].as_array().expect("there are nodes");
        nodes
            .iter()
            .find(|node| node["instance"] == instance)
            .unwrap_or_else(|| panic!("{instance} is not in {}", self.summary()))
    }

    /// Fails the test, with all that was said, unless the exit status is this.
    #[allow(clippy::must_use_candidate, clippy::return_self_not_must_use)] // Often called for its check alone.
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n{}\n{}", self.output, self.errors);
        self
    }
}
