//! `engine run setup` on up to a thousand nodes, which a process beside it simulates: what the controller costs as
//! they become more. No node does anything, so this is the controller's side alone.

mod layout;
mod node;
mod print;
mod server;

use std::{
    ffi::OsString,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use clap::Args;

use crate::{
    measure::{Cost, measure as cost},
    report,
};
pub use server::simulate;

/// What to measure.
#[derive(Args)]
pub struct ScaleArguments {
    /// The engine command
    #[arg(long, env = "ENGINE_BIN")]
    engine: PathBuf,
    /// The benchmark cookbook, built
    #[arg(long)]
    cookbook: PathBuf,
    /// Numbers of nodes; memory is compared with the smallest, time with the one before the largest of ten times as many
    #[arg(long, value_delimiter = ',', default_value = "10,100,300,1000")]
    nodes: Vec<usize>,
    /// How many nodes at the same time; 0 leaves it to engine
    #[arg(long, value_delimiter = ',', default_value = "0,200")]
    parallel: Vec<usize>,
    /// Files on each node
    #[arg(long, default_value_t = 20)]
    files: usize,
    /// How long a node takes for each batch of resources, in milliseconds
    #[arg(long, default_value_t = 20)]
    delay: u64,
    /// Rounds; the best counts
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// Fail if a node takes more memory than it may; time decides nothing
    #[arg(long)]
    strict: bool,
}

/// What the simulation is told.
#[derive(Args)]
pub struct SimulateArguments {
    /// Where to write keys, `ssh_config` and `known_hosts`
    #[arg(long)]
    directory: PathBuf,
    /// How many nodes
    #[arg(long)]
    nodes: usize,
    /// Milliseconds for each batch
    #[arg(long)]
    delay: u64,
}

/// One number of nodes with one `--parallel`.
struct Cell {
    nodes: usize,
    parallel: usize,
    cost: Cost,
}

/// Measures, prints, and says whether the targets are met.
pub fn measure(arguments: &ScaleArguments) -> anyhow::Result<()> {
    let absolute = |path: &Path| {
        std::fs::canonicalize(path).with_context(|| format!("{}: build it first", path.display()))
    };
    let (engine, cookbook) = (absolute(&arguments.engine)?, absolute(&arguments.cookbook)?);
    let most = arguments.nodes.iter().copied().max().context("no number of nodes")?;
    let least = arguments.nodes.iter().copied().min().unwrap_or_default();
    let possible = layout::LAYERS.len()..=layout::MOST;
    ensure!(possible.contains(&least) && possible.contains(&most), "from 3 to {} nodes", layout::MOST);
    let directory = tempfile::tempdir()?;
    report::machine("at the start");
    let _simulation = Simulation::start(directory.path(), most, arguments.delay)?;

    let runner = Runner { engine, cookbook, directory: directory.path(), files: arguments.files };
    // Not counted: it compiles the cookbook.
    runner.run(layout::LAYERS.len(), 0)?;
    let mut cells = Vec::new();
    for &parallel in &arguments.parallel {
        print::head(parallel, arguments);
        let first = cells.len();
        for &nodes in &arguments.nodes {
            let rounds = (0..arguments.rounds.max(1)).map(|_| runner.run(nodes, parallel));
            let rounds = rounds.collect::<anyhow::Result<Vec<_>>>()?;
            cells.push(Cell { nodes, parallel, cost: best(&rounds).context("no round")? });
            print::cell(&cells[first..]);
        }
    }
    report::machine("at the end");
    print::targets(&cells);
    ensure!(!arguments.strict || print::memory_is_bounded(&cells), "a node takes too much memory");
    Ok(())
}

/// The shortest time, the least CPU time and the most memory.
fn best(rounds: &[Cost]) -> Option<Cost> {
    Some(Cost {
        wall: rounds.iter().map(|cost| cost.wall).min()?,
        cpu: rounds.iter().map(|cost| cost.cpu).min()?,
        memory: rounds.iter().map(|cost| cost.memory).max()?,
    })
}

/// The process with the nodes; it ends with this value.
struct Simulation(Child);

impl Simulation {
    fn start(directory: &Path, nodes: usize, delay: u64) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe().context("the path of this program")?)
            .args(["simulate", "--nodes", &nodes.to_string(), "--delay", &delay.to_string(), "--directory"])
            .arg(directory)
            // It ends with its input.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the simulation cannot be started")?;
        let output = child.stdout.take().context("the simulation has no output")?;
        let simulation = Simulation(child);
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        ensure!(line.trim() == server::READY, "the simulation did not start");
        Ok(simulation)
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Runner<'a> {
    engine: PathBuf,
    cookbook: PathBuf,
    directory: &'a Path,
    files: usize,
}

impl Runner<'_> {
    /// Sets a new stack of so many nodes up.
    fn run(&self, nodes: usize, parallel: usize) -> anyhow::Result<Cost> {
        let place = tempfile::tempdir_in(self.directory)?;
        let stack = place.path().join("scale.toml");
        std::fs::write(&stack, layout::stack(self.directory, nodes, self.files, &self.cookbook)?)?;
        let mut words: Vec<OsString> = vec![self.engine.clone().into(), "run".into(), "setup".into()];
        for (option, path) in [
            ("--stack", stack),
            ("--state", place.path().join("state.db")),
            ("--cache-dir", self.directory.join("cache")),
        ] {
            words.extend([option.into(), path.into()]);
        }
        if parallel > 0 {
            words.extend(["--parallel".into(), parallel.to_string().into()]);
        }
        cost(&words, place.path())
    }
}

impl Cell {
    fn time_per_node(&self) -> Duration {
        self.cost.wall / u32::try_from(self.nodes).unwrap_or(u32::MAX)
    }

    fn cpu_per_node(&self) -> Duration {
        self.cost.cpu / u32::try_from(self.nodes).unwrap_or(u32::MAX)
    }

    /// What each node beyond those of a smaller cell takes, in MiB.
    #[allow(clippy::cast_precision_loss, reason = "kibibytes of one process")]
    fn memory_per_node(&self, smaller: &Cell) -> Option<f64> {
        let nodes = self.nodes.checked_sub(smaller.nodes).filter(|nodes| *nodes > 0)?;
        Some((self.cost.memory as f64 - smaller.cost.memory as f64) / 1024.0 / nodes as f64)
    }
}
