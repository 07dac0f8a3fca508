//! How large a file system is, from its superblock: what grows with a device is known without a program.

/// How much of the beginning of a device is needed.
pub const BYTES: usize = 4096;

/// A file system that can grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filesystem {
    /// ext4, of this many bytes.
    Ext4(u64),
    /// xfs.
    Xfs {
        /// Size in bytes, of which the log is a part.
        bytes: u64,
        /// Size of the log in bytes; 0 if it is on another device.
        log: u64,
    },
}

impl Filesystem {
    /// Type of the file system, as mount(8) calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Filesystem::Ext4(_) => "ext4",
            Filesystem::Xfs { .. } => "xfs",
        }
    }

    /// Size in bytes.
    pub const fn bytes(self) -> u64 {
        match self {
            Filesystem::Ext4(bytes) | Filesystem::Xfs { bytes, .. } => bytes,
        }
    }

    /// The same while it is mounted, with what statvfs(3) says of its size. A mounted xfs writes its superblock late, and
    /// counts all blocks but those of the log.
    #[must_use]
    pub const fn mounted(self, statvfs_bytes: u64) -> Self {
        match self {
            Filesystem::Xfs { log, .. } => Filesystem::Xfs { bytes: statvfs_bytes + log, log },
            Filesystem::Ext4(_) => self,
        }
    }

    /// Whether a device of this size has room for more. A remainder smaller than this cannot be used by either: ext4
    /// grows by block groups, of which the last may be short of 128 MiB only by its own tables.
    pub fn can_grow(self, device_bytes: u64) -> bool {
        const REMAINDER: u64 = 16 * 1024 * 1024;
        device_bytes.saturating_sub(self.bytes()) >= REMAINDER
    }
}

/// Reads the superblock at the beginning of a device (the kernel's `ext4_super_block` and `xfs_dsb`).
pub fn read(bytes: &[u8]) -> Option<Filesystem> {
    ext4(bytes).or_else(|| xfs(bytes))
}

fn ext4(bytes: &[u8]) -> Option<Filesystem> {
    let block = bytes.get(1024..2048)?;
    let u32_at = |at: usize| Some(u32::from_le_bytes(block.get(at..at + 4)?.try_into().ok()?));
    if block.get(56..58)? != [0x53, 0xef] {
        return None;
    }
    let is_64bit = u32_at(96)? & 0x80 != 0;
    let high = if is_64bit { u32_at(336)? } else { 0 };
    let blocks = u64::from(high) << 32 | u64::from(u32_at(4)?);
    let block_bytes = 1024_u64.checked_shl(u32_at(24)?)?;
    blocks.checked_mul(block_bytes).map(Filesystem::Ext4)
}

fn xfs(bytes: &[u8]) -> Option<Filesystem> {
    if bytes.get(..4)? != b"XFSB" {
        return None;
    }
    let u32_at = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let u64_at = |at: usize| Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let block_bytes = u64::from(u32_at(4)?);
    let log_blocks = if u64_at(48)? == 0 { 0 } else { u32_at(96)? };
    Some(Filesystem::Xfs {
        bytes: u64_at(8)?.checked_mul(block_bytes)?,
        log: u64::from(log_blocks).checked_mul(block_bytes)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_mkfs() {
        let image = tempfile::NamedTempFile::new().unwrap();
        image.as_file().set_len(64 * 1024 * 1024).unwrap();
        let mkfs = std::process::Command::new("/usr/sbin/mkfs.ext4")
            .arg("-q")
            .arg(image.path())
            .arg("40000k")
            .status();
        assert!(mkfs.unwrap().success(), "e2fsprogs makes the image");
        let bytes = std::fs::read(image.path()).unwrap();
        assert_eq!(read(&bytes[..BYTES]), Some(Filesystem::Ext4(40_000 * 1024)));
        assert!(Filesystem::Ext4(40_000 * 1024).can_grow(64 * 1024 * 1024));
        assert!(!Filesystem::Ext4(64 * 1024 * 1024 - 4096).can_grow(64 * 1024 * 1024));
    }

    #[test]
    fn an_xfs_superblock() {
        let mut bytes = vec![0; BYTES];
        bytes[..4].copy_from_slice(b"XFSB");
        bytes[4..8].copy_from_slice(&4096_u32.to_be_bytes());
        bytes[8..16].copy_from_slice(&81_920_u64.to_be_bytes());
        assert_eq!(read(&bytes), Some(Filesystem::Xfs { bytes: 320 << 20, log: 0 }));
        bytes[48..56].copy_from_slice(&40_966_u64.to_be_bytes());
        bytes[96..100].copy_from_slice(&16_384_u32.to_be_bytes());
        let found = read(&bytes).unwrap();
        assert_eq!(found, Filesystem::Xfs { bytes: 320 << 20, log: 64 << 20 });
        // xfsprogs 6.1, grown to 512 MiB: the superblock on the device was that of 320 MiB for a while.
        assert_eq!(found.mounted(114_688 * 4096).bytes(), 512 << 20);
    }

    #[test]
    fn nothing_and_anything_are_no_file_system() {
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[0; BYTES]), None);
        assert_eq!(read(&[0xff; BYTES]), None);
    }
}
