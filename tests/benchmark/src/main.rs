//! `engine-benchmark`: what engine costs beside a bare handshake and OpenSSH, on real hosts of this machine.
//!
//! `scale` needs no hosts: it simulates them, to see what the controller costs as they become many.
//!
//! Figures of one machine say little: every one is set beside a baseline of the same run.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod baseline;
mod evaluate;
mod fixture;
mod lifecycle;
mod measure;
mod packet;
mod report;
mod scale;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use engine_test_hosts::{Fleet, Options, default_dir};

/// The fleet, its own and taken down at the end.
const FLEET: &str = "benchmark";

#[derive(Parser)]
#[command(name = "engine-benchmark", about = "Measures engine against baselines of the same run", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Boot hosts, measure, print, take the hosts down
    Run(Box<RunArguments>),
    /// Take down hosts that an interrupted run left
    Down,
    /// Set up stacks of simulated nodes and print what the controller costs as they become more
    Scale(scale::ScaleArguments),
    /// Simulate nodes until the input ends
    #[command(hide = true)]
    Simulate(scale::SimulateArguments),
    /// Run a command and print what it cost as JSON, the last line of standard output
    #[command(hide = true)]
    Measure {
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        argv: Vec<OsString>,
    },
    /// Connect, log in and run `true` on all hosts at the same time
    Handshake(HostsArguments),
    /// Feed each host's script to `ssh HOST sh -s`, all hosts at the same time
    #[command(hide = true)]
    Openssh {
        #[command(flatten)]
        hosts: HostsArguments,
        /// Directory with HOST.sh
        #[arg(long)]
        scripts: PathBuf,
    },
}

/// In memory, where there is such a place: how fast this machine's disk makes and deletes files is not the question,
/// and some file systems are slow at making files where many were deleted just before.
fn fleet_dir() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.join("engine-benchmark") } else { default_dir(FLEET) }
}

/// Which hosts.
#[derive(Args)]
struct HostsArguments {
    /// ssh_config that knows them
    #[arg(long)]
    config: PathBuf,
    /// Their names
    #[arg(long, required = true, value_delimiter = ',')]
    hosts: Vec<String>,
}

/// What to measure.
#[derive(Args)]
struct RunArguments {
    /// The engine command
    #[arg(long, env = "ENGINE_BIN")]
    engine: PathBuf,
    /// The benchmark cookbook, built
    #[arg(long)]
    cookbook: PathBuf,
    /// Numbers of hosts
    #[arg(long, value_delimiter = ',', default_value = "1,10")]
    hosts: Vec<usize>,
    /// Numbers of files on each
    #[arg(long, value_delimiter = ',', default_value = "10,200")]
    files: Vec<usize>,
    /// Rounds on hosts that have nothing of it
    #[arg(long, default_value_t = 3)]
    cold: usize,
    /// Rounds on hosts that have all of it
    #[arg(long, default_value_t = 5)]
    warm: usize,
    /// Only what needs no hosts, and so no root
    #[arg(long)]
    local: bool,
    /// Leave the hosts running, to look closer; `engine-benchmark down` takes them down
    #[arg(long)]
    keep: bool,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Run(arguments) => run(&arguments),
        Command::Down => Fleet::down_at(fleet_dir()).map_err(Into::into),
        Command::Scale(arguments) => scale::measure(&arguments),
        Command::Simulate(arguments) => scale::simulate(&arguments),
        Command::Measure { argv } => measure::child(&argv),
        Command::Handshake(HostsArguments { config, hosts }) => baseline::handshake(config, hosts),
        Command::Openssh { hosts: HostsArguments { config, hosts }, scripts } => {
            baseline::openssh(&config, &hosts, &scripts)
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &RunArguments) -> anyhow::Result<()> {
    let engine = std::fs::canonicalize(&arguments.engine)
        .with_context(|| format!("{}: build it first", arguments.engine.display()))?;
    let cookbook = std::fs::canonicalize(&arguments.cookbook).with_context(|| {
        format!("{}: build it first with `engine cookbook build`", arguments.cookbook.display())
    })?;
    let mut results = report::Results::default();
    report::machine("at the start");

    results.evaluation = Some(evaluate::measure(&cookbook)?);
    results.first_packet = Some(packet::measure(&engine, &cookbook)?);
    if !arguments.local {
        let most = arguments.hosts.iter().copied().max().context("no number of hosts")?;
        let mut options = Options::new(FLEET, most);
        options.tied = !arguments.keep;
        options.state_dir = Some(fleet_dir());
        println!("booting {most} hosts");
        let fleet = Fleet::up(&options)?;
        let measured = lifecycle::measure(arguments, &engine, &cookbook, &fleet);
        if !arguments.keep {
            fleet.down()?;
        }
        results.cells = measured?;
    }
    report::machine("at the end");
    results.print();
    Ok(())
}
