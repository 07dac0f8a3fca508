//! One control group for each host: the handle by which it is frozen, killed and watched.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::command::wait_until;
use crate::error::{Error, IoContext, Result};

/// Where the hierarchies are mounted that a guest's systemd needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hierarchies {
    /// The unified hierarchy.
    unified: PathBuf,
    /// The `name=systemd` hierarchy of a machine that still has version 1.
    named: Option<PathBuf>,
}

impl Hierarchies {
    /// Finds the hierarchies of this machine.
    pub(crate) fn find() -> Result<Self> {
        let path = "/proc/self/mountinfo";
        parse_mountinfo(&fs::read_to_string(path).at("read", path)?).ok_or(Error::NoCgroup2)
    }
}

fn parse_mountinfo(text: &str) -> Option<Hierarchies> {
    let mut unified = None;
    let mut named = None;
    for line in text.lines() {
        let Some((left, right)) = line.split_once(" - ") else {
            continue;
        };
        let Some(target) = left.split(' ').nth(4) else {
            continue;
        };
        let mut right = right.split(' ');
        let (kind, options) = (right.next(), right.nth(1).unwrap_or_default());
        match kind {
            Some("cgroup2") if unified.is_none() => unified = Some(PathBuf::from(target)),
            Some("cgroup") if options.split(',').any(|o| o == "name=systemd") => {
                named = Some(PathBuf::from(target));
            }
            _ => {}
        }
    }
    Some(Hierarchies { unified: unified?, named })
}

/// A control group, in every hierarchy that matters.
#[derive(Debug, Clone)]
pub(crate) struct Cgroup {
    path: PathBuf,
    named: Option<PathBuf>,
}

impl Cgroup {
    /// The group of this name; it need not exist.
    pub(crate) fn new(hierarchies: &Hierarchies, name: impl AsRef<Path>) -> Self {
        Self {
            path: hierarchies.unified.join(name.as_ref()),
            named: hierarchies.named.as_ref().map(|n| n.join(name.as_ref())),
        }
    }

    /// Makes the group.
    pub(crate) fn create(&self) -> Result<()> {
        for dir in std::iter::once(&self.path).chain(&self.named) {
            fs::create_dir_all(dir).at("create", dir)?;
        }
        Ok(())
    }

    /// Shell lines by which a script moves itself into the group.
    pub(crate) fn enter_script(&self) -> String {
        use std::fmt::Write;
        let mut script = String::new();
        for dir in std::iter::once(&self.path).chain(&self.named) {
            let file = dir.join("cgroup.procs").display().to_string();
            let _ = writeln!(script, "echo $$ > {}", crate::command::quote(&file));
        }
        script
    }

    /// Whether the group is there.
    pub(crate) fn exists(&self) -> bool {
        self.path.exists() || self.named.as_ref().is_some_and(|n| n.exists())
    }

    /// Whether a process lives in the group. Zombies do not count.
    pub(crate) fn populated(&self) -> Result<bool> {
        self.event("populated")
    }

    /// Whether every process of the group is frozen.
    pub(crate) fn frozen(&self) -> Result<bool> {
        self.event("frozen")
    }

    fn event(&self, key: &str) -> Result<bool> {
        let path = self.path.join("cgroup.events");
        match fs::read_to_string(&path) {
            Ok(text) => Ok(event(&text, key)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e).at("read", path),
        }
    }

    /// Freezes or thaws every process of the group and waits for it.
    pub(crate) fn set_frozen(&self, frozen: bool) -> Result<()> {
        let path = self.path.join("cgroup.freeze");
        fs::write(&path, if frozen { "1" } else { "0" }).at("write", path)?;
        let what = format!("the change of {}", self.path.display());
        wait_until(&what, Duration::from_secs(10), None, || Ok(self.frozen()? == frozen))
    }

    /// Kills every process of the group and waits until none is left.
    pub(crate) fn kill(&self) -> Result<()> {
        let path = self.path.join("cgroup.kill");
        match fs::write(&path, "1") {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(e).at("write", path),
        }
        let what = format!("the end of every process in {}", self.path.display());
        wait_until(&what, Duration::from_secs(20), None, || Ok(!self.populated()?))
    }

    /// Removes the group and everything below it; its processes must be gone.
    pub(crate) fn remove(&self) -> Result<()> {
        for dir in std::iter::once(&self.path).chain(&self.named) {
            // A zombie keeps the old hierarchy busy until its parent has looked.
            let what = format!("the removal of {}", dir.display());
            wait_until(&what, Duration::from_secs(10), None, || match remove_tree(dir) {
                Err(e) if e.kind() == io::ErrorKind::ResourceBusy => Ok(false),
                other => other.at("remove", dir).map(|()| true),
            })?;
        }
        Ok(())
    }

    /// The init of the guest in this group, as this machine numbers it.
    pub(crate) fn guest_init(&self) -> Option<u32> {
        let mut pids = Vec::new();
        collect_processes(&self.path, &mut pids);
        pids.into_iter()
            .find(|pid| fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|s| is_guest_init(&s)))
    }
}

fn event(text: &str, key: &str) -> bool {
    text.lines().any(|line| line.split_once(' ') == Some((key, "1")))
}

/// Whether a `/proc/*/status` is that of process 1 of a namespace below ours.
fn is_guest_init(status: &str) -> bool {
    status.lines().find_map(|line| line.strip_prefix("NSpid:")).is_some_and(|ids| {
        let ids: Vec<&str> = ids.split_whitespace().collect();
        ids.len() > 1 && ids.last() == Some(&"1")
    })
}

fn collect_processes(dir: &Path, pids: &mut Vec<u32>) {
    let procs = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
    pids.extend(procs.lines().filter_map(|l| l.parse::<u32>().ok()));
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            collect_processes(&entry.path(), pids);
        }
    }
}

/// Removes a tree of control groups: only directories can and must be removed.
fn remove_tree(dir: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    match fs::remove_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_both_hierarchies_of_a_hybrid_machine() {
        let text = "\
24 1 0:22 / /sys/fs/cgroup rw - tmpfs tmpfs rw
25 24 0:23 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
26 24 0:24 / /sys/fs/cgroup/systemd rw,relatime shared:4 - cgroup cgroup rw,xattr,name=systemd
27 24 0:25 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
";
        let found = parse_mountinfo(text).unwrap();
        assert_eq!(found.unified, Path::new("/sys/fs/cgroup/unified"));
        assert_eq!(found.named.as_deref(), Some(Path::new("/sys/fs/cgroup/systemd")));
    }

    #[test]
    fn a_modern_machine_has_one_hierarchy() {
        let text = "30 24 0:27 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
        let found = parse_mountinfo(text).unwrap();
        assert_eq!(found.unified, Path::new("/sys/fs/cgroup"));
        assert_eq!(found.named, None);
        assert_eq!(parse_mountinfo(""), None);
    }

    #[test]
    fn reads_events_and_namespace_ids() {
        assert!(event("populated 1\nfrozen 0\n", "populated"));
        assert!(!event("populated 1\nfrozen 0\n", "frozen"));
        assert!(is_guest_init("Name:\tsystemd\nNSpid:\t4711\t1\n"));
        assert!(!is_guest_init("Name:\tsystemd\nNSpid:\t1\n"));
        assert!(!is_guest_init("Name:\tsshd\nNSpid:\t4799\t71\n"));
    }
}
