//! The command line: what can be asked for, with help and examples.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use engine_model::RunId;

use crate::settings;

mod cookbook;
mod instance;
mod resume;
mod run;
mod secret;
mod stack;
mod state;

pub(crate) use cookbook::{CookbookCommand, TestArguments};
pub(crate) use instance::{
    AssignArguments, InstanceCommand, LeaveArguments, RegisterArguments, ShowArguments, SshArguments,
};
pub(crate) use resume::ResumeArguments;
pub(crate) use run::{PlanArguments, RequestArguments, RunArguments, SelectionArguments};
pub(crate) use secret::{SecretCommand, SecretOptions};
pub(crate) use stack::{GraphFormat, StackCommand};
pub(crate) use state::StateArguments;

/// Configures the servers of a stack: its layers, its instances, its lifecycle.
#[derive(Debug, Parser)]
#[command(name = "engine", version, max_term_width = 100, propagate_version = true)]
#[command(after_help = "Examples:
  engine plan setup --stack demo          what setup would change, host by host
  engine run setup --stack demo           set all instances up
  engine run configure --stack demo       let the online instances react to one another
  engine run deploy --stack demo --layer app

Exit status: 0 all went well; 1 something failed, the summary says on which host;
2 the command line or a file makes no sense; 130 stopped by Ctrl-C.
With --detailed-exitcode: 0 nothing to change, 2 something to change, 1 anything else.")]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Options of every command.
    #[command(flatten)]
    pub(crate) global: GlobalOptions,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalOptions {
    /// When to use colour; NO_COLOR is respected
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(crate) color: Color,

    /// Where compiled cookbooks are kept [default: the user's cache directory]
    #[arg(long, global = true, env = "ENGINE_CACHE_DIR", value_name = "DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a lifecycle event, or another command, on a stack
    #[command(after_help = "Examples:
  engine run setup --stack demo
  engine run setup --stack demo --instance app-2
  engine run configure --stack demo --json > run.jsonl
  engine run deploy --stack stacks/demo.toml --layer app --parallel 2
  engine run deploy --stack demo --app site --comment 'release 1.4'
  engine run deploy --stack demo --app site --migrate
  engine run rollback --stack demo --app site
  engine run rollback --stack demo --app site --to 20261123120000000
  engine run execute-recipes --stack demo --recipe base::motd --set motd=hello
  engine run update-dependencies --stack demo --layer app --batch 25% --canary
  engine run setup --stack demo --retry-failed 12
  engine run setup --stack demo --verify  fails if a second run would change anything
  engine run --plan setup.plan            applies a saved plan, and nothing else

Attributes of a run lie on top of all others: cookbook default, stack, layer, --custom-json, --set.")]
    Run(RunArguments),

    /// Show what a lifecycle event, or another command, would change, without changing anything
    #[command(after_help = "Examples:
  engine plan setup --stack demo
  engine plan configure --stack demo -v
  engine plan setup --stack demo --out setup.plan && engine run --plan setup.plan
  engine plan setup --stack demo --detailed-exitcode || echo it has drifted")]
    Plan(PlanArguments),

    /// Take a run up where it stopped
    ///
    /// For a run whose controller was killed, that was stopped by Ctrl-C, or that lost its connection to hosts. It goes
    /// on with the same stack, attributes and cookbooks; what was done is not done again, and who was not told of a
    /// change is told. Hosts on which it failed are left as they are: `engine run --retry-failed` takes those.
    #[command(after_help = "Examples:
  engine resume --stack demo
  engine resume 12 --stack demo --json")]
    Resume(ResumeArguments),

    /// Show what the hosts of a stack are, without changing anything
    #[command(after_help = "Examples:
  engine facts --stack demo
  engine facts --stack demo --instance app-1 --json
  engine facts --stack demo --json | jq '.[].facts.platform.version'

Recipes see these facts. docs/facts.md says what each of them is.")]
    Facts(FactsArguments),

    /// Look at stacks and copy them
    #[command(subcommand)]
    Stack(StackCommand),

    /// Look at the instances of a stack, and hand machines to it
    #[command(subcommand)]
    Instance(InstanceCommand),

    /// Look at runs that were made before
    #[command(subcommand)]
    Runs(RunsCommand),

    /// Look after the secrets of a stack
    #[command(subcommand)]
    Secret(SecretCommand),

    /// Break the lock of a stack whose owner is gone
    ///
    /// A run holds its stack and renews that all the time. When its controller was killed, the lock runs out by
    /// itself within a minute; this is for who cannot wait.
    #[command(after_help = "Example:
  engine unlock 4f1c09d2a7b35e68 --stack demo")]
    Unlock {
        /// The lock's id, which whoever waits for it is told
        id: String,
        /// Name of a stack or path of a stack file
        #[arg(long, short)]
        stack: String,
        #[command(flatten)]
        state: StateArguments,
    },

    /// Build and inspect cookbooks
    #[command(subcommand)]
    Cookbook(CookbookCommand),

    /// Look after the cache of compiled cookbooks
    #[command(subcommand)]
    Cache(CacheCommand),

    /// Print a completion script for a shell
    #[command(after_help = "Example:
  engine completions bash > /etc/bash_completion.d/engine")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },

    /// Write man pages into a directory
    Man {
        /// The directory; it is made if it is missing
        directory: PathBuf,
    },
}

