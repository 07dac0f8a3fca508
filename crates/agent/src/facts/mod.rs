//! What the node is, read from files; no process is started.

use std::{fs, path::Path};

use engine_protocol::facts::{Facts, Kernel, Platform};
use rustix::{process::geteuid, system::uname};

pub mod network;

/// Finds out what the node is.
pub fn collect() -> Facts {
    let system = uname();
    let text = |value: &std::ffi::CStr| value.to_string_lossy().into_owned();
    let hostname = text(system.nodename());
    let hostname = hostname.split('.').next().unwrap_or_default().to_owned();
    let release = read("/etc/os-release");
    let release = if release.is_empty() { read("/usr/lib/os-release") } else { release };
    Facts {
        fqdn: fqdn(&text(system.nodename()), &read("/etc/hosts")),
        hostname,
        platform: parse_platform(&release),
        kernel: Kernel { name: text(system.sysname()), release: text(system.release()) },
        architecture: text(system.machine()),
        cpu_count: parse_cpus(&read("/sys/devices/system/cpu/online")).max(1),
        memory_bytes: parse_memory(&read("/proc/meminfo")),
        interfaces: network::interfaces(),
        init_system: init_system(),
        package_manager: package_manager(),
        virtualization: virtualization(),
        boot_id: read("/proc/sys/kernel/random/boot_id").trim().to_owned(),
        user_id: geteuid().as_raw(),
    }
}

fn read(path: &str) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// Reads `os-release`.
pub fn parse_platform(text: &str) -> Platform {
    let field = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_default().trim().trim_matches(['"', '\'']).to_owned()
    };
    let name = match field("ID") {
        id if id.is_empty() => "linux".to_owned(),
        id => id,
    };
    let like = field("ID_LIKE");
    let ids = [name.as_str()].into_iter().chain(like.split(' ').filter(|id| !id.is_empty()));
    let family = ids.into_iter().find_map(|id| match id {
        "debian" | "ubuntu" | "raspbian" => Some("debian"),
        "rhel" | "centos" | "rocky" | "almalinux" | "ol" | "amzn" => Some("rhel"),
        "fedora" => Some("fedora"),
        "suse" | "opensuse" | "sles" | "opensuse-leap" => Some("suse"),
        "alpine" => Some("alpine"),
        "arch" => Some("arch"),
        _ => None,
    });
    let family = family.unwrap_or(&name).to_owned();
    Platform { name, family, version: field("VERSION_ID"), codename: field("VERSION_CODENAME") }
}

/// The fully qualified name: the first name with a dot that `/etc/hosts` has beside the host name.
pub fn fqdn(nodename: &str, hosts: &str) -> String {
    if nodename.contains('.') {
        return nodename.to_owned();
    }
    let names = hosts.lines().map(|line| {
        let line = line.split('#').next().unwrap_or_default();
        line.split_whitespace().skip(1).collect::<Vec<_>>()
    });
    let own = |names: &Vec<&str>| names.contains(&nodename);
    let long = names.filter(own).flatten().find(|name| name.starts_with(&format!("{nodename}.")));
    long.unwrap_or(nodename).to_owned()
}

/// Counts processors in the kernel's form of lists, for example `0-3,6`.
pub fn parse_cpus(list: &str) -> u32 {
    list.trim()
        .split(',')
        .filter_map(|range| match range.split_once('-') {
            Some((low, high)) => Some(high.parse::<u32>().ok()?.checked_sub(low.parse().ok()?)? + 1),
            None => range.parse::<u32>().ok().map(|_| 1),
        })
        .sum()
}

/// Reads the memory in bytes from `/proc/meminfo`.
pub fn parse_memory(text: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}

fn init_system() -> String {
    let first = read("/proc/1/comm");
    let exists = |path: &str| Path::new(path).exists();
    let name = match first.trim() {
        _ if exists("/run/systemd/system") => "systemd",
        "systemd" => "systemd",
        _ if exists("/run/openrc") => "openrc",
        "init" if exists("/etc/inittab") => "sysvinit",
        _ => "unknown",
    };
    name.to_owned()
}

fn package_manager() -> String {
    let known = [
        ("apt", "/usr/bin/apt-get"),
        ("dnf", "/usr/bin/dnf"),
        ("zypper", "/usr/bin/zypper"),
        ("apk", "/sbin/apk"),
        ("pacman", "/usr/bin/pacman"),
    ];
    let found = known.iter().find(|(_, program)| Path::new(program).exists());
    found.map_or("unknown", |(name, _)| name).to_owned()
}

fn virtualization() -> String {
    let container = read("/run/systemd/container");
    if !container.trim().is_empty() {
        return container.trim().to_owned();
    }
    if Path::new("/.dockerenv").exists() {
        return "docker".to_owned();
    }
    let vendor =
        format!("{}{}", read("/sys/class/dmi/id/sys_vendor"), read("/sys/class/dmi/id/product_name"));
    let known = [
        ("Amazon EC2", "amazon"),
        ("KVM", "kvm"),
        ("QEMU", "kvm"),
        ("VMware", "vmware"),
        ("VirtualBox", "oracle"),
        ("Xen", "xen"),
        ("Microsoft Corporation", "microsoft"),
        ("Google", "google"),
    ];
    if let Some((_, name)) = known.iter().find(|(sign, _)| vendor.contains(sign)) {
        return (*name).to_owned();
    }
    let hypervisor = read("/proc/cpuinfo")
        .lines()
        .any(|line| line.starts_with("flags") && line.split_whitespace().any(|flag| flag == "hypervisor"));
    if hypervisor { "vm-other" } else { "none" }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_and_their_families() {
        let debian = parse_platform("ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n");
        assert_eq!((debian.name.as_str(), debian.family.as_str()), ("debian", "debian"));
        assert_eq!((debian.version.as_str(), debian.codename.as_str()), ("12", "bookworm"));
        assert_eq!(parse_platform("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n").family, "debian");
        assert_eq!(parse_platform("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n").family, "rhel");
        assert_eq!(parse_platform("ID=void\n").family, "void");
    }

    #[test]
    fn the_long_name_comes_from_the_hosts_file() {
        let hosts = "127.0.0.1 localhost\n127.0.1.1 web1.example.org web1 # me\n";
        assert_eq!(fqdn("web1", hosts), "web1.example.org");
        assert_eq!(fqdn("db1", hosts), "db1");
        assert_eq!(fqdn("a.example.org", hosts), "a.example.org");
    }

    #[test]
    fn processors_and_memory_are_counted() {
        assert_eq!(parse_cpus("0-3,6\n"), 5);
        assert_eq!(parse_cpus("0\n"), 1);
        assert_eq!(parse_memory("MemTotal:        2048 kB\nMemFree: 1 kB\n"), 2 * 1024 * 1024);
    }
}
