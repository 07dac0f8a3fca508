//! What the node is.

use crate::host::Session;

/// What the node is, as its agent found it; [`Context::facts`](crate::Context::facts) gives it.
///
/// ```
/// # use engine_sdk::prelude::*;
/// # fn recipe(ctx: &mut Context) -> Result<()> {
/// if ctx.facts().platform_family() != "debian" {
///     return Err(Error::new("unsupported-platform", "this cookbook knows Debian only"));
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Facts(pub(crate) Session);

macro_rules! facts {
    ($($(#[$meta:meta])* $name:ident: $type:ty = |$facts:ident| $native:expr;)*) => {
        impl Facts {
            $(
                $(#[$meta])*
                pub fn $name(&self) -> $type {
                    #[cfg(target_arch = "wasm32")]
                    {
                        let Session = self.0;
                        crate::host::bindings::engine::cookbook::facts::$name()
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    {
                        self.0.with_facts(|$facts| $native)
                    }
                }
            )*
        }
    };
}

facts! {
    /// Host name without domain.
    hostname: String = |facts| facts.hostname.clone();
    /// Fully qualified domain name; the host name where there is no domain.
    fqdn: String = |facts| facts.fqdn.clone();
    /// Distribution, as os-release names it: `debian`.
    platform: String = |facts| facts.platform.name.clone();
    /// Family of the distribution: `debian`, `rhel`, `fedora`, `suse`, `alpine`, `arch`.
    platform_family: String = |facts| facts.platform.family.clone();
    /// Version of the distribution: `12`. Empty for rolling ones.
    platform_version: String = |facts| facts.platform.version.clone();
    /// Release of the kernel.
    kernel_release: String = |facts| facts.kernel.release.clone();
    /// `x86_64`, `aarch64`, …
    architecture: String = |facts| facts.architecture.clone();
    /// Logical processors.
    cpu_count: u32 = |facts| facts.cpu_count;
    /// Memory in bytes.
    memory_bytes: u64 = |facts| facts.memory_bytes;
    /// `systemd`, `sysvinit`, `openrc` or `unknown`.
    init_system: String = |facts| facts.init_system.clone();
    /// `apt`, `dnf`, `zypper`, `apk`, `pacman` or `unknown`.
    package_manager: String = |facts| facts.package_manager.clone();
    /// Addresses of all interfaces but loopback.
    addresses: Vec<String> = |facts| engine_contract::node::addresses(facts);
    /// All facts as a JSON object.
    json: String = |facts| serde_json::to_string(facts).unwrap_or_default();
}