/// How hosts are reached and what is shown.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "they are switches of the command line")]
pub(crate) struct RunOptions {
    /// How many instances to work on at the same time
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) parallel: u16,

    /// One JSON object a line for everything that happens, instead of text
    #[arg(long)]
    pub(crate) json: bool,

    /// Show every resource, those that are up to date as well
    #[arg(long, short)]
    pub(crate) verbose: bool,

    /// Exit with 0 if there was nothing to change, 2 if there was, 1 for anything else
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,

    /// How many seconds to wait for a run that holds the stack
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(crate) lock_wait: u64,

    /// ssh_config to read instead of the stack's, the user's and the system's
    #[arg(long, short = 'F', value_name = "FILE")]
    pub(crate) ssh_config: Option<PathBuf>,

    /// Ask for the password that sudo wants
    #[arg(long)]
    pub(crate) ask_sudo_password: bool,

    #[command(flatten)]
    pub(crate) state: StateArguments,

    /// Command that is told when the run begins, fails or succeeds: JSON on its standard input. Besides those of the
    /// stack file
    #[arg(long, value_name = "COMMAND", value_parser = settings::words)]
    pub(crate) notify_command: Option<settings::Words>,

    /// Private key that decrypts files of secrets [default: the stack file's]
    #[arg(long, env = "ENGINE_AGE_IDENTITY", value_name = "FILE")]
    pub(crate) identity: Option<PathBuf>,

    /// Limits of evaluation.
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
}

/// Instances whose facts are shown.
#[derive(Debug, Args)]
pub(crate) struct FactsArguments {
    /// Name of a stack (stacks/NAME.toml here or above) or path of a stack file
    #[arg(long, short, value_name = "STACK")]
    pub(crate) stack: String,

    /// Which instances.
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,

    /// How many instances to connect to at the same time
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) parallel: u16,

    /// All facts as JSON, instead of the most important ones as text
    #[arg(long)]
    pub(crate) json: bool,

    /// ssh_config to read instead of the stack's, the user's and the system's
    #[arg(long, short = 'F', value_name = "FILE")]
    pub(crate) ssh_config: Option<PathBuf>,

    /// Ask for the password that sudo wants
    #[arg(long)]
    pub(crate) ask_sudo_password: bool,
}

/// How much a recipe may use.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits of each recipe")]
#[allow(clippy::struct_field_names)] // They are the options' names.
pub(crate) struct LimitArguments {
    /// Instructions, in millions
    #[arg(long, value_name = "MILLIONS", default_value_t = 5_000, hide_short_help = true)]
    pub(crate) limit_fuel: u64,
    /// Seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, hide_short_help = true)]
    pub(crate) limit_time: u64,
    /// Memory, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 256, hide_short_help = true)]
    pub(crate) limit_memory: usize,
    /// Elements of a table
    #[arg(long, value_name = "N", default_value_t = 40_000, hide_short_help = true)]
    pub(crate) limit_table: usize,
    /// Resources an event may declare on an instance
    #[arg(long, value_name = "N", default_value_t = 20_000, hide_short_help = true)]
    pub(crate) limit_resources: usize,
    /// What they may contain, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 64, hide_short_help = true)]
    pub(crate) limit_payload: usize,
}

/// Commands on runs.
#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// List the newest runs of a stack
    #[command(after_help = "Example:
  engine runs list --stack demo --most 5")]
    List {
        /// Name of a stack or path of a stack file
        #[arg(long, short)]
        stack: String,
        /// So many at the most
        #[arg(long, value_name = "N", default_value_t = 30)]
        most: u32,
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        state: StateArguments,
    },
    /// Show a run again, or write a report of it
    #[command(after_help = "Examples:
  engine runs show 12 --stack demo -v
  engine runs show 12 --stack demo --json | jq 'select(.type == \"resource_finished\")'
  engine runs show 12 --stack demo --junit run.xml --html run.html")]
    Show {
        /// Number of the run
        run: RunId,
        /// Name of a stack or path of a stack file
        #[arg(long, short)]
        stack: String,
        /// What happened, one JSON object a line, each with its time
        #[arg(long)]
        json: bool,
        /// Show every resource, those that were up to date as well
        #[arg(long, short)]
        verbose: bool,
        /// Write a JUnit report: a suite for each host, a case for each resource
        #[arg(long, value_name = "FILE")]
        junit: Option<PathBuf>,
        /// Write a page with a timeline and all differences, which needs no other file
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
        #[command(flatten)]
        state: StateArguments,
    },
}

/// Commands on the cache.
#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// List the compiled cookbooks
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Check every entry; exits with 1 if one was tampered with
    Verify,
    /// Remove entries
    Prune {
        /// Those that are older; without it, those this version cannot use and those tampered with
        #[arg(long, value_name = "DAYS")]
        older_than: Option<u64>,
        /// All
        #[arg(long)]
        all: bool,
    },
}
