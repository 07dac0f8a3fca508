//! The capability `units`. Written from the engine's resource definitions.

use crate::builder::*;

resources! {
    /// A unit of systemd in `/etc/systemd/system`. systemd reads its files again when one changed. `delete`
    /// stops and disables the unit first, unless the system has another one of that name, which then counts
    /// again.
    ///
    /// Actions: [`Nothing`](Action::Nothing) (the default), [`Create`](Action::Create),
    /// [`Delete`](Action::Delete), [`Enable`](Action::Enable), [`Disable`](Action::Disable),
    /// [`Start`](Action::Start), [`Stop`](Action::Stop), [`Restart`](Action::Restart),
    /// [`Reload`](Action::Reload), [`Mask`](Action::Mask), [`Unmask`](Action::Unmask).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.systemd_unit("app.service")
    ///     .content("[Service]\nExecStart=/usr/local/bin/app\n\n[Install]\nWantedBy=multi-user.target\n")
    ///     .action([Action::Create, Action::Enable, Action::Start])
    ///     .declare()?;
    /// # Ok(()) }
    /// ```
    SystemdUnit = units::systemd_unit(name: Text) {
        /// The unit file. Needed for `create`.
        content: Text,
        /// Let `systemd-analyze verify` look at it before it is put in place; in a plan as well. Default
        /// true.
        verify: Boolean,
    }
}
