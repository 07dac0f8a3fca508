//! Loop devices of hosts: whose they are, what they outlive and what is left of them.
#![cfg(feature = "real-hosts")]

mod common;

use std::fs;

use common::{Outcome, says, tied};
use engine_test_hosts::{Fleet, Options, leftovers};

const SUBNET: u8 = 215;

/// A file system on `/dev/probe0`, and swap in it and on `/dev/probe1`.
const USE: &str = "truncate -s 64M /var/disk0 /var/disk1
    losetup /dev/probe0 /var/disk0
    losetup /dev/probe1 /var/disk1
    mkfs.ext4 -q /dev/probe0
    mkdir -p '/srv/of probe'
    mount /dev/probe0 '/srv/of probe'
    cd '/srv/of probe'
    fallocate -l 16M 'a swap'
    chmod 600 'a swap'
    mkswap -q 'a swap'
    swapon 'a swap'
    mkswap -q /dev/probe1
    swapon /dev/probe1";

fn options() -> Options {
    let mut options = tied("hk-devices", SUBNET, &["data-1", "app-1"]);
    options.devices.insert("data-1".into());
    options
}

/// How many of the two the kernel swaps to.
fn swaps() -> std::io::Result<usize> {
    let now = fs::read_to_string("/proc/swaps")?;
    Ok(now.lines().filter(|line| line.contains(r"a\040swap") || line.contains("probe1")).count())
}

#[test]
fn devices_outlive_the_power_of_their_host_and_go_with_its_disk() -> Outcome {
    let fleet = Fleet::up(&options())?;
    let (data, app) = (fleet.host("data-1")?, fleet.host("app-1")?);
    assert_eq!(says(data, "root", "ls /dev/probe? /dev/loop?* | wc -l; losetup -a")?, "8");
    assert_eq!(says(app, "root", "ls /dev | grep -c -e probe -e loop || true")?, "0");

    says(data, "root", &format!("set -e; {USE}"))?;
    assert_eq!(swaps()?, 2);
    says(data, "root", "echo kept > '/srv/of probe/file'; sync")?;
    data.kill()?;
    data.start()?;
    says(data, "root", "mount /dev/probe0 '/srv/of probe'")?;
    assert_eq!(says(data, "root", "cat '/srv/of probe/file'")?, "kept");

    data.reset()?;
    assert_eq!(swaps()?, 0);
    assert_eq!(says(data, "root", "ls /dev/probe? | wc -l; losetup -a")?, "4");

    says(data, "root", &format!("set -e; {USE}"))?;
    let (dir, subnet) = (fleet.state_dir().to_owned(), fleet.subnet());
    let found = leftovers(&dir, subnet)?;
    assert_eq!(found.iter().filter(|line| line.starts_with("device /dev/loop")).count(), 4, "{found:?}");
    // As a run that was killed leaves it.
    std::mem::forget(fleet);
    let again = Fleet::up(&options())?;
    assert_eq!(swaps()?, 0);
    assert_eq!(says(again.host("data-1")?, "root", "losetup -a")?, "");

    says(again.host("data-1")?, "root", &format!("set -e; {USE}"))?;
    again.down()?;
    assert_eq!(swaps()?, 0);
    assert_eq!(leftovers(&dir, subnet)?, Vec::<String>::new());
    Ok(())
}
