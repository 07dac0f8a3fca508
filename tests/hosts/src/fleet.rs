//! A number of hosts on one network, from up to down.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::base::{build, package_store};
use crate::cgroup::{Cgroup, Hierarchies};
use crate::command::{check_programs, check_root};
use crate::error::{Error, IoContext, Result};
use crate::guest::Guest;
use crate::machine::{BOOT, Host, group_name};
use crate::network::Network;
use crate::packages::{Cache, Upstream};
use crate::ssh::SshFiles;
use crate::state::{Claim, HostRecord, Owner, Record, lock_claims};
use crate::teardown::{subnet_of, take_down};

/// Where fleets live that are given no directory.
const STATE: &str = "/var/tmp/engine-test-hosts";

/// What a fleet shall be.
#[derive(Debug, Clone)]
pub struct Options {
    /// The name of the fleet.
    pub name: String,
    /// How many hosts there shall be.
    pub count: usize,
    /// The names of the first hosts; the others are called `app-1`, `app-2` and so on.
    pub names: Vec<String>,
    /// The kinds of the hosts, by name; of the others, [`Guest::Systemd`].
    pub guests: BTreeMap<String, Guest>,
    /// The names of the hosts that have loop devices of their own and may swap. Each sees four,
    /// `/dev/probe0` to `/dev/probe3`, with nothing attached, which no other host has. What it
    /// attaches stays when it reboots or loses its power.
    pub devices: BTreeSet<String>,
    /// Where the fleet lives; [`default_dir`] if none is given.
    pub state_dir: Option<PathBuf>,
    /// What the machine ids are made of.
    pub seed: u64,
    /// The third byte of the addresses; the first free one from 0 if none is given.
    pub subnet: Option<u8>,
    /// Whether the fleet goes down when it is dropped, and may be taken down by any later `up`
    /// when this process is dead. Otherwise it stays until `down`.
    pub tied: bool,
}

impl Options {
    /// A fleet of so many hosts that stays until it is taken down.
    pub fn new(name: impl Into<String>, count: usize) -> Self {
        Self {
            name: name.into(),
            count,
            names: Vec::new(),
            guests: BTreeMap::new(),
            devices: BTreeSet::new(),
            state_dir: None,
            seed: 0,
            subnet: None,
            tied: false,
        }
    }

    fn host_names(&self) -> Result<Vec<String>> {
        if self.count == 0 || self.count > 200 || self.names.len() > self.count {
            return Err(Error::BadCount(self.count.max(self.names.len())));
        }
        let mut seen = BTreeSet::new();
        for name in &self.names {
            check_name(name)?;
            if !seen.insert(name.clone()) {
                return Err(Error::DuplicateName(name.clone()));
            }
        }
        let mut names = self.names.clone();
        let mut numbered = (1..).map(|number| format!("app-{number}"));
        while names.len() < self.count {
            names.extend(numbered.by_ref().find(|name| !seen.contains(name)));
        }
        match self.guests.keys().chain(&self.devices).find(|name| !names.contains(name)) {
            Some(name) => Err(Error::UnknownHost { name: name.clone(), known: names }),
            None => Ok(names),
        }
    }

    fn guest(&self, name: &str) -> Guest {
        self.guests.get(name).copied().unwrap_or_default()
    }
}

fn check_name(name: &str) -> Result<()> {
    let good = name.len() <= 40
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        // Names of control groups beside the hosts.
        && name != "packages";
    if good { Ok(()) } else { Err(Error::BadName(name.to_owned())) }
}

/// Where the fleet of this name lives by default.
pub fn default_dir(name: &str) -> PathBuf {
    Path::new(STATE).join(name)
}

/// Hosts that run on this machine.
#[derive(Debug)]
pub struct Fleet {
    dir: PathBuf,
    record: Record,
    hosts: Vec<Host>,
    tied: bool,
}

