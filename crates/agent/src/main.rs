//! The agent's program: serves a controller on standard input and output.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the program, unlike the library, speaks to people"
)]

use std::{env, fs::File, os::fd::AsFd, path::PathBuf, process::ExitCode, time::Duration};

use engine_agent::{facts, node::Settings, revert::watch, serve};

const HELP: &str = "\
The agent of engine: checks and applies resources for a controller on standard input and output.

Usage: engine-agent [OPTIONS] [facts|revert]

  facts                 print what this node is, and end
  revert                put back what is not confirmed in time, then end

Options:
  --state-dir <DIR>     journal and lock [default: /var/lib/engine as root, else ~/.local/state/engine]
  --lock-wait <SECONDS> how long to wait for another agent or package manager [default: 120]
  --version             print the version
  --help                print this
";

/// Lets no core dump be written and nobody look into this process: secrets go through it.
fn keep_memory_private() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
    // What it starts may raise its own again.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), ..getrlimit(Resource::Core) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

fn main() -> ExitCode {
    keep_memory_private();
    let mut reverts = false;
    let mut state_dir = None;
    let mut lock_wait = Duration::from_mins(2);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--help" | "-h" => {
                print!("{HELP}");
                return ExitCode::SUCCESS;
            }
            "--version" | "-V" => {
                println!("engine-agent {}", env!("CARGO_PKG_VERSION"));
                return ExitCode::SUCCESS;
            }
            "revert" => reverts = true,
            "facts" => {
                println!("{:#?}", facts::collect());
                return ExitCode::SUCCESS;
            }
            "--state-dir" => match arguments.next() {
                Some(value) => state_dir = Some(PathBuf::from(value)),
                None => return misused("`--state-dir` needs a directory"),
            },
            "--lock-wait" => match arguments.next().and_then(|value| value.parse().ok()) {
                Some(seconds) => lock_wait = Duration::from_secs(seconds),
                None => return misused("`--lock-wait` needs a number of seconds"),
            },
            unknown => return misused(&format!("`{unknown}` is not known")),
        }
    }
    let settings = Settings { state_dir: state_dir.unwrap_or_else(default_state_dir), lock_wait };
    if reverts {
        return ended(watch::watch(&settings));
    }
    // `Stdout` is for lines: it would write what follows the last line feed of a frame apart, a packet of its own.
    let output = match std::io::stdout().as_fd().try_clone_to_owned() {
        Ok(output) => File::from(output),
        Err(error) => {
            eprintln!("engine-agent: standard output: {error}");
            return ExitCode::FAILURE;
        }
    };
    ended(serve::serve(settings, std::io::stdin(), output))
}

fn ended(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("engine-agent: {error}");
            ExitCode::FAILURE
        }
    }
}

fn misused(error: &str) -> ExitCode {
    eprintln!("engine-agent: {error}\nhint: `engine-agent --help` lists what is");
    ExitCode::from(2)
}

fn default_state_dir() -> PathBuf {
    if rustix::process::geteuid().is_root() {
        return PathBuf::from("/var/lib/engine");
    }
    let state = env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || match env::var_os("HOME") {
        Some(home) => PathBuf::from(home).join(".local/state"),
        None => PathBuf::from(format!("/run/user/{}", rustix::process::geteuid().as_raw())),
    };
    state.filter(|path| path.is_absolute()).unwrap_or_else(home).join("engine")
}
