//! What facts consist of.

use std::collections::BTreeMap;

use serde::Serialize;

/// What a cloud says of its machine. What it did not say is empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Cloud {
    /// `ec2`.
    pub provider: String,
    /// `i-1234567890abcdef0`
    pub instance_id: String,
    /// `t3.micro`
    pub instance_type: String,
    /// `eu-central-1`
    pub region: String,
    /// `eu-central-1a`
    pub availability_zone: String,
    /// What the machine was made from: `ami-0abcdef1234567890`.
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Disk {
    /// Name below `/dev`: `nvme0n1`.
    pub name: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// What it calls itself: `Amazon Elastic Block Store`.
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Partition {
    /// Name below `/dev`: `nvme0n1p1`.
    pub name: String,
    /// Size in bytes.
    pub size_bytes: u64,
}

/// Something that is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Filesystem {
    /// Device or source: `/dev/nvme0n1p1`.
    pub device: String,
    /// Where it is mounted.
    pub mount_point: String,
    /// `ext4`, `xfs`, `nfs4`, …
    pub fs_type: String,
    /// Size in bytes; `None` of network file systems and of those whose size moves with use.
    pub size_bytes: Option<u64>,
    /// Mount options: `rw`, `noatime`, …
    pub options: Vec<String>,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Interface {
    /// `eth0`
    pub name: String,
    /// Hardware address in lower case with colons.
    pub mac_address: String,
    /// Largest packet in bytes.
    pub mtu: u32,
    /// `up`, `down`, `unknown`, …
    pub state: String,
    /// Its addresses, IPv4 before IPv6.
    pub addresses: Vec<Address>,
}

/// An address of an interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Address {
    /// In text form: `192.0.2.7`.
    pub address: String,
    /// Length of the network's prefix in bits: 24.
    pub prefix: u8,
}

/// An account of the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Group {
    /// Name.
    pub name: String,
    /// Numeric id.
    pub gid: u32,
    /// Members, those whose primary group it is not included.
    pub members: Vec<String>,
}
