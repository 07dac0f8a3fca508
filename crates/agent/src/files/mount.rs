//! Which mount something is on: a bind mount of the same file system is another mount with the same device.

use std::os::fd::AsFd;

use rustix::{
    fs::{AtFlags, StatxFlags, fstat, statat, statx},
    io::Errno,
    path::Arg,
};

/// The mount that a directory is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mount {
    /// Unknown to Linux before 5.8.
    id: Option<u64>,
    device: u64,
}

impl Mount {
    /// The mount of an open directory.
    pub fn of(directory: impl AsFd) -> Result<Self, Errno> {
        let device = fstat(&directory)?.st_dev;
        Ok(Self { id: id(&directory, c"", AtFlags::EMPTY_PATH)?, device })
    }

    /// Whether an open directory is on this mount and its file system. A subvolume is a file system of its own.
    pub fn holds(self, directory: impl AsFd) -> Result<bool, Errno> {
        Ok(Self::of(directory)? == self)
    }

    /// Whether something in a directory, which is no directory itself, is on this mount.
    pub fn holds_entry(self, directory: impl AsFd, name: impl Arg + Copy) -> Result<bool, Errno> {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        match (self.id, id(&directory, name, flags)?) {
            // Devices say less: overlayfs shows files with that of the layer they come from.
            (Some(own), Some(other)) => Ok(own == other),
            _ => Ok(statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?.st_dev == self.device),
        }
    }
}

fn id(directory: impl AsFd, name: impl Arg, flags: AtFlags) -> Result<Option<u64>, Errno> {
    match statx(directory, name, flags, StatxFlags::MNT_ID) {
        Ok(found) => Ok((found.stx_mask & StatxFlags::MNT_ID.bits() != 0).then_some(found.stx_mnt_id)),
        Err(Errno::NOSYS) => Ok(None),
        Err(errno) => Err(errno),
    }
}
