//! The capability `sudoers`. Written from the engine's resource definitions.

use crate::builder::*;

resources! {
    /// A file in `/etc/sudoers.d`. `visudo` looks at it before it goes live, so a mistake never locks anybody
    /// out.
    ///
    /// Actions: [`Create`](Action::Create) (the default), [`Delete`](Action::Delete).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.sudoers("deploy")
    ///     .users(["deploy"])
    ///     .commands(["/usr/bin/systemctl restart app"])
    ///     .nopasswd(true)
    ///     .declare()?;
    /// # Ok(()) }
    /// ```
    Sudoers = sudoers::sudoers(name: Text) {
        /// Users that it is for.
        users: TextList,
        /// Groups that it is for, without `%`.
        groups: TextList,
        /// Commands that they may run, as in sudoers(5); `,`, `:` and `=` in arguments are escaped by
        /// themselves. Default `ALL`.
        commands: TextList,
        /// Users that they may run them as. Default `ALL`.
        runas: Text,
        /// Without a password. Default false.
        nopasswd: Boolean,
    }
}
