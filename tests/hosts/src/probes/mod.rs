//! Small packages that every host can install, in repositories on its own disk: for tests of
//! package managers that need no network and know every version there is.
//!
//! Below `/var/lib/test-hosts` on each host, as `.deb` or `.rpm` for its package manager:
//!
//! | directory | packages | is known to the package manager |
//! |---|---|---|
//! | `probes` | `engine-probe`, `engine-probe-extra` | yes |
//! | `more` | `engine-probe-more` | no; to be added by a test |
//! | `local` | `engine-probe-local` | no; a directory of files and no repository |
//!
//! All are there in 1.0 and 1.1. Each has a program of its name, which prints the version, and
//! `/etc/<name>.conf`, a configuration file that differs between the two. Of the updates to 1.1
//! in `probes`, that of `engine-probe` mends security and that of `engine-probe-extra` does not:
//! apt knows by the suite, whose origin and label are Debian's, and dnf by its advisories.
//!
//! Each repository is signed with a key of its own: `probes.asc` and `more.asc`, armoured, beside
//! it. The secret halves are forgotten. Apt finds `more` as a suite of the codename of the host's
//! release with the component `main`, and as the flat archive `./`.
//!
//! What was measured: apt and dnf install, upgrade, downgrade, hold and remove all of it as on
//! any other host. A first `dnf` takes 0.7 s.

mod deb;
mod key;
mod rpm;

use std::fs;
use std::path::Path;

use crate::error::{IoContext, Result};
use crate::guest::Guest;

/// Where they are on a host.
const DIRECTORY: &str = "/var/lib/test-hosts";

/// The versions of every package.
const VERSIONS: [&str; 2] = ["1.0", "1.1"];

/// The name and version that a fix of security brought.
const SECURITY: (&str, &str) = ("engine-probe", "1.1");

/// Who made the packages.
const MAKER: &str = "engine tests <tests@engine.invalid>";

/// A repository and the names of its packages.
#[derive(Debug, Clone, Copy)]
struct Repository {
    name: &'static str,
    packages: &'static [&'static str],
}

/// The one that a host's package manager knows.
const PROBES: Repository = Repository { name: "probes", packages: &["engine-probe", "engine-probe-extra"] };

/// The one that it does not know.
const MORE: Repository = Repository { name: "more", packages: &["engine-probe-more"] };

/// The directory of package files that is no repository.
const LOCAL: Repository = Repository { name: "local", packages: &["engine-probe-local"] };

/// One version of a package.
#[derive(Debug, Clone, Copy)]
struct Package {
    name: &'static str,
    version: &'static str,
}

impl Repository {
    fn packages(self) -> impl Iterator<Item = Package> {
        let versions = |name| VERSIONS.map(|version| Package { name, version });
        self.packages.iter().copied().flat_map(versions)
    }

    /// Where it is on the host.
    fn directory(self) -> String {
        format!("{DIRECTORY}/{}", self.name)
    }

    /// Its public key on the host.
    fn key(self) -> String {
        format!("{DIRECTORY}/{}.asc", self.name)
    }
}

impl Package {
    /// Whether only those who want to be safe get it.
    fn is_security(self) -> bool {
        (self.name, self.version) == SECURITY
    }

    /// Its files with their modes.
    fn files(self) -> [(String, u32, String); 2] {
        let Self { name, version } = self;
        [
            (format!("usr/bin/{name}"), 0o755, format!("#!/bin/sh\necho {version}\n")),
            (self.configuration(), 0o644, format!("# Of {version}.\nlevel = 1\n")),
        ]
    }

    /// The file an administrator may change.
    fn configuration(self) -> String {
        format!("etc/{}.conf", self.name)
    }
}

/// Puts the repositories onto a base root.
pub(crate) fn furnish(root: &Path, guest: Guest, release: &str) -> Result<()> {
    let work = root.join("var/tmp/probes");
    fs::create_dir_all(&work).at("create", &work)?;
    match guest {
        Guest::Systemd | Guest::Sysvinit => deb::furnish(root, &work, release)?,
        Guest::Dnf => rpm::furnish(root, &work)?,
    }
    fs::remove_dir_all(&work).at("remove", &work)
}

/// Where a path of the host is below its root.
fn inside(root: &Path, path: &str) -> std::path::PathBuf {
    root.join(path.trim_start_matches('/'))
}

fn create(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).at("create", dir)
}

fn put(path: &Path, text: &str) -> Result<()> {
    if let Some(parent) = path.parent() {
        create(parent)?;
    }
    fs::write(path, text).at("write", path)
}
