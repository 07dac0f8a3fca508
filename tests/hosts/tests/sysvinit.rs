//! A host whose process 1 is sysvinit, beside one of systemd.
#![cfg(feature = "real-hosts")]

mod common;

use common::{Outcome, says, tied};
use engine_test_hosts::{Fleet, Guest, Power, leftovers};

/// Writes down in which runlevel it is told to stop.
const LEVELS: &str = r"#!/bin/sh
### BEGIN INIT INFO
# Provides: levels
# Required-Start: $local_fs
# Required-Stop: $local_fs
# Default-Start: 2
# Default-Stop: 0 6
### END INIT INFO
[ $1 != stop ] || echo $RUNLEVEL >> /var/levels
";

#[test]
fn a_sysvinit_host_lives_like_the_other() -> Outcome {
    let mut options = tied("hk-sysvinit", 210, &["old-1", "new-1"]);
    options.guests.insert("old-1".into(), Guest::Sysvinit);
    let fleet = Fleet::up(&options)?;
    let (old, new) = (fleet.host("old-1")?, fleet.host("new-1")?);
    assert_eq!((old.guest(), new.guest()), (Guest::Sysvinit, Guest::Systemd));
    assert_eq!(Fleet::open(fleet.state_dir())?.host("old-1")?.guest(), Guest::Sysvinit);

    assert_eq!(says(new, "root", "cat /proc/1/comm")?, "systemd");
    assert_eq!(says(old, "root", "cat /proc/1/comm; runlevel; hostname")?, "init\nN 2\nold-1");
    assert_eq!(says(old, "operator", "id -u; sudo id -u")?, "1000\n0");
    assert_eq!(says(old, "nosudo", "id -u")?, "1001");
    assert!(says(old, "root", "test -e /run/systemd/system || command -v systemctl").is_err());

    // Services are scripts and links, and real ones.
    says(old, "root", "service cron status")?;
    says(old, "root", "service cron stop; ! service cron status")?;
    says(old, "root", "update-rc.d cron disable; ls /etc/rc2.d/K01cron")?;

    // An orderly shutdown runs the scripts of its runlevel; a pulled plug does not.
    says(old, "root", &format!("cat > /etc/init.d/levels <<'END'\n{LEVELS}END"))?;
    says(old, "root", "chmod 755 /etc/init.d/levels; update-rc.d levels defaults")?;
    let before = old.init_pid();
    old.reboot()?;
    assert_ne!(old.init_pid(), before);
    assert_eq!(says(old, "root", "! service cron status >&2; cat /var/levels")?, "6");
    let before = old.init_pid().ok_or("runs")?;
    says(old, "operator", "sudo reboot")?;
    old.wait_reboot(before)?;
    old.stop()?;
    assert_eq!(old.power()?, Power::Stopped);
    old.start()?;
    old.kill()?;
    assert_eq!(old.power()?, Power::Stopped);
    old.start()?;
    assert_eq!(says(old, "root", "cat /var/levels")?, "6\n6\n0");
    old.freeze()?;
    old.reset()?;
    says(old, "root", "test ! -e /var/levels; service cron status")?;
    says(old, "root", "apt-get install -y -q=2 tree >&2; tree --version >&2")?;

    let (dir, subnet) = (fleet.state_dir().to_owned(), fleet.subnet());
    fleet.down()?;
    assert_eq!(leftovers(&dir, subnet)?, Vec::<String>::new());
    Ok(())
}
