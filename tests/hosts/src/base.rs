//! The base roots that hosts' overlays stand on, one for each kind of guest: built once, then cached.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::command::{check_programs, check_root, chroot, command, run_command};
use crate::error::{IoContext, Result};
use crate::guest::Guest;
use crate::packages::Upstream;
use crate::probes;
use crate::state::{bases_in_use, hash, lock};

/// Raised whenever the contents of a base root change.
const VERSION: u32 = 3;

/// What lies outside of every fleet and outlives it.
const CACHE: &str = "/var/cache/engine-test-hosts";

/// What every kind of guest has; its process 1 comes on top.
const PACKAGES: &[&str] =
    &["ca-certificates", "cron", "dbus", "iproute2", "openssh-server", "procps", "sudo"];

/// Units that would take the dpkg lock behind a test's back, or that a container has no use for.
const MASKED: &[&str] = &[
    "apt-daily.service",
    "apt-daily.timer",
    "apt-daily-upgrade.service",
    "apt-daily-upgrade.timer",
    "console-getty.service",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
];

/// The group `users` of Debian: it also has a system group called `operator`.
pub(crate) const USERS_GROUP: u32 = 100;

/// The users beside root, with their number and whether they have sudo.
pub(crate) const USERS: &[(&str, u32, bool)] = &[("operator", 1000, true), ("nosudo", 1001, false)];

const SSHD: &str = "\
# Written by test-hosts.
HostKey /etc/ssh/ssh_host_ed25519_key
UseDNS no
PasswordAuthentication no
MaxStartups 200
";

/// The inittab of a sysvinit guest: nobody logs in on a terminal, and a power failure is how this
/// machine says that the power button was pressed.
const INITTAB: &str = "\
# Written by test-hosts.
id:2:initdefault:
si::sysinit:/etc/init.d/rcS
~~:S:wait:/sbin/sulogin --force
l0:0:wait:/etc/init.d/rc 0
l1:1:wait:/etc/init.d/rc 1
l2:2:wait:/etc/init.d/rc 2
l3:3:wait:/etc/init.d/rc 3
l4:4:wait:/etc/init.d/rc 4
l5:5:wait:/etc/init.d/rc 5
l6:6:wait:/etc/init.d/rc 6
pf::powerwait:/sbin/shutdown -h -P now
";

/// Where packages fetched by the fleets of a subnet are kept.
pub(crate) fn package_store(subnet: u8) -> PathBuf {
    Path::new(CACHE).join(format!("apt-cacher/{subnet}"))
}

/// Builds the base root of a kind of guest unless it is there already, and returns its path. It is
/// built anew each week.
///
/// Concurrent builders wait for each other; an interrupted build leaves nothing that is
/// mistaken for a base root.
pub fn ensure_base(guest: Guest) -> Result<PathBuf> {
    check_root()?;
    check_programs()?;
    build(guest, &Upstream::of_this_machine()?)
}

pub(crate) fn build(guest: Guest, upstream: &Upstream) -> Result<PathBuf> {
    let cache = Path::new(CACHE);
    fs::create_dir_all(cache).at("create", cache)?;
    let root = cache.join(format!("base-{}", key(guest, upstream)));
    if root.is_dir() {
        return Ok(root);
    }
    let lock = lock(&cache.join("base.lock"))?;
    if root.is_dir() {
        return Ok(root);
    }
    // The lock is ours, so whatever is here was left by a builder that died.
    let building = cache.join("building");
    if building.exists() {
        fs::remove_dir_all(&building).at("remove", &building)?;
    }
    bootstrap(&building, guest, upstream, &lock)?;
    furnish(&building, guest, upstream)?;
    fs::rename(&building, &root).at("rename", &building)?;
    prune(cache, &root)?;
    Ok(root)
}

/// How long a base root is good for: archives move on, and its lists would name packages that
/// are gone.
const WEEK: Duration = Duration::from_hours(7 * 24);

/// Removes base roots that are out of date and carry no fleet.
fn prune(cache: &Path, current: &Path) -> Result<()> {
    let used = bases_in_use()?;
    for entry in fs::read_dir(cache).at("read", cache)? {
        let entry = entry.at("read", cache)?;
        let path = entry.path();
        let old = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .is_ok_and(|time| time.elapsed().is_ok_and(|age| age > WEEK));
        let base = entry.file_name().to_string_lossy().starts_with("base-") && path.is_dir();
        if base && old && path != current && !used.contains(&path) {
            fs::remove_dir_all(&path).at("remove", path)?;
        }
    }
    Ok(())
}

