//! The capability `repositories`. Written from the engine's resource definitions.

use crate::builder::*;

resources! {
    /// A repository for apt, with the key that signs it. The package lists are fetched when it is added or
    /// changed; if those of the repository cannot be, its files are put back as they were, and the next run
    /// tries again.
    ///
    /// Actions: [`Add`](Action::Add) (the default), [`Remove`](Action::Remove).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.apt_repository("nginx")
    ///     .uri("https://nginx.org/packages/debian")
    ///     .components(["nginx"])
    ///     .key_source("nginx.asc")
    ///     .declare()?;
    /// # Ok(()) }
    /// ```
    AptRepository = repositories::apt_repository(name: Text) {
        /// Where it is: an `http`, `https` or `file` URL. Needed for `add`.
        uri: Text,
        /// Suite, such as `bookworm`; or a path that ends with `/`. Default: the node's codename.
        distribution: Text,
        /// Components. Default `main`, none for a path.
        components: TextList,
        /// Architectures. Default: those of the node.
        architectures: TextList,
        /// The OpenPGP key that signs it, armoured.
        key: Text,
        /// Path of the key below the cookbook's `files` directory, armoured or binary; instead of `key`.
        key_source: Text,
        /// Take it without a signature. Default false.
        trusted: Boolean,
    }

    /// A repository for dnf, yum and zypper, with the keys that sign it.
    ///
    /// Actions: [`Create`](Action::Create) (the default), [`Delete`](Action::Delete).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.yum_repository("nginx")
    ///     .baseurl("https://nginx.org/packages/rhel/9/x86_64/")
    ///     .gpgkey(["https://nginx.org/keys/nginx_signing.key"])
    ///     .declare()?;
    /// # Ok(()) }
    /// ```
    YumRepository = repositories::yum_repository(name: Text) {
        /// What it is, for people. Default: the name.
        description: Text,
        /// Where it is: an `http`, `https` or `file` URL.
        baseurl: Text,
        /// Where a list of its mirrors is; instead of `baseurl`.
        mirrorlist: Text,
        /// Where its metalink is; instead of `baseurl`.
        metalink: Text,
        /// URLs of the keys that sign it.
        gpgkey: TextList,
        /// Path of a key below the cookbook's `files` directory; instead of `gpgkey`.
        key_source: Text,
        /// Check the signatures of packages. Default true.
        gpgcheck: Boolean,
        /// Whether it is used. Default true.
        enabled: Boolean,
        /// The lower, the more preferred. Default 99.
        priority: Integer,
    }
}
