//! One host: its disk, its boot and its way down.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::base::{USERS, USERS_GROUP};
use crate::cgroup::{Cgroup, Hierarchies};
use crate::command::{capture, quote, run, spawn_detached, wait_until};
use crate::devices::Devices;
use crate::error::{Error, IoContext, Result};
use crate::guest::Guest;
use crate::network::{Network, Port};
use crate::packages::CACHE_PORT;
use crate::ssh::{SshFiles, read_public};
use crate::state::{HostRecord, Record, hash, mounts_below};

/// How long one host may take to boot when nothing else does.
pub(crate) const BOOT: Duration = Duration::from_mins(1);

/// The status by which nspawn says that the guest wants to boot again.
const REBOOT: u8 = 133;

/// What a host is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Power {
    /// It runs.
    Running,
    /// Its processes stand still: connections open, and nothing answers.
    Frozen,
    /// Nothing of it runs.
    Stopped,
}

/// One host of a fleet. Clones name the same host.
#[derive(Debug, Clone)]
pub struct Host {
    pub(crate) name: String,
    machine: String,
    dir: PathBuf,
    guest: Guest,
    devices: Option<Devices>,
    base: PathBuf,
    seed: u64,
    pub(crate) ssh: SshFiles,
    pub(crate) network: Network,
    pub(crate) port: Port,
    pub(crate) cgroup: Cgroup,
}

impl Host {
    pub(crate) fn new(
        state_dir: &Path,
        record: &Record,
        host: &HostRecord,
        hierarchies: &Hierarchies,
    ) -> Self {
        let network = Network::new(record.subnet);
        let group = group_name(record.subnet).join(&host.name);
        Self {
            name: host.name.clone(),
            machine: format!("{}-{}", machine_prefix(record.subnet), host.name),
            dir: state_dir.join("hosts").join(&host.name),
            guest: host.guest,
            devices: host.devices.then(|| Devices::of_host(record.subnet, host.index)),
            base: host.base.clone(),
            seed: record.seed,
            ssh: SshFiles::new(state_dir.join("ssh")),
            network,
            port: network.port(host.index),
            cgroup: Cgroup::new(hierarchies, group),
        }
    }

    /// The name of the host, which is also its host name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What kind of machine it is.
    pub fn guest(&self) -> Guest {
        self.guest
    }

    /// Its address.
    pub fn address(&self) -> Ipv4Addr {
        self.port.address
    }

    /// The private key its accounts `root`, `operator` and `nosudo` accept.
    pub fn identity(&self) -> PathBuf {
        self.ssh.identity()
    }

    /// The known hosts file that holds its key.
    pub fn known_hosts(&self) -> PathBuf {
        self.ssh.known_hosts()
    }

    /// What its console said, over every boot since the last reset.
    pub fn console_log(&self) -> PathBuf {
        self.dir.join("console.log")
    }

    /// Its root directory as this machine sees it: for looking at files while it is frozen or off.
    pub fn root(&self) -> PathBuf {
        self.dir.join("root")
    }

    /// What it is doing.
    pub fn power(&self) -> Result<Power> {
        Ok(if !self.cgroup.populated()? {
            Power::Stopped
        } else if self.cgroup.frozen()? {
            Power::Frozen
        } else {
            Power::Running
        })
    }

    /// Process 1 of the host, as this machine numbers it.
    pub fn init_pid(&self) -> Option<u32> {
        self.cgroup.guest_init()
    }

    /// Mounts an empty disk and writes what makes the host this one.
    pub(crate) fn create_disk(&self) -> Result<()> {
        for part in ["upper", "work", "root"] {
            let dir = self.dir.join(part);
            fs::create_dir_all(&dir).at("create", dir)?;
        }
        let options = format!(
            "lowerdir={},upperdir={},workdir={},volatile",
            self.base.display(),
            self.dir.join("upper").display(),
            self.dir.join("work").display()
        );
        let root = self.root();
        let words = ["-t", "overlay", "overlay", "-o", &options];
        run("mount", words.iter().map(AsRef::as_ref).chain([root.as_os_str()]))?;
        self.personalise()
    }

    /// Unmounts the disk and forgets what was on it.
    pub(crate) fn remove_disk(&self) -> Result<()> {
        if let Some(devices) = &self.devices {
            devices.release(&self.dir.join("swap"))?;
        }
        unmount_below(&self.dir)?;
        for part in ["upper", "work"] {
            let dir = self.dir.join(part);
            if dir.exists() {
                fs::remove_dir_all(&dir).at("remove", dir)?;
            }
        }
        let log = self.console_log();
        if log.exists() {
            fs::remove_file(&log).at("remove", log)?;
        }
        Ok(())
    }

