//! Facts for people: the most important ones, a few to a line. `--json` has them all.

use std::fmt::Write as _;

use engine_contract::visible;
use engine_model::Name;
use engine_protocol::{
    Facts,
    facts::{Cloud, Disk, Filesystem, Interface},
};

/// Where the values begin.
const COLUMN: usize = 12;

/// All lines of an instance. `now` is in seconds since 1970.
pub(super) fn text(instance: &Name, facts: &Facts, now: u64) -> String {
    let bold = anstyle::Style::new().bold();
    let mut text = format!("{bold}{instance}{bold:#}\n");
    for (label, values) in rows(facts, now) {
        let values = values.into_iter().filter(|value| !value.is_empty());
        for (number, value) in values.enumerate() {
            let label = if number == 0 { label } else { "" };
            // What nodes say does not steer the terminal.
            let value = visible::line(&value);
            let _ = writeln!(text, "  {label:COLUMN$} {value}");
        }
    }
    text
}

/// What a machine is, in one line.
pub(crate) fn line(facts: &Facts) -> String {
    let processors = match facts.cpu_count {
        1 => "1 processor".to_owned(),
        count => format!("{count} processors"),
    };
    let memory = format!("{} of memory", size(facts.memory_bytes));
    let all = [&platform(facts), &facts.architecture, &processors, &memory, &facts.ipaddress];
    visible::line(&joined(all.map(String::as_str))).into_owned()
}

fn rows(facts: &Facts, now: u64) -> Vec<(&'static str, Vec<String>)> {
    let one = |value: String| vec![value];
    vec![
        ("host name", one(facts.fqdn.clone())),
        ("platform", one(platform(facts))),
        ("kernel", one(format!("{} {}, {}", facts.kernel.name, facts.kernel.release, facts.architecture))),
        ("machine", one(machine(facts))),
        ("booted", one(since(facts.boot_time, now))),
        ("cloud", facts.cloud.as_ref().map(cloud).unwrap_or_default()),
        ("processors", one(processors(facts))),
        ("memory", one(format!("{}, swap {}", size(facts.memory_bytes), size(facts.swap_bytes)))),
        ("disks", facts.disks.iter().map(disk).collect()),
        ("mounted", facts.filesystems.iter().map(filesystem).collect()),
        ("address", addresses(facts)),
        ("interfaces", facts.interfaces.iter().map(interface).collect()),
        ("services", one(facts.init_system.clone())),
        ("packages", one(facts.package_manager.clone())),
        ("accounts", one(accounts(facts))),
        ("time zone", one(facts.timezone.clone())),
        ("locale", one(facts.locale.clone())),
        ("SELinux", one(facts.selinux.clone())),
    ]
}

fn platform(facts: &Facts) -> String {
    let platform = &facts.platform;
    let mut text = platform.name.clone();
    for more in [&platform.version, &platform.codename] {
        if !more.is_empty() {
            text = format!("{text} {more}");
        }
    }
    if platform.family == platform.name { text } else { format!("{text}, of the family {}", platform.family) }
}

fn machine(facts: &Facts) -> String {
    let kind = if facts.virtualization == "none" { "no virtualization" } else { &facts.virtualization };
    joined([kind, &facts.machine_id])
}

fn cloud(cloud: &Cloud) -> Vec<String> {
    let place = [&cloud.availability_zone, &cloud.region].into_iter().find(|place| !place.is_empty());
    let what = [&cloud.provider, &cloud.instance_type, &cloud.instance_id].map(String::as_str);
    let public = match cloud.public_ipv4.as_str() {
        "" => String::new(),
        address => format!("public {address}"),
    };
    let tags: Vec<String> = cloud.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    vec![
        joined([what.join(" ").trim(), place.map_or("", String::as_str), &cloud.life_cycle]),
        joined([&cloud.image_id, &cloud.local_ipv4, &public]),
        tags.join(", "),
    ]
}

fn processors(facts: &Facts) -> String {
    let counted = |count: u32, one: &str| match count {
        0 => String::new(),
        1 => format!("1 {one}"),
        count => format!("{count} {one}s"),
    };
    let cores = counted(facts.cpu_cores, "core");
    joined([&facts.cpu_count.to_string(), &cores, &counted(facts.cpu_sockets, "socket"), &facts.cpu_model])
}

