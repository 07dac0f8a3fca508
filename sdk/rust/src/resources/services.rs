//! The capability `services`. Written from the engine's resource definitions.

use crate::builder::*;

resources! {
    /// A service of the node's service manager. Whether an init script's service runs says its `status`; of a
    /// script that has none, the process decides: the one in its pid file, else one of its name. Only systemd
    /// can mask.
    ///
    /// Actions: [`Nothing`](Action::Nothing) (the default), [`Start`](Action::Start), [`Stop`](Action::Stop),
    /// [`Restart`](Action::Restart), [`Reload`](Action::Reload), [`Enable`](Action::Enable),
    /// [`Disable`](Action::Disable), [`Mask`](Action::Mask), [`Unmask`](Action::Unmask).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.service("nginx").action([Action::Enable, Action::Start]).declare()?;
    /// # Ok(()) }
    /// ```
    Service = services::service(name: Text) {}
}
