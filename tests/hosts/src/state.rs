//! What a fleet remembers on disk, and who may use which subnet.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, IoContext, Result};
use crate::guest::Guest;

/// Claims on subnets: gone after a restart of the machine, as the fleets are.
const CLAIMS: &str = "/run/engine-test-hosts";

/// The memory of one fleet, `fleet.json` in its state directory.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) name: String,
    pub(crate) subnet: u8,
    pub(crate) seed: u64,
    pub(crate) hosts: Vec<HostRecord>,
    pub(crate) owner: Option<Owner>,
}

/// One host of a fleet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HostRecord {
    pub(crate) name: String,
    pub(crate) index: u8,
    pub(crate) address: Ipv4Addr,
    pub(crate) guest: Guest,
    pub(crate) devices: bool,
    pub(crate) base: PathBuf,
}

impl Record {
    pub(crate) fn path(dir: &Path) -> PathBuf {
        dir.join("fleet.json")
    }

    pub(crate) fn load(dir: &Path) -> Result<Self> {
        load(&Self::path(dir))?.ok_or_else(|| Error::NoFleet(dir.to_path_buf()))
    }

    pub(crate) fn save(&self, dir: &Path) -> Result<()> {
        save(&Self::path(dir), self)
    }
}

/// A process a fleet lives and dies with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owner {
    pid: u32,
    /// When it started, in ticks since the boot: ids come back, this pair does not.
    started: u64,
}

impl Owner {
    /// This process.
    pub(crate) fn this_process() -> Option<Self> {
        let pid = std::process::id();
        Some(Self { pid, started: start_of(pid)? })
    }

    fn is_alive(&self) -> bool {
        start_of(self.pid) == Some(self.started)
    }
}

fn start_of(pid: u32) -> Option<u64> {
    parse_start(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parse_start(stat: &str) -> Option<u64> {
    // The name in parentheses may hold anything, so count from behind it.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19)?.parse().ok()
}

/// Who has a subnet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Claim {
    pub(crate) state_dir: PathBuf,
    pub(crate) owner: Option<Owner>,
}

impl Claim {
    fn path(subnet: u8) -> PathBuf {
        Path::new(CLAIMS).join(format!("subnet-{subnet}.json"))
    }

    /// The claim on a subnet, if there is one.
    pub(crate) fn of(subnet: u8) -> Result<Option<Self>> {
        load(&Self::path(subnet))
    }

    pub(crate) fn save(&self, subnet: u8) -> Result<()> {
        save(&Self::path(subnet), self)
    }

    pub(crate) fn remove(subnet: u8) -> Result<()> {
        let path = Self::path(subnet);
        match fs::remove_file(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
            other => other.at("remove", path),
        }
    }

    /// Whether somebody still uses the fleet behind this claim.
    pub(crate) fn is_alive(&self) -> bool {
        Record::path(&self.state_dir).exists() && self.owner.as_ref().is_none_or(Owner::is_alive)
    }
}

/// The base roots that carry a fleet.
pub(crate) fn bases_in_use() -> Result<Vec<PathBuf>> {
    let mut bases = Vec::new();
    for subnet in 0..=u8::MAX {
        if let Some(claim) = Claim::of(subnet)? {
            let hosts = Record::load(&claim.state_dir).map_or(Vec::new(), |record| record.hosts);
            bases.extend(hosts.into_iter().map(|host| host.base));
        }
    }
    Ok(bases)
}

/// Holds off every other `up` and `down` on this machine until it is dropped.
pub(crate) fn lock_claims() -> Result<File> {
    fs::create_dir_all(CLAIMS).at("create", CLAIMS)?;
    lock(&Path::new(CLAIMS).join("lock"))
}

/// Waits for a lock file to be ours; dropping it, or dying, gives it back.
pub(crate) fn lock(path: &Path) -> Result<File> {
    let file = File::options().create(true).append(true).open(path).at("open", path)?;
    file.lock().at("lock", path)?;
    Ok(file)
}

fn load<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let text = match fs::read(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.at("read", path)?,
    };
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|source| Error::State { path: path.to_path_buf(), source })
}

fn save<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let text = serde_json::to_vec_pretty(value)
        .map_err(|source| Error::State { path: path.to_path_buf(), source })?;
    let temporary = path.with_extension("new");
    fs::write(&temporary, text).at("write", &temporary)?;
    fs::rename(&temporary, path).at("rename", &temporary)
}

/// A hash that is the same in every build (FNV-1a).
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The mount points at or below a directory, innermost first.
pub(crate) fn mounts_below(dir: &Path) -> Result<Vec<PathBuf>> {
    let path = "/proc/self/mountinfo";
    let text = fs::read_to_string(path).at("read", path)?;
    Ok(parse_mounts(&text, dir))
}

fn parse_mounts(mountinfo: &str, dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = mountinfo
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|target| PathBuf::from(target.replace(r"\040", " ")))
        .filter(|target| target.starts_with(dir))
        .collect();
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_mounts_innermost_first() {
        let text = "\
1 0 0:1 / / rw - ext4 /dev/a rw
2 1 0:2 / /var/x\\040y/root rw - overlay overlay rw
3 2 0:3 / /var/x\\040y/root/proc rw - proc proc rw
4 1 0:4 / /var/x\\040yz rw - tmpfs tmpfs rw
";
        assert_eq!(
            parse_mounts(text, Path::new("/var/x y")),
            [Path::new("/var/x y/root/proc"), Path::new("/var/x y/root")]
        );
    }

    #[test]
    fn an_owner_is_alive_while_it_is_the_same_process() {
        let mut owner = Owner::this_process().unwrap();
        assert!(owner.is_alive());
        owner.started += 1;
        assert!(!owner.is_alive());
        assert_eq!(parse_start("1 (a) b) S 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 99 0"), Some(99));
    }

    #[test]
    fn the_hash_is_stable() {
        assert_eq!(hash(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash("a"), 0xaf63_dc4c_8601_ec8c);
    }
}
