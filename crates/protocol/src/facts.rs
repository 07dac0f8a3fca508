//! What a node is, as its agent found it. The terms are Ohai's where Ohai has one.

use serde::{Deserialize, Serialize};

/// Everything a recipe may know of the node itself.
///
/// Only values that stay the same while nothing changes on the node are here: evaluation is
/// deterministic, so a clock, an uptime or a load average has no place in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Host name without domain, as the kernel has it.
    pub hostname: String,
    /// Fully qualified domain name; the host name where the node has no domain.
    pub fqdn: String,
    /// The distribution.
    pub platform: Platform,
    /// The running kernel.
    pub kernel: Kernel,
    /// Machine hardware name as `uname -m` says it, for example `x86_64`.
    pub architecture: String,
    /// Logical processors that are online.
    pub cpu_count: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Network interfaces, loopback included, in the kernel's order.
    pub interfaces: Vec<Interface>,
    /// What runs as process 1: `systemd`, `sysvinit`, `openrc` or `unknown`.
    pub init_system: String,
    /// The package manager that providers will use: `apt`, `dnf`, `zypper`, `apk`, `pacman` or `unknown`.
    pub package_manager: String,
    /// Container or hypervisor as `systemd-detect-virt` names it, `none` on bare metal.
    pub virtualization: String,
    /// The kernel's random id of this boot.
    pub boot_id: String,
    /// User id that the agent runs as; 0 is root.
    pub user_id: u32,
}

/// A distribution, from `os-release`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Platform {
    /// `ID` of os-release, for example `debian`.
    pub name: String,
    /// The family in Ohai's sense: `debian`, `rhel`, `fedora`, `suse`, `alpine`, `arch` or the name itself.
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

/// A network interface and its addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Interface {
    /// Interface name, for example `eth0`.
    pub name: String,
    /// Addresses in text form without prefix length, IPv4 before IPv6.
    pub addresses: Vec<String>,
}
