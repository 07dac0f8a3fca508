//! Swap, mounts and volumes.

use serde::{Deserialize, Serialize};

/// A swap file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwapFileSpec {
    /// Absolute path.
    pub path: String,
    /// Size in MiB.
    pub size_mib: u64,
}

/// A mount.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountSpec {
    /// Absolute path.
    pub mount_point: String,
    /// Device, `UUID=…`, `LABEL=…`, or what the file system takes.
    pub device: String,
    /// Type of the file system; `auto` to find out.
    pub filesystem: String,
    /// Options; `defaults` if empty.
    pub options: Vec<String>,
    /// Fifth field of `/etc/fstab`.
    pub dump: u32,
    /// Sixth field of `/etc/fstab`.
    pub pass: u32,
}

/// A file system on a whole device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeSpec {
    /// Absolute path of the device.
    pub device: String,
    /// Absolute path of where it is mounted.
    pub mount_point: String,
    /// Type of the file system: `ext4` or `xfs`.
    pub filesystem: String,
    /// Mount options.
    pub options: Vec<String>,
    /// Label of a new file system.
    pub label: Option<String>,
}
