//! Removes what a fleet made, in whatever state it was left.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cgroup::{Cgroup, Hierarchies};
use crate::devices::Devices;
use crate::error::{Error, IoContext, Result};
use crate::machine::{group_name, machine_prefix, unmount_below};
use crate::network::Network;
use crate::state::{Claim, Record, mounts_below};

/// The subnet of the fleet in a directory, or of what is left of one: a fleet that lost its
/// memory still has its claim.
pub(crate) fn subnet_of(dir: &Path) -> Result<Option<u8>> {
    let error = match Record::load(dir) {
        Ok(record) => return Ok(Some(record.subnet)),
        Err(error) => error,
    };
    for subnet in 0..=u8::MAX {
        if Claim::of(subnet)?.is_some_and(|claim| claim.state_dir == dir) {
            return Ok(Some(subnet));
        }
    }
    match error {
        Error::NoFleet(_) => Ok(None),
        error => Err(error),
    }
}

/// Removes everything a fleet made, or what is left of it.
pub(crate) fn take_down(dir: &Path, subnet: u8) -> Result<()> {
    let group = Cgroup::new(&Hierarchies::find()?, group_name(subnet));
    group.kill()?;
    group.remove()?;
    let devices = Devices::present(subnet)?;
    // No host has a name like this.
    devices.release(&dir.join("hosts/.swap"))?;
    devices.remove()?;
    unmount_below(&dir.join("hosts"))?;
    Network::new(subnet).remove()?;
    for entry in nspawn_leftovers(subnet) {
        fs::remove_dir_all(&entry).at("remove", entry)?;
    }
    // What says that this is a fleet goes last, so that a broken `down` can be done again.
    for part in ["hosts", "packages", "ssh"] {
        let path = dir.join(part);
        if path.exists() {
            fs::remove_dir_all(&path).at("remove", path)?;
        }
    }
    let record = Record::path(dir);
    if record.exists() {
        fs::remove_file(&record).at("remove", record)?;
    }
    // Somebody may have put something of their own here.
    let _ = fs::remove_dir(dir);
    Claim::remove(subnet)
}

/// Directories nspawn makes for each machine and leaves when it is killed.
fn nspawn_leftovers(subnet: u8) -> Vec<PathBuf> {
    let prefix = format!("{}-", machine_prefix(subnet));
    ["propagate", "unix-export"]
        .iter()
        .filter_map(|kind| fs::read_dir(Path::new("/run/systemd/nspawn").join(kind)).ok())
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .map(|entry| entry.path())
        .collect()
}

/// What is there of the fleet of a subnet, one line each: empty after a `down`.
pub fn leftovers(state_dir: impl AsRef<Path>, subnet: u8) -> Result<Vec<String>> {
    let mut found = Network::new(subnet).present()?;
    if Cgroup::new(&Hierarchies::find()?, group_name(subnet)).exists() {
        found.push(format!("control group {}", group_name(subnet).display()));
    }
    found.extend(Devices::present(subnet)?.paths().map(|path| format!("device {}", path.display())));
    let paths = mounts_below(state_dir.as_ref())?
        .into_iter()
        .map(|path| format!("mount {}", path.display()))
        .chain(nspawn_leftovers(subnet).into_iter().map(|path| format!("directory {}", path.display())));
    found.extend(paths);
    if Claim::of(subnet)?.is_some() {
        found.push(format!("claim on subnet {subnet}"));
    }
    Ok(found)
}