fn key(guest: Guest, upstream: &Upstream) -> String {
    let week = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs() / WEEK.as_secs());
    let inputs = format!(
        "{:?} {MASKED:?} {USERS:?} {:?} {SSHD} {INITTAB} {:?}",
        packages(guest),
        upstream.direct_lines(),
        upstream.guest_settings()
    );
    format!("{VERSION}-{}-{guest}-w{week}-{:016x}", upstream.release, hash(&inputs))
}

fn packages(guest: Guest) -> Vec<&'static str> {
    PACKAGES.iter().chain(guest.packages()).copied().collect()
}

fn bootstrap(root: &Path, guest: Guest, upstream: &Upstream, lock: &File) -> Result<()> {
    // Should we be killed, mmdebstrap goes on: with our lock as its standard input it holds off
    // the next builder until it is done.
    let lock = lock.try_clone().at("share", "base.lock")?;
    let mut mmdebstrap = command("mmdebstrap");
    mmdebstrap
        .stdin(lock)
        .args(["--quiet", "--mode=root", "--variant=minbase"])
        // The lists stay, so that a host needs no `apt-get update`.
        .arg("--skip=cleanup/apt/lists")
        .arg("--aptopt=Acquire::Languages \"none\"")
        .arg(format!("--include={}", packages(guest).join(",")));
    for line in upstream.settings() {
        mmdebstrap.arg(format!("--aptopt={}", line.trim_end_matches(';')));
    }
    mmdebstrap.arg(&upstream.release).arg(root);
    mmdebstrap.args(upstream.direct_lines());
    run_command(&mut mmdebstrap).map(drop)
}

fn furnish(root: &Path, guest: Guest, upstream: &Upstream) -> Result<()> {
    let mut apt = vec!["Acquire::Languages \"none\";".to_owned()];
    apt.extend(upstream.guest_settings());
    remove(&root.join("etc/apt/apt.conf.d/99mmdebstrap"))?;
    put(root, "etc/apt/apt.conf.d/90test-hosts", &lines(&apt))?;
    put(root, "etc/apt/sources.list", &lines(&upstream.guest_lines()))?;
    put(root, "etc/resolv.conf", "")?;
    put(root, "etc/machine-id", "")?;
    put(root, "etc/ssh/sshd_config.d/10-test-hosts.conf", SSHD)?;
    for entry in fs::read_dir(root.join("etc/ssh")).at("read", root.join("etc/ssh"))? {
        let path = entry.at("read", root.join("etc/ssh"))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("ssh_host_") {
            remove(&path)?;
        }
    }
    match guest {
        Guest::Systemd | Guest::Dnf => {
            for unit in MASKED {
                let path = root.join("etc/systemd/system").join(unit);
                remove(&path)?;
                symlink("/dev/null", &path).at("link", &path)?;
            }
        }
        Guest::Sysvinit => put(root, "etc/inittab", INITTAB)?,
    }
    probes::furnish(root, guest, &upstream.release)?;
    if guest == Guest::Dnf {
        // Who looks for a package manager finds this one first.
        let apt = ["dpkg-divert", "--local", "--rename", "--add", "/usr/bin/apt-get"];
        run_command(&mut chroot(root, apt))?;
    }
    for (name, uid, sudo) in USERS {
        let uid = uid.to_string();
        let words = ["useradd", "-u", &uid, "-g", "users", "-m", "-s", "/bin/bash", name];
        run_command(&mut chroot(root, words))?;
        if *sudo {
            let file = format!("etc/sudoers.d/{name}");
            put(root, &file, &format!("{name} ALL=(ALL:ALL) NOPASSWD: ALL\n"))?;
            let path = root.join(file);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).at("protect", &path)?;
        }
    }
    Ok(())
}

fn lines(lines: &[String]) -> String {
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

fn put(root: &Path, file: &str, text: &str) -> Result<()> {
    let path = root.join(file);
    fs::write(&path, text).at("write", path)
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.at("remove", path),
    }
}