fn disk(disk: &Disk) -> String {
    let kind = if disk.rotational { "rotational" } else { "" };
    let parts: Vec<String> =
        disk.partitions.iter().map(|part| format!("{} {}", part.name, size(part.size_bytes))).collect();
    let all = joined([&format!("{} {}", disk.name, size(disk.size_bytes)), &disk.model, &disk.serial, kind]);
    if parts.is_empty() { all } else { format!("{all}: {}", parts.join(", ")) }
}

fn filesystem(filesystem: &Filesystem) -> String {
    let size = filesystem.size_bytes.map(size).unwrap_or_default();
    let read_only = if filesystem.options.iter().any(|option| option == "ro") { "read-only" } else { "" };
    let what = format!("{}: {} on {}", filesystem.mount_point, filesystem.fs_type, filesystem.device);
    joined([&what, &size, read_only])
}

fn addresses(facts: &Facts) -> Vec<String> {
    let by = |address: &str, gateway: &str| match (address, gateway) {
        ("", _) => String::new(),
        (address, "") => address.to_owned(),
        (address, gateway) => format!("{address}, router {gateway}"),
    };
    let mut all =
        vec![by(&facts.ipaddress, &facts.default_gateway), by(&facts.ip6address, &facts.default_ip6_gateway)];
    if !facts.default_interface.is_empty() {
        all.push(format!("by {}", facts.default_interface));
    }
    all
}

fn interface(interface: &Interface) -> String {
    let addresses: Vec<String> =
        interface.addresses.iter().map(|own| format!("{}/{}", own.address, own.prefix)).collect();
    let name = format!("{} {}", interface.name, interface.state);
    joined([&name, &interface.mac_address, &format!("MTU {}", interface.mtu), &addresses.join(" ")])
}

/// Who can log in, and how many more there are.
fn accounts(facts: &Facts) -> String {
    const NO_LOGIN: [&str; 4] = ["nologin", "false", "sync", "halt"];
    let can_log_in = |shell: &str| !NO_LOGIN.contains(&shell.rsplit('/').next().unwrap_or_default());
    let people: Vec<&str> =
        facts.users.iter().filter(|user| can_log_in(&user.shell)).map(|user| user.name.as_str()).collect();
    let others = match facts.users.len() - people.len() {
        0 => String::new(),
        count => format!("{count} more that cannot log in"),
    };
    joined([&people.join(", "), &others])
}

fn joined<const N: usize>(parts: [&str; N]) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// Bytes in the largest unit that leaves a whole, with one decimal, rounded down.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let fits = (0..UNITS.len()).rev().find(|unit| bytes >> (10 * (unit + 1)) > 0);
    match fits {
        None if bytes == 0 => "none".to_owned(),
        None => format!("{bytes} bytes"),
        Some(unit) => {
            let tenths = (u128::from(bytes) * 10) >> (10 * (unit + 1));
            format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
        }
    }
}

/// How long ago something was, in its two largest units. A clock may be wrong.
fn since(then: u64, now: u64) -> String {
    if then == 0 {
        return String::new();
    }
    let seconds = now.saturating_sub(then);
    let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes} min ago"),
        (0, _) => format!("{hours} h {minutes} min ago"),
        _ => format!("{days} d {hours} h ago"),
    }
}

#[cfg(test)]
mod tests {
    use engine_protocol::facts::{Address, Kernel, Partition, Platform, User};

    use super::*;

    fn user(name: &str, shell: &str) -> User {
        User { name: name.into(), shell: shell.into(), ..User::default() }
    }

    fn filesystem(device: &str, mount_point: &str, fs_type: &str, size_bytes: Option<u64>) -> Filesystem {
        let (device, mount_point, fs_type) = (device.into(), mount_point.into(), fs_type.into());
        Filesystem { device, mount_point, fs_type, size_bytes, options: vec!["ro".into()] }
    }

