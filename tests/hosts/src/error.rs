//! What can go wrong with real hosts.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Namespaces, mounts and bridges need root.
    #[error("real hosts need root: run this as root")]
    NotRoot,
    /// Programs the harness calls are not installed.
    #[error("missing programs: {}\ninstall them with: apt-get install {}", programs.join(", "), packages.join(" "))]
    MissingPackages {
        /// The programs that were not found.
        programs: Vec<String>,
        /// The Debian packages that bring them.
        packages: Vec<String>,
    },
    /// The machine's own apt sources name no archive of its distribution.
    #[error(
        "the apt sources of this machine name no archive for its release {release}: \
         add one to /etc/apt/sources.list"
    )]
    NoSources {
        /// The release code name of this machine.
        release: String,
    },
    /// The kernel offers no unified cgroup hierarchy.
    #[error("no cgroup2 hierarchy is mounted: mount one at /sys/fs/cgroup/unified")]
    NoCgroup2,
    /// A command could not be started at all.
    #[error("cannot run `{argv}`: {source}")]
    Spawn {
        /// The command line.
        argv: String,
        /// Why it did not start.
        source: io::Error,
    },
    /// A command failed.
    #[error("`{argv}` failed ({status}): {stderr}")]
    Command {
        /// The command line.
        argv: String,
        /// How it ended.
        status: String,
        /// What it said on standard error.
        stderr: String,
    },
    /// A file operation failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A state file is not what this version writes.
    #[error("cannot understand {}: {source}", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// There is no fleet in this directory.
    #[error("no fleet in {}: run `test-hosts up` first", .0.display())]
    NoFleet(PathBuf),
    /// The directory holds something else than a fleet.
    #[error("{} is not empty and holds no fleet: choose another directory", .0.display())]
    ForeignDirectory(PathBuf),
    /// The fleet has no such host.
    #[error("no host {name} in this fleet: it has {}", known.join(", "))]
    UnknownHost {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// There is no kind of guest of this name.
    #[error("no kind of guest `{name}`: there are {}", known.join(", "))]
    UnknownGuest {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<&'static str>,
    },
    /// A fleet or host name cannot be used.
    #[error("bad name {0:?}: use 1 to 40 of a-z, 0-9 and -, beginning with a letter")]
    BadName(String),
    /// Two hosts have one name.
    #[error("two hosts are named {0}")]
    DuplicateName(String),
    /// A number of hosts that does not fit the subnet.
    #[error("cannot make {0} hosts: a fleet has 1 to 200")]
    BadCount(usize),
    /// Every subnet is taken by a living fleet.
    #[error("every subnet is taken by a living fleet: take one down first")]
    NoFreeSubnet,
    /// The subnet asked for is taken by a living fleet.
    #[error("subnet {subnet} belongs to the fleet in {}: take it down or choose another", owner.display())]
    SubnetTaken {
        /// The subnet asked for.
        subnet: u8,
        /// The state directory of the fleet that has it.
        owner: PathBuf,
    },
    /// The host is not running.
    #[error("host {0} is not running")]
    NotRunning(String),
    /// A host or program did not get there in time.
    #[error("{what} did not happen within {}s{detail}", after.as_secs())]
    Timeout {
        /// What was awaited.
        what: String,
        /// For how long.
        after: Duration,
        /// The tail of a log, if there is one.
        detail: String,
    },
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Names the action and the path of a failed file operation.
pub(crate) trait IoContext<T> {
    fn at(self, action: &'static str, path: impl AsRef<Path>) -> Result<T>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn at(self, action: &'static str, path: impl AsRef<Path>) -> Result<T> {
        self.map_err(|source| Error::Io { action, path: path.as_ref().to_path_buf(), source })
    }
}
