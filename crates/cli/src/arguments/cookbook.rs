//! `engine cookbook`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

const TEST_HELP: &str = "A case is a file tests/NAME.toml; what it declares is in tests/NAME.snap:

    recipe = \"default\"            # or recipes = [\"install\", \"site\"]
    [attributes]                  # of stack, layers and run
    motd = { text = \"Hello.\" }
    [facts]                       # over those of a Debian 12 machine named node-1
    memory_bytes = 1073741824
    [stack]                       # who else is there
    event = \"configure\"
    [grants]                      # instead of all that cookbook.toml asks for
    [cookbooks]                   # whose recipes it includes
    nginx = \"../nginx\"

Nothing is applied and no host is needed. With `fails = true` the recipe must fail, and the
snapshot is what it says.

Examples:
  engine cookbook test                     build, then all cases of the cookbook here
  engine cookbook test cookbooks/motd      of another
  engine cookbook test . default --update  take what `default` declares now as right";

/// Commands on cookbooks.
#[derive(Debug, Subcommand)]
pub(crate) enum CookbookCommand {
    /// Build cookbooks into components: DIR/target/NAME.wasm
    #[command(after_help = "A directory with a Cargo.toml is built with cargo for wasm32-unknown-unknown.
Any other needs an executable `build`, which gets the path of the component to write.
Metadata comes from cookbook.toml; templates/ and files/ travel inside the component.")]
    Build {
        /// Directories with a cookbook.toml
        #[arg(required = true)]
        directories: Vec<PathBuf>,
    },
    /// Put metadata, templates and files into a component that another tool built
    Pack {
        /// The component
        component: PathBuf,
        /// Directory with the cookbook.toml
        directory: PathBuf,
        /// Where to write the cookbook
        #[arg(long, short)]
        output: PathBuf,
    },
    /// Show what a cookbook is and asks for, without running it
    Inspect {
        /// The component, or a directory in which it was built
        cookbook: PathBuf,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Evaluate recipes with the cases in DIR/tests and compare what they declare with its snapshots
    Test(TestArguments),
}

/// What `engine cookbook test` is asked for.
#[derive(Debug, Args)]
#[command(after_help = TEST_HELP)]
pub(crate) struct TestArguments {
    /// Directory with a cookbook.toml
    #[arg(default_value = ".")]
    pub(crate) directory: PathBuf,
    /// Cases to run, by name; all without it
    pub(crate) cases: Vec<String>,
    /// Write snapshots that are new or different
    #[arg(long)]
    pub(crate) update: bool,
    /// Test what was built before, without building
    #[arg(long)]
    pub(crate) no_build: bool,
    /// As JSON, with the collections
    #[arg(long)]
    pub(crate) json: bool,
}