    fn machine() -> Facts {
        let address = |text: &str, prefix| Address { address: text.into(), prefix };
        Facts {
            hostname: "web1".into(),
            fqdn: "web1.example.org".into(),
            platform: Platform {
                name: "ubuntu".into(),
                family: "debian".into(),
                version: "24.04".into(),
                codename: "noble".into(),
            },
            kernel: Kernel { name: "Linux".into(), release: "6.8.0-1018-aws".into() },
            architecture: "x86_64".into(),
            cpu_count: 4,
            cpu_model: "AMD EPYC 7R13 Processor".into(),
            cpu_cores: 2,
            cpu_sockets: 1,
            memory_bytes: 8_201_990_144,
            virtualization: "amazon".into(),
            cloud: Some(Cloud {
                provider: "ec2".into(),
                instance_id: "i-1234567890abcdef0".into(),
                instance_type: "t3.large".into(),
                region: "eu-central-1".into(),
                availability_zone: "eu-central-1a".into(),
                image_id: "ami-0abcdef1234567890".into(),
                life_cycle: "on-demand".into(),
                local_ipv4: "10.0.0.5".into(),
                public_ipv4: "192.0.2.54".into(),
                tags: [("Name".to_owned(), "web".to_owned())].into(),
                ..Cloud::default()
            }),
            disks: vec![Disk {
                name: "nvme0n1".into(),
                size_bytes: 8 << 30,
                model: "Amazon Elastic Block Store".into(),
                serial: "vol0a1b2c3d4e5f60718".into(),
                rotational: true,
                partitions: vec![Partition { name: "nvme0n1p1".into(), size_bytes: 7 << 30 }],
                ..Disk::default()
            }],
            filesystems: vec![
                filesystem("/dev/nvme0n1p1", "/", "ext4", Some(7_000_000_000)),
                filesystem("files:/home", "/home", "nfs4", None),
            ],
            interfaces: vec![Interface {
                name: "ens5".into(),
                mac_address: "02:00:00:00:00:05".into(),
                mtu: 9001,
                state: "up".into(),
                addresses: vec![address("10.0.0.5", 20), address("fe80::5", 64)],
            }],
            ipaddress: "10.0.0.5".into(),
            default_interface: "ens5".into(),
            default_gateway: "10.0.0.1".into(),
            init_system: "systemd".into(),
            package_manager: "apt".into(),
            users: vec![user("root", "/bin/bash"), user("daemon", "/usr/sbin/nologin"), user("deploy", "")],
            timezone: "Etc/UTC".into(),
            selinux: "disabled".into(),
            boot_time: 1_000_000,
            machine_id: "ec2b1d0a6a1f4f0c9f3e1d2c3b4a5968".into(),
            ..Facts::default()
        }
    }

    #[test]
    fn a_machine_in_the_cloud() {
        let text = text(&"web-1".parse().unwrap(), &machine(), 1_000_000 + 3 * 86400 + 4 * 3600 + 59);
        insta::assert_snapshot!(anstream::adapter::strip_str(&text));
    }

    #[test]
    fn what_a_node_says_stays_on_its_line() {
        let facts = Facts { fqdn: "\u{1b}[2Jweb\n1".into(), ..Facts::default() };
        let text = text(&"web-1".parse().unwrap(), &facts, 0);
        assert!(text.contains("  host name    \\u{1b}[2Jweb\\n1\n"), "{text}");
    }

    #[test]
    fn sizes_have_units_that_people_read() {
        let texts = [0, 1, 1023, 1024, 1536, (1 << 30) - 1, 5 << 40, u64::MAX].map(size);
        assert_eq!(
            texts,
            ["none", "1 bytes", "1023 bytes", "1.0 KiB", "1.5 KiB", "1023.9 MiB", "5.0 TiB", "16383.9 PiB"]
        );
    }

    #[test]
    fn times_are_told_in_two_units() {
        let ago = |seconds: u64| since(1000, 1000 + seconds);
        assert_eq!([ago(59), ago(60 * 60), ago(90_000)], ["0 min ago", "1 h 0 min ago", "1 d 1 h ago"]);
        assert_eq!((since(1000, 10), since(0, 10)), ("0 min ago".to_owned(), String::new()));
    }
}
