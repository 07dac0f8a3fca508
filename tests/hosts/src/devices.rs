//! Loop devices of a host's own, for file systems and swap.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use rustix::ioctl::{IntegerSetter, Opcode, ioctl};

use crate::command::{capture, command, run, wait_until};
use crate::error::{Error, IoContext, Result};

/// How many devices a host has.
const COUNT: u32 = 4;

/// The number of the first device of subnet 0: out of reach of those that count from 0.
const FIRST: u32 = 4096;

/// How many devices the hosts of one subnet may have.
const PER_SUBNET: u32 = COUNT * 256;

/// The ways to ask for a device of a certain number to be, or not to be: `LOOP_CTL_ADD` and
/// `LOOP_CTL_REMOVE` of loop(4).
const ADD: Opcode = 0x4C80;
const REMOVE: Opcode = 0x4C81;

/// Some loop devices, which nobody else on this machine uses.
#[derive(Debug, Clone)]
pub(crate) struct Devices {
    numbers: Vec<u32>,
}

impl Devices {
    /// Those of the host with this number, counted from 0.
    pub(crate) fn of_host(subnet: u8, index: u8) -> Self {
        let first = FIRST + u32::from(subnet) * PER_SUBNET + u32::from(index) * COUNT;
        Self { numbers: (first..first + COUNT).collect() }
    }

    /// Those that are there of the hosts of a subnet.
    pub(crate) fn present(subnet: u8) -> Result<Self> {
        let first = FIRST + u32::from(subnet) * PER_SUBNET;
        let dir = Path::new("/sys/block");
        let mut numbers = Vec::new();
        for entry in fs::read_dir(dir).at("read", dir)? {
            let name = entry.at("read", dir)?.file_name();
            let number = name.to_string_lossy().strip_prefix("loop").and_then(|number| number.parse().ok());
            numbers.extend(number.filter(|number| (first..first + PER_SUBNET).contains(number)));
        }
        Ok(Self { numbers })
    }

    /// Where they are on this machine, and on the host as well.
    pub(crate) fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.numbers.iter().map(|number| PathBuf::from(format!("/dev/loop{number}")))
    }

    /// Makes them, with nothing attached.
    pub(crate) fn create(&self) -> Result<()> {
        self.control::<ADD>(Errno::EXIST)
    }

    /// What nspawn is told: a host sees each by its own name and as `/dev/probe0` and so on.
    pub(crate) fn nspawn_options(&self) -> Vec<String> {
        let binds = (0..).zip(self.paths()).flat_map(|(index, path)| {
            let path = path.display();
            [format!("--bind={path}"), format!("--bind={path}:/dev/probe{index}")]
        });
        binds.chain(["--system-call-filter=@swap".to_owned()]).collect()
    }

    /// Detaches what is attached, after whoever used it is dead. Below `work`, a file system may
    /// be mounted for a moment.
    pub(crate) fn release(&self, work: &Path) -> Result<()> {
        for (number, path) in self.numbers.iter().zip(self.paths()) {
            let attached = PathBuf::from(format!("/sys/block/loop{number}/loop"));
            if !attached.exists() {
                continue;
            }
            stop_swapping(&path, work)?;
            run("losetup", [AsRef::as_ref("--detach"), path.as_os_str()])?;
            // The kernel takes the mounts of a dead host away a moment after its processes.
            let what = format!("the end of all use of {}", path.display());
            wait_until(&what, Duration::from_secs(10), None, || Ok(!attached.exists()))?;
        }
        Ok(())
    }

    /// Removes them; nothing may be attached.
    pub(crate) fn remove(&self) -> Result<()> {
        self.control::<REMOVE>(Errno::NODEV)
    }

    /// Asks for each device; `fine` is how the kernel says that it is so already.
    fn control<const REQUEST: Opcode>(&self, fine: Errno) -> Result<()> {
        if self.numbers.is_empty() {
            return Ok(());
        }
        let path = "/dev/loop-control";
        let control = File::options().read(true).write(true).open(path).at("open", path)?;
        for (number, device) in self.numbers.iter().zip(self.paths()) {
            // SAFETY: both requests take the number of a device itself as their argument, no address
            // of ours; REQUEST is one of these two, which only this file calls with.
            #[allow(unsafe_code)]
            let result = unsafe { ioctl(&control, IntegerSetter::<REQUEST>::new_usize(*number as usize)) };
            match result {
                Err(errno) if errno != fine => {
                    return Err(Error::Io { action: "make or remove", path: device, source: errno.into() });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Ends swapping to a device and to files on it. Swap outlives the host that switched it on, and
/// so does its file's file system, which no namespace shows any more: so mount it once more.
fn stop_swapping(device: &Path, work: &Path) -> Result<()> {
    let path = "/proc/swaps";
    let swaps = swap_files(&fs::read_to_string(path).at("read", path)?);
    if swaps.is_empty() {
        return Ok(());
    }
    let swap_off = |path: &Path| capture(command("swapoff").arg(path)).map(drop);
    // What is not swapped to is refused. What still is keeps its device busy, which will be seen.
    swap_off(device)?;
    fs::create_dir_all(work).at("create", work)?;
    if capture(command("mount").arg(device).arg(work))?.status.success() {
        for candidate in swaps.iter().flat_map(|file| suffixes(file)) {
            let file = work.join(candidate);
            if file.is_file() {
                swap_off(&file)?;
            }
        }
        run("umount", [work])?;
    }
    fs::remove_dir(work).at("remove", work)
}

/// The paths in `/proc/swaps`, as far as the kernel knows them.
fn swap_files(swaps: &str) -> Vec<PathBuf> {
    let lines = swaps.lines().skip(1);
    lines
        .filter_map(|line| line.split_whitespace().next())
        .map(|path| path.replace(r"\040", " ").into())
        .collect()
}

/// Every way to take directories off the front of a path.
fn suffixes(path: &Path) -> Vec<PathBuf> {
    let parts: Vec<_> = path.iter().filter(|part| *part != "/").collect();
    (0..parts.len()).map(|from| parts[from..].iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_share_no_device_and_the_last_one_has_a_number_that_fits() {
        let one = Devices::of_host(1, 255);
        let two = Devices::of_host(2, 0);
        assert_eq!(one.numbers.last().map(|number| number + 1), two.numbers.first().copied());
        assert!(Devices::of_host(255, 255).numbers.iter().all(|number| *number < 1 << 20));
    }

    #[test]
    fn a_swap_file_is_looked_for_wherever_it_was_mounted() {
        let text = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n\
                    /mnt/a/my\\040swap                       file\t\t8188\t\t0\t\t-2\n";
        let files = swap_files(text);
        assert_eq!(files, [Path::new("/mnt/a/my swap")]);
        assert_eq!(suffixes(&files[0]), ["mnt/a/my swap", "a/my swap", "my swap"].map(PathBuf::from));
    }
}
