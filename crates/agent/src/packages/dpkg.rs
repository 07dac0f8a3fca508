//! What dpkg has installed, and its lock.

use std::{
    fs::{self, File},
    path::Path,
};

use rustix::process::{Flock, FlockType, fcntl_getlk};

use super::{Installed, PackageError};

const STATUS: &str = "/var/lib/dpkg/status";
const LOCKS: [&str; 3] = ["/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock"];

/// Reads dpkg's own list.
pub fn read() -> Result<Installed, PackageError> {
    let bytes = fs::read(STATUS)
        .map_err(|source| PackageError::Status { path: Path::new(STATUS).to_owned(), source })?;
    Ok(parse(&String::from_utf8_lossy(&bytes)))
}

/// Reads dpkg's status file.
pub fn parse(text: &str) -> Installed {
    let mut installed = Installed::default();
    for paragraph in text.split("\n\n") {
        let field = |name: &str| {
            paragraph.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::trim))
        };
        let (Some(name), Some(status)) = (field("Package"), field("Status")) else { continue };
        let architecture = field("Architecture").unwrap_or_default();
        let names = [name.to_owned(), format!("{name}:{architecture}")];
        let mut words = status.split(' ');
        if words.next() == Some("hold") {
            installed.held.extend(names.clone());
        }
        match (words.next(), words.next()) {
            (Some("ok"), Some("installed" | "triggers-pending" | "triggers-awaited")) => {
                let version = field("Version").unwrap_or_default();
                for name in names {
                    installed.versions.insert(name, version.to_owned());
                }
                for provided in field("Provides").into_iter().flat_map(|list| list.split(',')) {
                    let provided = provided.split_whitespace().next().unwrap_or_default();
                    installed.provided.insert(provided.to_owned());
                }
            }
            (_, Some("config-files")) => installed.left_configuration.extend(names),
            _ => {}
        }
    }
    installed
}

/// The process that holds one of the locks of dpkg or apt.
pub fn lock_holder() -> Option<String> {
    LOCKS.iter().find_map(|path| {
        let file = File::open(path).ok()?;
        let lock = fcntl_getlk(&file, &Flock::from(FlockType::WriteLock)).ok()??;
        let pid = lock.pid?.as_raw_nonzero();
        let program = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        Some(match program.trim() {
            "" => format!("process {pid}"),
            program => format!("process {pid} ({program})"),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Package: bash\nEssential: yes\nStatus: install ok installed\nPriority: required\n\
        Section: shells\nArchitecture: amd64\nVersion: 5.2.15-2+b8\nDescription: GNU shell\n Bash is\n .\n\n\
        Package: nginx-light\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1.22.1-9\n\n\
        Package: mawk\nStatus: hold ok installed\nArchitecture: amd64\nProvides: awk, x-awk (= 1)\n\
        Version: 1.3.4\n\nPackage: half\nStatus: install ok half-configured\nVersion: 1\n";

    #[test]
    fn only_what_is_completely_installed_counts() {
        let installed = parse(TEXT);
        assert_eq!(installed.version("bash"), Some("5.2.15-2+b8"));
        assert_eq!(installed.version("bash:amd64"), Some("5.2.15-2+b8"));
        assert_eq!(installed.version("mawk"), Some("1.3.4"));
        assert_eq!(installed.version("nginx-light"), None);
        assert_eq!(installed.version("half"), None);
        assert!(installed.is_held("mawk") && !installed.is_held("bash"));
        assert!(installed.has_configuration("nginx-light"));
        assert!(installed.is_provided("awk") && installed.is_provided("x-awk"));
    }
}
