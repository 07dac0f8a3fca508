//! What a run or a plan is asked for.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use engine_model::{Attributes, BatchSize, Command, Name, RecipeName, Rollout, RunId};

use super::RunOptions;
use crate::settings;

/// A lifecycle event on a stack, or a saved plan.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// A lifecycle event, or another command
    #[arg(value_parser = command_parser(), required_unless_present = "plan", value_name = "COMMAND")]
    pub(crate) command: Option<Command>,

    /// Name of a stack (stacks/NAME.toml here or above) or path of a stack file
    #[arg(long, short, value_name = "STACK", required_unless_present = "plan")]
    pub(crate) stack: Option<String>,

    /// Apply a plan that `engine plan --out` has saved: exactly that, and only on hosts that have not
    /// changed since
    #[arg(long, value_name = "FILE", conflicts_with_all = ["command", "layer", "instance", "app", "recipe", "set", "custom_json"])]
    pub(crate) plan: Option<PathBuf>,

    /// Only the instances on which this run did not come to a good end
    #[arg(long, value_name = "RUN", conflicts_with_all = ["plan", "instance"])]
    pub(crate) retry_failed: Option<RunId>,

    /// Plan once more at the end, and fail if anything is left to change
    #[arg(long)]
    pub(crate) verify: bool,

    /// Why, for those who look at the run later
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) comment: String,

    /// On which instances, with what.
    #[command(flatten)]
    pub(crate) request: RequestArguments,

    /// In which steps.
    #[command(flatten)]
    pub(crate) rollout: RolloutArguments,

    /// How.
    #[command(flatten)]
    pub(crate) options: RunOptions,
}

/// What a lifecycle event would do to a stack.
#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    /// A lifecycle event, or another command
    #[arg(value_parser = command_parser(), value_name = "COMMAND")]
    pub(crate) command: Command,

    /// Name of a stack (stacks/NAME.toml here or above) or path of a stack file
    #[arg(long, short, value_name = "STACK")]
    pub(crate) stack: String,

    /// Save the plan for `engine run --plan`. It holds what would be written, secrets included
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// On which instances, with what.
    #[command(flatten)]
    pub(crate) request: RequestArguments,

    /// How.
    #[command(flatten)]
    pub(crate) options: RunOptions,
}

/// Which instances take part.
#[derive(Debug, Args)]
pub(crate) struct SelectionArguments {
    /// Only instances of this layer; may be repeated
    #[arg(long, value_name = "LAYER")]
    pub(crate) layer: Vec<Name>,

    /// Only this instance; may be repeated
    #[arg(long, value_name = "INSTANCE")]
    pub(crate) instance: Vec<Name>,
}

/// On which instances, with which apps, recipes and attributes.
#[derive(Debug, Args)]
pub(crate) struct RequestArguments {
    /// Which instances.
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,

    /// Only this app, for deploy, undeploy, rollback, start, stop and restart; may be repeated
    #[arg(long, value_name = "APP")]
    pub(crate) app: Vec<Name>,

    /// The release that rollback goes back to, such as 20261123120000000; the one before the current where it is not said
    #[arg(long, value_name = "RELEASE")]
    pub(crate) to: Option<String>,

    /// Let deploy and setup run the command of apps that migrates
    #[arg(long)]
    pub(crate) migrate: bool,

    /// Let undeploy take what the releases of an app share as well
    #[arg(long)]
    pub(crate) with_shared: bool,

    /// Let update-dependencies reboot instances whose packages need it, and wait for them
    #[arg(long)]
    pub(crate) allow_reboot: bool,

    /// A recipe for execute-recipes; may be repeated, and they run in this order
    #[arg(long, value_name = "COOKBOOK::RECIPE")]
    pub(crate) recipe: Vec<RecipeName>,

    /// An attribute of this run, above all others: nginx.port=8080. JSON where it reads as JSON, else text; may be
    /// repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = settings::attribute)]
    pub(crate) set: Vec<Attributes>,

    /// Attributes of this run as a JSON object, or @FILE with one
    #[arg(long, value_name = "JSON", value_parser = settings::custom_json)]
    pub(crate) custom_json: Option<Attributes>,
}

/// How a command goes over instances, on top of what the layers say.
#[derive(Debug, Args)]
pub(crate) struct RolloutArguments {
    /// How many instances of a layer at a time: a number, or a share such as 25%
    #[arg(long, value_name = "N|N%")]
    pub(crate) batch: Option<BatchSize>,

    /// One instance of each layer goes first, alone
    #[arg(long)]
    pub(crate) canary: bool,

    /// How many instances of a layer may fail before no further batch is begun
    #[arg(long, value_name = "N")]
    pub(crate) max_failures: Option<u32>,

    /// How many seconds to wait between two batches
    #[arg(long, value_name = "SECONDS")]
    pub(crate) pause: Option<u64>,
}

impl RolloutArguments {
    /// What they say; what they leave open is said by the layers.
    pub(crate) fn rollout(&self) -> Rollout {
        Rollout {
            batch: self.batch,
            canary: self.canary.then_some(true),
            max_failures: self.max_failures,
            pause: self.pause.map(Duration::from_secs),
            unreachable: None,
            health: None,
        }
    }
}

fn command_parser() -> impl clap::builder::TypedValueParser<Value = Command> {
    use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser as _};
    let names = Command::ALL.map(|command| PossibleValue::new(command.name()));
    let needless = PossibleValue::new(UPDATE_COOKBOOKS).hide(true);
    PossibleValuesParser::new(names.into_iter().chain([needless])).try_map(|name| {
        if name == UPDATE_COOKBOOKS {
            return Err("every run reads the cookbooks anew, and nothing of them is on instances; \
                 run the event whose recipes have changed"
                .to_owned());
        }
        name.parse::<Command>().map_err(|error| error.to_string())
    })
}

/// What OpsWorks had and nobody needs here: it copied cookbooks to the instances.
const UPDATE_COOKBOOKS: &str = "update-cookbooks";
