//! A node that recipes are tested with, where a test says nothing else.

use engine_protocol::Facts;
use serde_json::{Value, json};

use crate::node::{AppView, InstanceView, Node, StackView};

/// A Debian 12 machine named `node-1`, being set up, alone in a stack named `test`.
pub fn node() -> Node {
    Node {
        facts: debian(),
        attributes: json!({}),
        stack: StackView {
            name: "test".into(),
            event: "setup".into(),
            this_instance: instance("node-1", "192.0.2.1", &[]),
            ..StackView::default()
        },
    }
}

/// Facts of a Debian 12 machine named `node-1`.
#[allow(clippy::missing_panics_doc)] // It does not.
pub fn debian() -> Facts {
    serde_json::from_value(json!({
        "hostname": "node-1",
        "fqdn": "node-1.example.org",
        "domain": "example.org",
        "platform": {"name": "debian", "family": "debian", "version": "12", "codename": "bookworm"},
        "kernel": {"name": "Linux", "release": "6.1.0-18-amd64"},
        "architecture": "x86_64",
        "cpu_count": 2,
        "cpu_model": "AMD EPYC",
        "cpu_cores": 2,
        "cpu_sockets": 1,
        "memory_bytes": 4_294_967_296_u64,
        "virtualization": "kvm",
        "disks": [
            {
                "name": "vda",
                "size_bytes": 21_474_836_480_u64,
                "partitions": [{"name": "vda1", "size_bytes": 21_473_787_904_u64}],
            },
        ],
        "filesystems": [
            {
                "device": "/dev/vda1",
                "mount_point": "/",
                "fs_type": "ext4",
                "size_bytes": 21_003_583_488_u64,
                "options": ["rw", "relatime", "errors=remount-ro"],
            },
        ],
        "interfaces": [
            {
                "name": "lo",
                "mtu": 65536,
                "state": "unknown",
                "addresses": [{"address": "127.0.0.1", "prefix": 8}, {"address": "::1", "prefix": 128}],
            },
            {
                "name": "eth0",
                "mac_address": "02:00:00:00:00:01",
                "mtu": 1500,
                "state": "up",
                "addresses": [{"address": "192.0.2.1", "prefix": 24}],
            },
        ],
        "ipaddress": "192.0.2.1",
        "default_interface": "eth0",
        "default_gateway": "192.0.2.254",
        "init_system": "systemd",
        "package_manager": "apt",
        "users": [
            {"name": "root", "uid": 0, "gid": 0, "home": "/root", "shell": "/bin/bash"},
            {"name": "www-data", "uid": 33, "gid": 33, "home": "/var/www", "shell": "/usr/sbin/nologin"},
        ],
        "groups": [
            {"name": "root", "gid": 0},
            {"name": "adm", "gid": 4, "members": ["www-data"]},
            {"name": "www-data", "gid": 33},
        ],
        "timezone": "Etc/UTC",
        "locale": "C.UTF-8",
        "selinux": "disabled",
        "boot_time": 1_700_000_000,
        "boot_id": "00000000-0000-4000-8000-000000000001",
        "machine_id": "00000000000000000000000000000001",
    }))
    .expect("these are facts")
}

/// An instance for a [`StackView`]; its host name is its name.
pub fn instance(name: &str, address: &str, layers: &[&str]) -> InstanceView {
    InstanceView {
        name: name.to_owned(),
        hostname: name.to_owned(),
        address: address.to_owned(),
        layers: layers.iter().map(ToString::to_string).collect(),
    }
}

/// An app for a [`StackView`].
pub fn app(name: &str, layers: &[&str], attributes: Value) -> AppView {
    AppView { name: name.to_owned(), layers: layers.iter().map(ToString::to_string).collect(), attributes }
}
