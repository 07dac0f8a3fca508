//! What can be asked for about instances.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Subcommand};
use engine_model::Name;

use super::{RunOptions, StateArguments};

/// Commands on instances.
#[derive(Debug, Subcommand)]
pub(crate) enum InstanceCommand {
    /// List the instances of a stack with their layers and statuses
    List {
        /// Name of a stack or path of a stack file
        #[arg(long, short)]
        stack: String,
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        state: StateArguments,
    },

    /// Show an instance: how it is reached, where it stands, and what it did in the last runs
    #[command(after_help = "Examples:
  engine instance show web-1 --stack demo
  engine instance show web-1 --stack demo --json | jq '.runs[0].result'")]
    Show(ShowArguments),

    /// Log in to an instance with the ssh program, or run a command there
    ///
    /// What the stack file says is given to ssh: user, port, key, ssh_config, known_hosts. As always with ssh, the words
    /// of COMMAND go to the login shell there, with spaces between them. An instance that is this machine gets a shell.
    #[command(after_help = "Examples:
  engine instance ssh web-1 --stack demo
  engine instance ssh web-1 --stack demo -- journalctl -u nginx -n 20")]
    Ssh(SshArguments),

    /// Hand a machine to a stack: reach it, and write it into the stack file
    #[command(after_help = "Examples:
  engine instance register web-3 --stack demo --host 192.0.2.13 --user admin
  engine instance register --stack demo --layer web --host 192.0.2.14
                                    takes the next name of the stack's theme, such as web4, and sets the instance up

The stack file keeps its comments. It is left as it was if the machine cannot be reached.
An instance in no layer waits for `engine instance assign`.")]
    Register(RegisterArguments),

    /// Put an instance into layers and set it up
    #[command(after_help = "Examples:
  engine instance assign web-3 --stack demo --layer web
  engine instance assign web-3 --stack demo --layer web --no-run

Setup includes deploy; then all online instances configure.")]
    Assign(AssignArguments),

    /// Shut a registered instance down and take it out of its layers
    #[command(after_help = "Examples:
  engine instance unassign web-3 --stack demo
  engine instance unassign web-3 --stack demo --force   if it cannot be reached any more

The shutdown recipes run, and the others configure. If that fails, the stack file is left as it was.")]
    Unassign(LeaveArguments),

    /// Shut a registered instance down and remove it from the stack file
    #[command(after_help = "Examples:
  engine instance deregister web-3 --stack demo
  engine instance deregister web-3 --stack demo --force   if it cannot be reached any more

The machine itself is left alone. What it did in runs is still in `engine runs show`.")]
    Deregister(LeaveArguments),
}

/// An instance to look at.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The instance
    pub(crate) instance: Name,
    /// Name of a stack or path of a stack file
    #[arg(long, short)]
    pub(crate) stack: String,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) state: StateArguments,
}

/// An instance to log in to.
#[derive(Debug, Args)]
pub(crate) struct SshArguments {
    /// The instance
    pub(crate) instance: Name,
    /// Name of a stack or path of a stack file
    #[arg(long, short)]
    pub(crate) stack: String,
    /// ssh_config to read instead of the stack's, the user's and the system's
    #[arg(long, short = 'F', value_name = "FILE")]
    pub(crate) ssh_config: Option<PathBuf>,
    /// What to run there, instead of a shell to type into
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// A machine to hand to a stack.
#[derive(Debug, Args)]
pub(crate) struct RegisterArguments {
    /// Name of the instance [default: the next one of the stack's hostname_theme]
    #[arg(required_unless_present = "layer")]
    pub(crate) instance: Option<Name>,
    /// Name of a stack or path of a stack file
    #[arg(long, short)]
    pub(crate) stack: String,
    /// Host name, address or alias in ssh_config
    #[arg(long, value_name = "HOST", required_unless_present = "local", conflicts_with = "local")]
    pub(crate) host: Option<String>,
    /// This machine, without SSH
    #[arg(long, conflicts_with_all = ["user", "port", "identity_file"])]
    pub(crate) local: bool,
    /// User to log in as [default: what the stack file says, then ssh_config]
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// TCP port of SSH [default: what ssh_config says, then 22]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,
    /// Private key [default: what the stack file says, then ssh_config]
    #[arg(long, value_name = "FILE")]
    pub(crate) identity_file: Option<PathBuf>,
    /// Address that the other instances reach it at [default: HOST]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) address: Option<String>,
    /// Host name that it shall have [default: the instance's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) hostname: Option<String>,
    /// A layer to put it into at once; may be repeated
    #[arg(long, value_name = "LAYER")]
    pub(crate) layer: Vec<Name>,
    /// With layers: do not set it up now
    #[arg(long, requires = "layer")]
    pub(crate) no_run: bool,
    /// How.
    #[command(flatten)]
    pub(crate) options: RunOptions,
}

/// An instance and its new layers.
#[derive(Debug, Args)]
pub(crate) struct AssignArguments {
    /// The instance
    pub(crate) instance: Name,
    /// Name of a stack or path of a stack file
    #[arg(long, short)]
    pub(crate) stack: String,
    /// A layer to put it into; may be repeated
    #[arg(long, value_name = "LAYER", required = true)]
    pub(crate) layer: Vec<Name>,
    /// Change the stack file alone
    #[arg(long)]
    pub(crate) no_run: bool,
    /// How.
    #[command(flatten)]
    pub(crate) options: RunOptions,
}

/// An instance that leaves its layers, or the stack.
#[derive(Debug, Args)]
pub(crate) struct LeaveArguments {
    /// The instance
    pub(crate) instance: Name,
    /// Name of a stack or path of a stack file
    #[arg(long, short)]
    pub(crate) stack: String,
    /// Skip the shutdown recipes: the host cannot be reached any more. The others configure in the next run
    #[arg(long)]
    pub(crate) force: bool,
    /// How.
    #[command(flatten)]
    pub(crate) options: RunOptions,
}
