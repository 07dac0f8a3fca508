//! What can be asked for about stacks.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use engine_model::Name;

use super::StateArguments;

/// Commands on stack files.
#[derive(Debug, Subcommand)]
pub(crate) enum StackCommand {
    /// Check a stack file and the cookbooks it names
    Validate {
        /// Name of a stack or path of a stack file
        stack: String,
    },
    /// List the stacks here
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON Schema of stack files, for editors
    Schema,
    /// Show a stack: layers, instances, apps, cookbooks, who holds it, and the last runs
    #[command(after_help = "Examples:
  engine stack show demo
  engine stack show demo --json | jq '.instances[] | select(.status != \"online\") | .name'")]
    Show {
        /// Name of a stack or path of a stack file
        stack: String,
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        state: StateArguments,
    },
    /// Copy a stack file under a new name, next to the old one
    ///
    /// Layers, apps, cookbooks, attributes and comments are copied, and those instances for which a machine is given. An
    /// instance's `address` is that of the old machine, so it is left out.
    #[command(after_help = "Examples:
  engine stack clone demo staging
  engine stack clone demo staging --host lb-1=192.0.2.31 --host app-1=192.0.2.32

A layer that is left without an instance gets one by `engine instance register --layer`.")]
    Clone {
        /// Name of a stack or path of a stack file
        stack: String,
        /// Name of the new one
        new: Name,
        /// A machine for an instance; may be repeated
        #[arg(long, value_name = "INSTANCE=HOST", value_parser = host)]
        host: Vec<(Name, String)>,
    },
    /// Draw a stack: its layers in order, their instances with statuses, their recipes by event
    #[command(after_help = "Examples:
  engine stack graph demo
  engine stack graph demo --format svg --output demo.svg
  engine stack graph demo --format dot | dot -Tpdf > demo.pdf")]
    Graph {
        /// Name of a stack or path of a stack file
        stack: String,
        /// A tree for the terminal, a picture, or what Graphviz makes one of
        #[arg(long, value_enum, default_value_t = GraphFormat::Text)]
        format: GraphFormat,
        /// Where to write it, instead of standard output
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        state: StateArguments,
    },
}

/// Forms of a drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// A tree.
    Text,
    /// For Graphviz.
    Dot,
    /// A picture that needs no other file.
    Svg,
}

/// Reads `web-1=192.0.2.1`.
fn host(text: &str) -> Result<(Name, String), String> {
    let (instance, host) = text.split_once('=').ok_or("write INSTANCE=HOST")?;
    let instance = instance.parse().map_err(|error: engine_model::NameError| error.to_string())?;
    if host.is_empty() {
        return Err("write INSTANCE=HOST".to_owned());
    }
    Ok((instance, host.to_owned()))
}
