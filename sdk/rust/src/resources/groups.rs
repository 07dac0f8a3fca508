//! The capability `groups`. Written from the engine's resource definitions.

use crate::builder::*;

resources! {
    /// A group.
    ///
    /// Actions: [`Create`](Action::Create) (the default), [`Remove`](Action::Remove).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.group("deploy").gid(700).members(["alice"]).declare()?;
    /// # Ok(()) }
    /// ```
    Group = groups::group(name: Text) {
        /// Numeric id.
        gid: Integer,
        /// Users that must be members; others are left alone.
        members: TextList,
        /// Users that must not be members.
        excluded_members: TextList,
        /// Make a system group. Default false.
        system: Boolean,
    }
}