    fn personalise(&self) -> Result<()> {
        let root = self.root();
        let put = |file: &str, text: &str, mode: u32| {
            let path = root.join(file);
            fs::write(&path, text).at("write", &path)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).at("protect", path)
        };
        let name = &self.name;
        put("etc/hostname", &format!("{name}\n"), 0o644)?;
        put("etc/hosts", &format!("127.0.0.1\tlocalhost\n127.0.1.1\t{name}\n::1\tlocalhost\n"), 0o644)?;
        put("etc/machine-id", &machine_id(self.seed, name), 0o444)?;
        put(
            "etc/apt/apt.conf.d/91test-hosts-cache",
            &format!("Acquire::http::Proxy \"http://{}:{CACHE_PORT}\";\n", self.network.gateway()),
            0o644,
        )?;
        let key = self.ssh.host_key(name);
        let private = fs::read_to_string(&key).at("read", &key)?;
        put("etc/ssh/ssh_host_ed25519_key", &private, 0o600)?;
        put("etc/ssh/ssh_host_ed25519_key.pub", &read_public(&key)?, 0o644)?;
        let authorized = read_public(&self.ssh.identity())?;
        let homes = USERS.iter().map(|(user, uid, _)| (format!("home/{user}"), *uid, USERS_GROUP));
        for (home, uid, gid) in homes.chain([("root".to_owned(), 0, 0)]) {
            let dir = root.join(&home).join(".ssh");
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir).at("create", &dir)?;
            let file = format!("{home}/.ssh/authorized_keys");
            put(&file, &authorized, 0o600)?;
            for path in [dir, root.join(file)] {
                chown(&path, Some(uid), Some(gid)).at("chown", path)?;
            }
        }
        Ok(())
    }

    /// Switches the host on, without waiting for it. Does nothing if it runs.
    pub(crate) fn launch(&self) -> Result<()> {
        if self.cgroup.populated()? {
            return Ok(());
        }
        self.cgroup.remove()?;
        self.port.unplug()?;
        self.network.plug(&self.port)?;
        self.cgroup.create()?;
        if let Some(devices) = &self.devices {
            devices.create()?;
        }
        let script = self.dir.join("supervise.sh");
        fs::write(&script, self.supervisor()).at("write", &script)?;
        spawn_detached(&script, &self.console_log())
    }

    /// A shell script that boots the guest again for as long as it wants to. A sysvinit guest takes
    /// its network down when it reboots.
    fn supervisor(&self) -> String {
        let words = [
            "--quiet".to_owned(),
            "--boot".to_owned(),
            format!("--machine={}", self.machine),
            format!("--hostname={}", self.name),
            format!("--directory={}", self.root().display()),
            "--register=no".to_owned(),
            "--keep-unit".to_owned(),
            format!("--network-namespace-path=/run/netns/{}", self.port.netns),
            "--capability=CAP_NET_ADMIN".to_owned(),
            "--resolv-conf=off".to_owned(),
            "--timezone=off".to_owned(),
            "--link-journal=no".to_owned(),
            "--console=read-only".to_owned(),
        ];
        let more = self.devices.iter().flat_map(Devices::nspawn_options);
        let words: Vec<String> = words.into_iter().chain(more).map(|word| quote(&word)).collect();
        format!(
            "#!/bin/sh\n# Written by test-hosts.\nset -eu\n{}\
             export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_NSPAWN_API_VFS_WRITABLE=network\n\
             while :; do\n  ip -n {} link set host0 up\n  \
             status=0\n  systemd-nspawn {} || status=$?\n  \
             [ \"$status\" = {REBOOT} ] || exit \"$status\"\ndone\n",
            self.cgroup.enter_script(),
            quote(&self.port.netns),
            words.join(" ")
        )
    }

    /// Waits until the host has booted: sshd listens and everybody may log in.
    pub fn wait_ready(&self, after: Duration) -> Result<()> {
        let start = Instant::now();
        let what = format!("the boot of {}", self.name);
        wait_until(&what, after, Some(&self.console_log()), || {
            if self.is_ready() {
                return Ok(true);
            }
            if start.elapsed() > Duration::from_secs(5) && !self.cgroup.populated()? {
                return Err(Error::Timeout {
                    what: what.clone(),
                    after: start.elapsed(),
                    detail: format!("; see {}", self.console_log().display()),
                });
            }
            Ok(false)
        })
    }

    fn is_ready(&self) -> bool {
        let Some(init) = self.init_pid() else {
            return false;
        };
        // Seen from outside, so that it holds for a host that is cut off as well.
        let listens = ["tcp", "tcp6"].iter().any(|table| {
            fs::read_to_string(format!("/proc/{init}/net/{table}")).is_ok_and(|text| listens_on(&text, 22))
        });
        listens && !Path::new(&format!("/proc/{init}/root/run/nologin")).exists()
    }

    /// Switches the host on and waits until it has booted. Does nothing if it runs.
    pub fn start(&self) -> Result<()> {
        self.launch()?;
        self.wait_ready(BOOT)
    }

    /// Shuts the host down as a power button does, and waits for it.
    pub fn stop(&self) -> Result<()> {
        if self.cgroup.populated()? {
            self.thaw()?;
            if let Some(init) = self.init_pid() {
                run("kill", [&format!("-{}", self.guest.power_button()), &init.to_string()])?;
            }
            let what = format!("the shutdown of {}", self.name);
            let log = self.console_log();
            wait_until(&what, Duration::from_secs(100), Some(&log), || Ok(!self.cgroup.populated()?))?;
        }
        self.cgroup.remove()?;
        self.port.unplug()
    }

    /// Reboots the host from within, and waits until it is back.
    pub fn reboot(&self) -> Result<()> {
        let before = self.running_init()?;
        // The connection to init may end before the answer comes.
        capture(self.command(self.guest.reboot())?.env("LC_ALL", "C"))?;
        self.wait_reboot(before)
    }

    /// Waits until process 1 is another one than `before` and the host has booted.
    pub fn wait_reboot(&self, before: u32) -> Result<()> {
        let what = format!("the reboot of {}", self.name);
        wait_until(&what, Duration::from_secs(150), Some(&self.console_log()), || {
            Ok(self.init_pid().is_some_and(|init| init != before))
        })?;
        self.wait_ready(BOOT)
    }

    /// Throws the disk away and boots from a fresh one; heals and thaws on the way.
    pub fn reset(&self) -> Result<()> {
        self.kill()?;
        self.heal()?;
        self.remove_disk()?;
        self.create_disk()?;
        self.start()
    }
}