impl Fleet {
    /// Boots a fleet and waits until every host answers. An earlier fleet in the same directory
    /// is taken down first, whatever state it was left in.
    pub fn up(options: &Options) -> Result<Self> {
        check_root()?;
        check_programs()?;
        check_name(&options.name)?;
        let names = options.host_names()?;
        let upstream = Upstream::of_this_machine()?;
        let guests: BTreeSet<Guest> = names.iter().map(|name| options.guest(name)).collect();
        let mut bases = BTreeMap::new();
        for guest in guests {
            bases.insert(guest, build(guest, &upstream)?);
        }
        let dir = options.state_dir.clone().unwrap_or_else(|| default_dir(&options.name));
        let dir = prepare_dir(&dir)?;

        let record = {
            let _lock = lock_claims()?;
            // A refusal must come before anything is taken down.
            let subnet = choose_subnet(options.subnet, &dir)?;
            if let Some(old) = subnet_of(&dir)? {
                take_down(&dir, old)?;
            }
            // Whatever lies there without a living owner is in the way.
            take_down(&dir, subnet)?;
            fs::create_dir_all(&dir).at("create", &dir)?;
            let network = Network::new(subnet);
            let hosts = (0u8..)
                .zip(names)
                .map(|(index, name)| {
                    let guest = options.guest(&name);
                    let address = network.port(index).address;
                    let devices = options.devices.contains(&name);
                    HostRecord { name, index, address, guest, devices, base: bases[&guest].clone() }
                })
                .collect();
            let owner = options.tied.then(Owner::this_process).flatten();
            let record = Record {
                name: options.name.clone(),
                subnet,
                seed: options.seed,
                hosts,
                owner: owner.clone(),
            };
            record.save(&dir)?;
            let claim = Claim { state_dir: dir.clone(), owner };
            claim.save(subnet)?;
            record
        };

        let fleet = Self::from_record(dir, record, options.tied)?;
        match fleet.boot(&upstream) {
            Ok(()) => Ok(fleet),
            Err(error) => {
                // The first error is the one to tell.
                let _ = fleet.down();
                Err(error)
            }
        }
    }

    fn boot(&self, upstream: &Upstream) -> Result<()> {
        raise_inotify_limit()?;
        let network = Network::new(self.record.subnet);
        network.create()?;
        let hierarchies = Hierarchies::find()?;
        let cache = Cache::new(
            self.dir.join("packages"),
            package_store(self.record.subnet),
            network.gateway(),
            Cgroup::new(&hierarchies, group_name(self.record.subnet).join("packages")),
        );
        cache.start(upstream)?;
        let names: Vec<_> = self.hosts.iter().map(|host| (host.name().to_owned(), host.address())).collect();
        self.ssh_files().create(&names)?;
        for host in &self.hosts {
            host.create_disk()?;
            host.launch()?;
        }
        let count = u32::try_from(self.hosts.len()).unwrap_or(u32::MAX);
        let patience = BOOT + count * std::time::Duration::from_secs(2);
        self.hosts.iter().try_for_each(|host| host.wait_ready(patience))
    }

    /// Opens the fleet that lives in a directory.
    pub fn open(state_dir: impl AsRef<Path>) -> Result<Self> {
        let dir = state_dir.as_ref();
        check_root()?;
        let record = Record::load(dir)?;
        let dir = fs::canonicalize(dir).at("resolve", dir)?;
        Self::from_record(dir, record, false)
    }

    fn from_record(dir: PathBuf, record: Record, tied: bool) -> Result<Self> {
        let hierarchies = Hierarchies::find()?;
        let hosts = record.hosts.iter().map(|host| Host::new(&dir, &record, host, &hierarchies)).collect();
        Ok(Self { dir, record, hosts, tied })
    }

    /// The name of the fleet.
    pub fn name(&self) -> &str {
        &self.record.name
    }

    /// Where it lives.
    pub fn state_dir(&self) -> &Path {
        &self.dir
    }

    /// The third byte of its addresses.
    pub fn subnet(&self) -> u8 {
        self.record.subnet
    }

    /// Its hosts, in the order they were named.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// The host of this name.
    pub fn host(&self, name: &str) -> Result<&Host> {
        self.hosts.iter().find(|host| host.name() == name).ok_or_else(|| Error::UnknownHost {
            name: name.to_owned(),
            known: self.hosts.iter().map(|h| h.name().to_owned()).collect(),
        })
    }

    fn ssh_files(&self) -> SshFiles {
        SshFiles::new(self.dir.join("ssh"))
    }

    /// A client configuration for `ssh -F` that knows every host by name.
    pub fn ssh_config(&self) -> PathBuf {
        self.ssh_files().config()
    }

