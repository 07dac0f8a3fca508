//! Facts of whole machines, made of their files.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
};

use engine_agent::facts::{Sources, collect, root::Root};
use engine_protocol::facts::{Cloud, Facts};

const MEMINFO: &str =
    "MemTotal:        8009756 kB\nMemFree:         7111764 kB\nSwapTotal:       2097148 kB\n";

/// An instance of EC2 with Rocky Linux, as its files have it.
fn instance(directory: &Path) -> Root {
    let root = Root::at(directory);
    for (path, text) in [
        ("etc/os-release", include_str!("../fixtures/os-release/rocky-9")),
        ("etc/locale.conf", "LANG=\"en_US.UTF-8\"\n"),
        ("etc/machine-id", "ec2b1d0a6a1f4f0c9f3e1d2c3b4a5968\n"),
        (
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/bash\nrocky:x:1000:1000:Cloud User:/home/rocky:/bin/bash\n",
        ),
        ("etc/group", "root:x:0:\nwheel:x:10:rocky\nrocky:x:1000:\n"),
        ("usr/bin/dnf", ""),
        ("run/systemd/system/x", ""),
        ("proc/meminfo", MEMINFO),
        ("proc/stat", "cpu  1 2 3 4\nbtime 1763870429\n"),
        ("proc/sys/kernel/random/boot_id", "b538d961-376a-4489-a584-d7b8f8e7e134\n"),
        ("proc/self/mountinfo", "1 0 259:4 / / rw,relatime shared:1 - xfs /dev/nvme0n1p4 rw,attr2,inode64\n"),
        ("sys/devices/system/cpu/online", "0-1\n"),
        ("sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0-1\n"),
        ("sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "0-1\n"),
        ("sys/devices/system/cpu/cpu0/topology/physical_package_id", "0\n"),
        ("sys/devices/system/cpu/cpu1/topology/physical_package_id", "0\n"),
        ("sys/block/nvme0n1/size", "20971520\n"),
        ("sys/block/nvme0n1/device/serial", "vol0123456789abcdef0\n"),
        ("sys/class/dmi/id/sys_vendor", "Amazon EC2\n"),
        ("sys/class/dmi/id/product_name", "t3.large\n"),
        ("sys/class/dmi/id/board_asset_tag", "i-0123456789abcdef0\n"),
        ("sys/fs/selinux/enforce", "1"),
    ] {
        let path = root.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    std::os::unix::fs::symlink("../usr/share/zoneinfo/Europe/Berlin", root.path("etc/localtime")).unwrap();
    root
}

/// Where nobody listens.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn an_instance_without_metadata_is_what_its_files_say() {
    let directory = tempfile::tempdir().unwrap();
    let mut sources = Sources { root: instance(directory.path()), ..Sources::default() };
    sources.cloud.address = nobody();
    let facts = sources.collect();
    assert_eq!((facts.platform.name.as_str(), facts.platform.family.as_str()), ("rocky", "rhel"));
    assert_eq!((facts.init_system.as_str(), facts.package_manager.as_str()), ("systemd", "dnf"));
    assert_eq!((facts.cpu_count, facts.cpu_cores, facts.cpu_sockets), (2, 1, 1));
    assert_eq!((facts.memory_bytes, facts.swap_bytes), (8_009_756 << 10, 2_097_148 << 10));
    assert_eq!((facts.timezone.as_str(), facts.locale.as_str()), ("Europe/Berlin", "en_US.UTF-8"));
    assert_eq!((facts.selinux.as_str(), facts.virtualization.as_str()), ("enforcing", "amazon"));
    assert_eq!((facts.boot_time, facts.boot_id.len(), facts.machine_id.len()), (1_763_870_429, 36, 32));
    assert_eq!((facts.disks.len(), facts.disks[0].size_bytes), (1, 10 << 30));
    assert_eq!((facts.filesystems[0].device.as_str(), facts.filesystems.len()), ("/dev/nvme0n1p4", 1));
    assert_eq!((facts.users[1].home.as_str(), facts.groups[1].members[0].as_str()), ("/home/rocky", "rocky"));
    let expected = Cloud {
        provider: "ec2".into(),
        instance_id: "i-0123456789abcdef0".into(),
        instance_type: "t3.large".into(),
        ..Cloud::default()
    };
    assert_eq!(facts.cloud, Some(expected));
}

#[test]
fn what_was_found_is_found_again() {
    // Others may mount things and make interfaces on this machine meanwhile.
    let steady = |facts: Facts| Facts { filesystems: Vec::new(), interfaces: Vec::new(), ..facts };
    assert_eq!(steady(collect()), steady(collect()));
}