/// The control group of a fleet.
pub(crate) fn group_name(subnet: u8) -> PathBuf {
    PathBuf::from(format!("engine-test-hosts-{subnet}"))
}

/// What the machine names of a fleet begin with.
pub(crate) fn machine_prefix(subnet: u8) -> String {
    format!("engine-th{subnet}")
}

/// Unmounts everything at or below a directory.
pub(crate) fn unmount_below(dir: &Path) -> Result<()> {
    for target in mounts_below(dir)? {
        let what = format!("the unmounting of {}", target.display());
        let mut last = None;
        // A dying guest may hold its root a moment longer than its processes live.
        let result = wait_until(&what, Duration::from_secs(10), None, || match run("umount", [&target]) {
            Ok(_) => Ok(true),
            Err(error) => {
                last = Some(error);
                Ok(false)
            }
        });
        if let Err(timeout) = result {
            return Err(last.unwrap_or(timeout));
        }
    }
    Ok(())
}

fn listens_on(table: &str, port: u16) -> bool {
    let suffix = format!(":{port:04X}");
    table.lines().any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        fields.next().is_some_and(|local| local.ends_with(&suffix)) && fields.nth(1) == Some("0A")
    })
}

fn machine_id(seed: u64, name: &str) -> String {
    let half = |salt| hash(&format!("{seed} {salt} {name}"));
    format!("{:016x}{:016x}\n", half("a"), half("b"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_listening_sshd() {
        let table = "  sl  local_address rem_address   st tx_queue\n\
             \x20  0: 00000000:0016 00000000:0000 0A 00000000:00000000\n\
             \x20  1: 0B004D0A:0050 01004D0A:9C40 01 00000000:00000000\n";
        assert!(listens_on(table, 22));
        assert!(!listens_on(table, 80));
        assert!(!listens_on("", 22));
    }

    #[test]
    fn machine_ids_differ_and_repeat() {
        assert_eq!(machine_id(1, "a").len(), 33);
        assert_eq!(machine_id(1, "a"), machine_id(1, "a"));
        assert_ne!(machine_id(1, "a"), machine_id(1, "b"));
        assert_ne!(machine_id(1, "a"), machine_id(2, "a"));
    }
}
