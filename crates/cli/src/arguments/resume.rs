//! What it takes to take a run up again.

use clap::Args;
use engine_model::RunId;

use super::RunOptions;

/// A run that was interrupted.
#[derive(Debug, Args)]
pub(crate) struct ResumeArguments {
    /// Number of the run [default: the newest one]
    pub(crate) run: Option<RunId>,

    /// Name of a stack (stacks/NAME.toml here or above) or path of a stack file
    #[arg(long, short, value_name = "STACK")]
    pub(crate) stack: String,

    /// How.
    #[command(flatten)]
    pub(crate) options: RunOptions,
}
