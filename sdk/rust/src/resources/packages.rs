//! The capability `packages`. Written from the engine's resource definitions.

use crate::builder::*;

resources! {
    /// Packages of the distribution, all handled in one transaction. Installed ones are looked up in one
    /// query of the package database, however many are declared. Package lists that are more than an hour old
    /// are fetched before something is upgraded, or installed in no fixed version: until then, a plan cannot
    /// know which version is newest.
    ///
    /// Actions: [`Install`](Action::Install) (the default), [`Upgrade`](Action::Upgrade),
    /// [`Remove`](Action::Remove), [`Purge`](Action::Purge), [`Lock`](Action::Lock),
    /// [`Unlock`](Action::Unlock).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.package(["nginx", "curl"]).declare()?;
    /// ctx.package("postgresql").version("15+248").action([Action::Install, Action::Lock]).declare()?;
    /// # Ok(()) }
    /// ```
    Package = packages::package(names: Names) {
        /// The version to install, as the package manager writes it. Only with one name.
        version: Text,
        /// Absolute path of a package file on the node, instead of the repositories. Only with one name,
        /// which must be the file's.
        source: Text,
    }

    /// All pending updates of the distribution; says whether a reboot is needed afterwards. Package lists
    /// that are more than an hour old are fetched before: until then, a plan cannot know what is pending.
    /// Needs a grant for all packages (`*`).
    ///
    /// Actions: [`Update`](Action::Update) (the default).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.package_update().security_only(true).declare()?;
    /// # Ok(()) }
    /// ```
    PackageUpdate = packages::package_update() {
        /// Only updates that mend security. Default false.
        security_only: Boolean,
    }
}
