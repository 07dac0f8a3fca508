//! What a process costs: wall time, CPU time and peak memory, of it and all its children.

use std::{
    ffi::OsString,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

/// What a process cost.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Cost {
    /// From start to end.
    pub wall: Duration,
    /// User and system time on this side.
    pub cpu: Duration,
    /// Peak resident memory, in KiB; of several processes, the largest.
    pub memory: u64,
}

/// Runs a command in a process of its own that has no other children, so that what the kernel counts is the command's.
/// Fails if the command does.
pub fn measure(command: &[OsString], directory: &Path) -> anyhow::Result<Cost> {
    let this = std::env::current_exe().context("the path of this program")?;
    let shown = command.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    let output = Command::new(this)
        .args(["measure", "--"])
        .args(command)
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .with_context(|| shown.clone())?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("{shown}: {}\n{said}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    let last = said.lines().last().unwrap_or_default();
    serde_json::from_str(last).with_context(|| format!("{shown}: no cost in `{last}`"))
}

/// The other side of [`measure`].
pub fn child(argv: &[OsString]) -> anyhow::Result<()> {
    let (program, arguments) = argv.split_first().context("no command")?;
    let start = Instant::now();
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| program.to_string_lossy().into_owned())?;
    let wall = start.elapsed();
    if !output.status.success() {
        print!("{}", String::from_utf8_lossy(&output.stdout));
        bail!("{}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("getrusage")?;
    let time = |value: nix::sys::time::TimeVal| {
        let micros = value.tv_sec() * 1_000_000 + value.tv_usec();
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    };
    let cost = Cost {
        wall,
        cpu: time(usage.user_time()) + time(usage.system_time()),
        memory: u64::try_from(usage.max_rss()).unwrap_or(0),
    };
    println!("{}", serde_json::to_string(&cost)?);
    Ok(())
}

/// The middle one; of an even number, the lower of the two.
pub fn median<T: Copy + Ord>(values: impl IntoIterator<Item = T>) -> Option<T> {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort_unstable();
    values.get(values.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median([3, 1, 2]), Some(2));
        assert_eq!(median([4, 1, 2, 3]), Some(2));
        assert_eq!(median::<u8>([]), None);
    }
}