    /// The private key every account of every host accepts.
    pub fn identity(&self) -> PathBuf {
        self.ssh_files().identity()
    }

    /// The keys of every host.
    pub fn known_hosts(&self) -> PathBuf {
        self.ssh_files().known_hosts()
    }

    /// Takes the fleet down and removes everything that was made for it.
    pub fn down(mut self) -> Result<()> {
        self.tied = false;
        let _lock = lock_claims()?;
        take_down(&self.dir, self.record.subnet)
    }

    /// Takes down whatever fleet lives in a directory; fine if there is none.
    pub fn down_at(state_dir: impl AsRef<Path>) -> Result<()> {
        check_root()?;
        let dir = state_dir.as_ref();
        let _lock = lock_claims()?;
        let dir = match fs::canonicalize(dir) {
            Ok(dir) => dir,
            // Its path is all there is left to know it by.
            Err(_) => std::path::absolute(dir).at("resolve", dir)?,
        };
        match subnet_of(&dir)? {
            Some(subnet) => take_down(&dir, subnet),
            None => Ok(()),
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        if self.tied {
            // Nobody is there to hear of a failure; the next `up` cleans up what is left.
            let _ = lock_claims().and_then(|_lock| take_down(&self.dir, self.record.subnet));
        }
    }
}

/// The state directory as an absolute path without links: mounts are found by it.
fn prepare_dir(dir: &Path) -> Result<PathBuf> {
    fs::create_dir_all(dir).at("create", dir)?;
    let dir = fs::canonicalize(dir).at("resolve", dir)?;
    let empty = fs::read_dir(&dir).at("read", &dir)?.next().is_none();
    if empty || subnet_of(&dir)?.is_some() { Ok(dir) } else { Err(Error::ForeignDirectory(dir)) }
}

/// Finds a subnet nobody living has, and takes down the dead fleet that has it.
fn choose_subnet(wanted: Option<u8>, dir: &Path) -> Result<u8> {
    let candidates = wanted.map_or(0..=u8::MAX, |subnet| subnet..=subnet);
    for subnet in candidates {
        let Some(claim) = Claim::of(subnet)? else {
            return Ok(subnet);
        };
        if claim.state_dir == dir || !claim.is_alive() {
            take_down(&claim.state_dir, subnet)?;
            return Ok(subnet);
        }
        if wanted.is_some() {
            return Err(Error::SubnetTaken { subnet, owner: claim.state_dir });
        }
    }
    Err(Error::NoFreeSubnet)
}

/// Every systemd needs a dozen; the kernel's default is spent by ten of them.
fn raise_inotify_limit() -> Result<()> {
    const WANTED: u32 = 8192;
    let path = "/proc/sys/fs/inotify/max_user_instances";
    let now = fs::read_to_string(path).at("read", path)?;
    if now.trim().parse::<u32>().is_ok_and(|now| now >= WANTED) {
        return Ok(());
    }
    fs::write(path, WANTED.to_string()).at("write", path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize, names: &[&str]) -> Result<Vec<String>> {
        let mut options = Options::new("t", count);
        options.names = names.iter().map(|n| (*n).to_owned()).collect();
        options.host_names()
    }

    #[test]
    fn unnamed_hosts_are_numbered_around_the_named_ones() {
        assert_eq!(names(2, &[]).unwrap(), ["app-1", "app-2"]);
        assert_eq!(names(4, &["lb-1", "app-2"]).unwrap(), ["lb-1", "app-2", "app-1", "app-3"]);
    }

    #[test]
    fn bad_fleets_are_refused() {
        assert!(matches!(names(0, &[]), Err(Error::BadCount(0))));
        assert!(matches!(names(1, &["a", "b"]), Err(Error::BadCount(2))));
        assert!(matches!(names(2, &["a", "a"]), Err(Error::DuplicateName(_))));
        let mut options = Options::new("t", 1);
        options.guests.insert("db-1".into(), Guest::Sysvinit);
        assert!(matches!(options.host_names(), Err(Error::UnknownHost { .. })));
        for name in ["", "-a", "a-", "A", "a/b", "1a", "packages"] {
            assert!(matches!(names(1, &[name]), Err(Error::BadName(_))), "{name}");
        }
    }
}
