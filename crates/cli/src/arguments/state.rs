//! Where the live state is, for all commands that have to do with it.

use clap::Args;

/// Where the live state of the stack is.
#[derive(Debug, Args)]
pub(crate) struct StateArguments {
    /// Live state: a file, or postgresql://USER@HOST/DATABASE [default: what the stack file says, else
    /// .engine/state.db next to the stacks]
    #[arg(long = "state", env = "ENGINE_STATE", value_name = "FILE|URL", hide_env_values = true)]
    given: Option<String>,
}

impl StateArguments {
    /// What the operator said, if anything.
    pub(crate) fn given(&self) -> Option<&str> {
        self.given.as_deref()
    }
}
