//! The capability `network`. Written from the engine's resource definitions.

use crate::builder::*;

resources! {
    /// Waits until a port is open, a URL answers, or something is at a path. All that is set must hold at
    /// once. `timeout` says how long; 300 seconds by default.
    ///
    /// Actions: [`Wait`](Action::Wait) (the default).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.wait_for("database").address("127.0.0.1:5432").timeout(60).declare()?;
    /// # Ok(()) }
    /// ```
    WaitFor = network::wait_for(name: Text) {
        /// `host:port` that must accept TCP connections.
        address: Text,
        /// URL that must answer a GET. A redirect is not followed, but an answer.
        url: Text,
        /// Statuses that count as an answer. Default 200 to 299.
        statuses: IntegerList,
        /// Absolute path where something must be.
        path: Text,
        /// Wait until none of it is so any more. Default false.
        absent: Boolean,
    }
}
