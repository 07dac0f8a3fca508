//! The capability `execute`. Written from the engine's resource definitions.

use crate::builder::*;

resources! {
    /// A command: a program and its arguments, never a line for a shell.
    ///
    /// Actions: [`Run`](Action::Run) (the default).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.execute(["make", "install"])
    ///     .cwd("/usr/src/tool")
    ///     .environment([("PREFIX", "/usr/local")])
    ///     .creates("/usr/local/bin/tool")
    ///     .declare()?;
    /// # Ok(()) }
    /// ```
    Execute = execute::execute(argv: TextList) {
        /// Skip it if something is at this absolute path.
        creates: Text,
        /// Working directory. Default `/`.
        cwd: Text,
        /// Environment variables, on top of a minimal environment. Each needs a grant of `environment`.
        environment: TextMap,
        /// User to run as. Default: the agent's, usually root.
        user: Text,
        /// Group to run as. Default: the user's.
        group: Text,
        /// Exit statuses that mean success. Default 0.
        returns: IntegerList,
        /// Report output while it runs. Default false.
        live_stream: Boolean,
    }

    /// A text for an interpreter. Granted as the arguments of the interpreter and the name of the script:
    /// `["bash", "*"]`.
    ///
    /// Actions: [`Run`](Action::Run) (the default).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.script("build index")
    ///     .code("set -e\nfind . -name '*.md' | sort > index\n")
    ///     .cwd("/srv/docs")
    ///     .creates("/srv/docs/index")
    ///     .declare()?;
    /// # Ok(()) }
    /// ```
    Script = execute::script(name: Text) {
        /// The interpreter and its arguments. Default `bash`.
        interpreter: TextList,
        /// The text. Needed, or `source`.
        code: Text,
        /// Path of the text below the cookbook's `files` directory; instead of `code`.
        source: Text,
        /// Skip it if something is at this absolute path.
        creates: Text,
        /// Working directory. Default `/`.
        cwd: Text,
        /// Environment variables, on top of a minimal environment. Each needs a grant of `environment`.
        environment: TextMap,
        /// User to run as. Default: the agent's, usually root.
        user: Text,
        /// Group to run as. Default: the user's.
        group: Text,
        /// Exit statuses that mean success. Default 0.
        returns: IntegerList,
        /// Report output while it runs. Default false.
        live_stream: Boolean,
    }
}
