//! What the node is. A text is empty where the node has no such thing.
//!
//! Nothing here moves by itself: there is a [time of boot](Facts::boot_time) and no uptime, a size and
//! no free space.

use crate::host::Session;

mod values;

#[cfg(not(target_arch = "wasm32"))]
#[path = "host_native.rs"]
mod host;
#[cfg(target_arch = "wasm32")]
#[path = "host_wasm.rs"]
mod host;

pub use values::{Address, Cloud, Disk, Filesystem, Group, Interface, Partition, User};

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

/// Functions without parameters: from the host in a component, else from the facts of a test.
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

/// Functions that return all of a kind, each made of what the host has for it.
macro_rules! lists {
    ($($(#[$meta:meta])* $name:ident: $type:ty = $convert:path;)*) => {
        impl Facts {
            $(
                $(#[$meta])*
                pub fn $name(&self) -> Vec<$type> {
                    #[cfg(target_arch = "wasm32")]
                    {
                        let Session = self.0;
                        crate::host::bindings::engine::cookbook::facts::$name().iter().map($convert).collect()
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    {
                        self.0.with_facts(|facts| facts.$name.iter().map($convert).collect())
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
    /// What follows the first dot of the fully qualified domain name.
    domain: String = |facts| facts.domain.clone();
    /// Distribution, as os-release names it: `debian`.
    platform: String = |facts| facts.platform.name.clone();
    /// Family of the distribution: `debian`, `rhel`, `fedora`, `suse`, `alpine`, `arch`.
    platform_family: String = |facts| facts.platform.family.clone();
    /// Version of the distribution: `12`. Empty for rolling ones.
    platform_version: String = |facts| facts.platform.version.clone();
    /// Code name of the distribution's version: `bookworm`.
    platform_codename: String = |facts| facts.platform.codename.clone();
    /// Release of the kernel.
    kernel_release: String = |facts| facts.kernel.release.clone();
    /// `x86_64`, `aarch64`, …
    architecture: String = |facts| facts.architecture.clone();
    /// Container or hypervisor as `systemd-detect-virt` names it, `none` on bare metal.
    virtualization: String = |facts| facts.virtualization.clone();
    /// Logical processors.
    cpu_count: u32 = |facts| facts.cpu_count;
    /// What the processor calls itself.
    cpu_model: String = |facts| facts.cpu_model.clone();
    /// Cores; 0 if the kernel does not say.
    cpu_cores: u32 = |facts| facts.cpu_cores;
    /// Sockets; 0 if the kernel does not say.
    cpu_sockets: u32 = |facts| facts.cpu_sockets;
    /// Memory in bytes.
    memory_bytes: u64 = |facts| facts.memory_bytes;
    /// Swap space in bytes.
    swap_bytes: u64 = |facts| facts.swap_bytes;
    /// Addresses of all interfaces but loopback.
    addresses: Vec<String> = |facts| engine_contract::node::addresses(facts);
    /// The address that the node speaks IPv4 from.
    ipaddress: String = |facts| facts.ipaddress.clone();
    /// The address that the node speaks IPv6 from.
    ip6address: String = |facts| facts.ip6address.clone();
    /// Interface of the default route, that of IPv4 if there are two.
    default_interface: String = |facts| facts.default_interface.clone();
    /// Router of the IPv4 default route.
    default_gateway: String = |facts| facts.default_gateway.clone();
    /// Router of the IPv6 default route.
    default_ip6_gateway: String = |facts| facts.default_ip6_gateway.clone();
    /// `systemd`, `sysvinit`, `openrc` or `unknown`.
    init_system: String = |facts| facts.init_system.clone();
    /// `apt`, `dnf`, `yum`, `zypper`, `apk`, `pacman` or `unknown`.
    package_manager: String = |facts| facts.package_manager.clone();
    /// Name of the time zone: `Europe/Berlin`.
    timezone: String = |facts| facts.timezone.clone();
    /// The system's locale: `en_US.UTF-8`.
    locale: String = |facts| facts.locale.clone();
    /// `enforcing`, `permissive` or `disabled`.
    selinux: String = |facts| facts.selinux.clone();
    /// When the node was booted, in seconds since 1970.
    boot_time: u64 = |facts| facts.boot_time;
    /// The kernel's random id of this boot.
    boot_id: String = |facts| facts.boot_id.clone();
    /// The installation's id.
    machine_id: String = |facts| facts.machine_id.clone();
    /// User id that the agent runs as; 0 is root.
    user_id: u32 = |facts| facts.user_id;
    /// All facts as a JSON object.
    json: String = |facts| serde_json::to_string(facts).unwrap_or_default();
}

lists! {
    /// Disks, in the order of their names.
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// // Of an EBS volume the serial number is the volume's id.
    /// let data = ctx.facts().disks().into_iter().find(|disk| disk.serial == "vol0a1b2c3d4e5f60718");
    /// # Ok(()) }
    /// ```
    disks: Disk = host::disk;
    /// What is mounted, in the order of mounting; not what the kernel makes up itself.
    filesystems: Filesystem = host::filesystem;
    /// Network interfaces, loopback included, in the kernel's order.
    interfaces: Interface = host::interface;
    /// Local accounts, in the order of `/etc/passwd`.
    users: User = host::user;
    /// Local groups, in the order of `/etc/group`.
    groups: Group = host::group;
}

impl Facts {
    /// The cloud's machine that the node is; `None` if it is none, or of an unknown cloud.
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// let region = ctx.facts().cloud().map(|cloud| cloud.region).unwrap_or_default();
    /// # Ok(()) }
    /// ```
    pub fn cloud(&self) -> Option<Cloud> {
        host::cloud(&self.0)
    }

    /// The local account of that name.
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// let home = ctx.facts().user("deploy").map_or("/home/deploy".to_owned(), |user| user.home);
    /// # Ok(()) }
    /// ```
    pub fn user(&self, name: &str) -> Option<User> {
        host::find_user(&self.0, name)
    }

    /// The local group of that name.
    pub fn group(&self, name: &str) -> Option<Group> {
        host::find_group(&self.0, name)
    }
}
