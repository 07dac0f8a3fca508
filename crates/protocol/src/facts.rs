//! What a node is, as its agent found it. The terms are Ohai's where Ohai has one; docs/facts.md
//! says of each where it comes from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Everything a recipe may know of the node itself.
///
/// Only values that stay the same while nothing changes on the node are here: evaluation is
/// deterministic, so a clock, an uptime, a load average or free space has no place in it. A text is
/// empty where the node has no such thing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Host name without domain, as the kernel has it.
    pub hostname: String,
    /// Fully qualified domain name; the host name where the node has no domain.
    pub fqdn: String,
    /// What follows the first dot of the fully qualified domain name.
    pub domain: String,
    /// The distribution.
    pub platform: Platform,
    /// The running kernel.
    pub kernel: Kernel,
    /// Machine hardware name as `uname -m` says it, for example `x86_64`.
    pub architecture: String,
    /// Logical processors that are online.
    pub cpu_count: u32,
    /// What the processor calls itself, for example `AMD EPYC 7R13 Processor`.
    pub cpu_model: String,
    /// Cores of the processors that are online; a core may be several logical processors.
    pub cpu_cores: u32,
    /// Sockets of the processors that are online.
    pub cpu_sockets: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Swap space in bytes.
    pub swap_bytes: u64,
    /// Container or hypervisor as `systemd-detect-virt` names it, `none` on bare metal.
    pub virtualization: String,
    /// The cloud that the node is a machine of, if that is known.
    pub cloud: Option<Cloud>,
    /// Disks, in the order of their names.
    pub disks: Vec<Disk>,
    /// What is mounted, in the order of mounting; not what the kernel makes up itself.
    pub filesystems: Vec<Filesystem>,
    /// Network interfaces, loopback included, in the kernel's order.
    pub interfaces: Vec<Interface>,
    /// The address that the node speaks IPv4 from.
    pub ipaddress: String,
    /// The address that the node speaks IPv6 from.
    pub ip6address: String,
    /// Interface of the default route, that of IPv4 if there are two.
    pub default_interface: String,
    /// Router of the IPv4 default route.
    pub default_gateway: String,
    /// Router of the IPv6 default route.
    pub default_ip6_gateway: String,
    /// What runs as process 1: `systemd`, `sysvinit`, `openrc` or `unknown`.
    pub init_system: String,
    /// The package manager that providers will use: `apt`, `dnf`, `yum`, `zypper`, `apk`, `pacman` or `unknown`.
    pub package_manager: String,
    /// Local accounts, in the order of `/etc/passwd`.
    pub users: Vec<User>,
    /// Local groups, in the order of `/etc/group`.
    pub groups: Vec<Group>,
    /// Name of the time zone, for example `Europe/Berlin`.
    pub timezone: String,
    /// The system's locale, for example `en_US.UTF-8`.
    pub locale: String,
    /// `enforcing`, `permissive` or `disabled`.
    pub selinux: String,
    /// When the node was booted, in seconds since 1970.
    pub boot_time: u64,
    /// The kernel's random id of this boot.
    pub boot_id: String,
    /// The installation's id, from `/etc/machine-id`.
    pub machine_id: String,
    /// User id that the agent runs as; 0 is root.
    pub user_id: u32,
}

/// A distribution, from `os-release`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Platform {
    /// `ID` of os-release, for example `debian`.
    pub name: String,
    /// Distributions that are alike: `debian`, `rhel`, `fedora`, `suse`, `alpine`, `arch` or the name itself.
    pub family: String,
    /// `VERSION_ID` of os-release, for example `12`; empty for rolling distributions.
    pub version: String,
    /// `VERSION_CODENAME` of os-release, for example `bookworm`; empty where there is none.
    pub codename: String,
}

/// A kernel, from `uname`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kernel {
    /// `Linux`.
    pub name: String,
    /// Release, for example `6.1.0-18-amd64`.
    pub release: String,
}

/// What a cloud says of its machine. What it did not say is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cloud {
    /// `ec2`.
    pub provider: String,
    /// For example `i-1234567890abcdef0`.
    pub instance_id: String,
    /// For example `t3.micro`.
    pub instance_type: String,
    /// For example `eu-central-1`.
    pub region: String,
    /// For example `eu-central-1a`.
    pub availability_zone: String,
    /// What the machine was made from, for example `ami-0abcdef1234567890`.
    pub image_id: String,
    /// `on-demand`, `spot` or `scheduled`.
    pub life_cycle: String,
    /// The cloud's name for the machine within its network.
    pub local_hostname: String,
    /// Address within the cloud's network.
    pub local_ipv4: String,
    /// Address that the world reaches it at.
    pub public_ipv4: String,
    /// Tags, where the machine is allowed to see them.
    pub tags: BTreeMap<String, String>,
}

/// A disk as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Disk {
    /// Name below `/dev`, for example `nvme0n1`.
    pub name: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// What it calls itself, for example `Amazon Elastic Block Store`.
    pub model: String,
    /// Its number; of an EBS volume on NVMe the volume's id without the dash.
    pub serial: String,
    /// Whether it has to wait for a platter to come round.
    pub rotational: bool,
    /// Whether its medium can be taken out.
    pub removable: bool,
    /// Its partitions, in their order on the disk's table.
    pub partitions: Vec<Partition>,
}

/// A part of a disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Partition {
    /// Name below `/dev`, for example `nvme0n1p1`.
    pub name: String,
    /// Size in bytes.
    pub size_bytes: u64,
}

/// Something that is mounted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Filesystem {
    /// Device or source, for example `/dev/nvme0n1p1`.
    pub device: String,
    /// Where it is mounted.
    pub mount_point: String,
    /// For example `ext4`.
    pub fs_type: String,
    /// Size in bytes. None if somebody else would have to be asked, as for network file systems, or
    /// if it moves with use, as ZFS's does.
    pub size_bytes: Option<u64>,
    /// Mount options, the mount's own before those of the file system.
    pub options: Vec<String>,
}

/// A network interface and its addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Interface {
    /// Interface name, for example `eth0`.
    pub name: String,
    /// Hardware address in lower case with colons; empty where there is none.
    pub mac_address: String,
    /// Largest packet in bytes.
    pub mtu: u32,
    /// Operational state as `ip link` has it, in lower case: `up`, `down`, `unknown`, …
    pub state: String,
    /// Its addresses, IPv4 before IPv6; not those that privacy extensions change daily.
    pub addresses: Vec<Address>,
}

/// An address of an interface.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Address {
    /// In text form, for example `192.0.2.7`.
    pub address: String,
    /// Length of the network's prefix in bits, for example 24.
    pub prefix: u8,
}

/// An account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct User {
    /// Login name.
    pub name: String,
    /// Numeric id.
    pub uid: u32,
    /// Id of the primary group.
    pub gid: u32,
    /// Home directory.
    pub home: String,
    /// Login shell.
    pub shell: String,
}

/// A group of accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    /// Name.
    pub name: String,
    /// Numeric id.
    pub gid: u32,
    /// Members, those whose primary group it is not included.
    pub members: Vec<String>,
}
