//! Runs other programs; a failure always names the whole command line.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::error::{Error, IoContext, Result};

/// The programs the harness calls and the packages that bring them.
const PROGRAMS: &[(&str, &str)] = &[
    ("systemd-nspawn", "systemd-container"),
    ("mmdebstrap", "mmdebstrap"),
    ("nft", "nftables"),
    ("ip", "iproute2"),
    ("ssh", "openssh-client"),
    ("ssh-keygen", "openssh-client"),
    ("apt-cacher-ng", "apt-cacher-ng"),
    ("apt-get", "apt"),
    ("apt-ftparchive", "apt-utils"),
    ("dpkg-deb", "dpkg"),
    ("gpg", "gpg"),
    ("gpgconf", "gpgconf"),
    ("gpg-agent", "gpg-agent"),
    ("nsenter", "util-linux"),
    ("setsid", "util-linux"),
    ("mount", "mount"),
    ("losetup", "mount"),
    ("chroot", "coreutils"),
];

/// Fails with the list of packages to install if a program is missing.
pub(crate) fn check_programs() -> Result<()> {
    let path = search_path();
    let missing =
        missing_programs(|program| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()));
    if missing.is_empty() {
        return Ok(());
    }
    let mut packages: Vec<String> = missing.iter().map(|(_, p)| (*p).to_owned()).collect();
    packages.dedup();
    Err(Error::MissingPackages { programs: missing.iter().map(|(p, _)| (*p).to_owned()).collect(), packages })
}

fn missing_programs(exists: impl Fn(&str) -> bool) -> Vec<(&'static str, &'static str)> {
    PROGRAMS.iter().copied().filter(|(program, _)| !exists(program)).collect()
}

/// Fails unless the effective user is root.
pub(crate) fn check_root() -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let uid = fs::metadata("/proc/self").at("read", "/proc/self")?.uid();
    if uid == 0 { Ok(()) } else { Err(Error::NotRoot) }
}

/// The search path with the system directories an unprivileged shell may lack.
fn search_path() -> String {
    let own = std::env::var("PATH").unwrap_or_default();
    format!("{own}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin")
}

/// A command with a known search path and nothing on standard input.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", search_path()).env("LC_ALL", "C").stdin(Stdio::null());
    command
}

/// A command that runs in another root, with nothing of our environment.
pub(crate) fn chroot<I, S>(root: &Path, argv: I) -> Command
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = command("chroot");
    command
        .arg(root)
        .args(["/usr/bin/env", "-i", "HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"])
        .arg("PATH=/usr/sbin:/usr/bin:/sbin:/bin")
        .args(argv);
    command
}

/// The command line as one would type it.
pub(crate) fn argv(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| {
            let word = word.to_string_lossy();
            if word.is_empty() || word.contains(|c: char| c.is_whitespace() || c == '"') {
                format!("'{word}'")
            } else {
                word.into_owned()
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// Runs a command to its end and captures what it says, whatever its status.
pub(crate) fn capture(command: &mut Command) -> Result<Output> {
    command.output().map_err(|source| Error::Spawn { argv: argv(command), source })
}

/// Runs a command that must succeed and returns its standard output.
pub(crate) fn run_command(command: &mut Command) -> Result<String> {
    let output = capture(command)?;
    check(command, &output)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a program that must succeed and returns its standard output.
pub(crate) fn run<I, S>(program: &str, args: I) -> Result<String>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    run_command(command(program).args(args))
}

/// Runs a program with a text on its standard input.
pub(crate) fn run_with_input(program: &str, args: &[&str], input: &str) -> Result<String> {
    let mut command = command(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let failed = |source, command: &Command| Error::Spawn { argv: argv(command), source };
    let mut child = command.spawn().map_err(|e| failed(e, &command))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ends early says why on standard error.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(|e| failed(e, &command))?;
    check(&command, &output)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn check(command: &Command, output: &Output) -> Result<()> {
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Command {
        argv: argv(command),
        status: output.status.to_string(),
        stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

/// Starts a shell script that outlives this process, its output in `log`.
pub(crate) fn spawn_detached(script: &Path, log: &Path) -> Result<()> {
    let out = fs::File::options().create(true).append(true).open(log).at("open", log)?;
    let err = out.try_clone().at("open", log)?;
    let mut command = command("setsid");
    command.args(["--fork", "sh"]).arg(script).stdout(out).stderr(err).current_dir("/");
    let status = command.status().map_err(|source| Error::Spawn { argv: argv(&command), source })?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Command {
        argv: argv(&command),
        status: status.to_string(),
        stderr: format!("see {}", log.display()),
    })
}

/// Asks `done` until it says yes; fails when the time is over.
pub(crate) fn wait_until(
    what: &str,
    after: Duration,
    log: Option<&Path>,
    mut done: impl FnMut() -> Result<bool>,
) -> Result<()> {
    let start = Instant::now();
    loop {
        if done()? {
            return Ok(());
        }
        if start.elapsed() >= after {
            return Err(Error::Timeout {
                what: what.to_owned(),
                after,
                detail: log.map(tail).unwrap_or_default(),
            });
        }
        sleep(Duration::from_millis(30));
    }
}

/// The last lines of a log, for an error message.
fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(15);
    format!("; the end of {}:\n{}", log.display(), lines[from..].join("\n"))
}

/// Quotes a word for the shell.
pub(crate) fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_packages_of_missing_programs() {
        let missing = missing_programs(|p| p != "nft" && p != "mmdebstrap");
        assert_eq!(missing, [("mmdebstrap", "mmdebstrap"), ("nft", "nftables")]);
    }

    #[test]
    fn failures_name_the_command_line_and_its_stderr() {
        let error = run("sh", ["-c", "echo oh no >&2; exit 3"]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("sh -c 'echo oh no >&2; exit 3'"), "{text}");
        assert!(text.ends_with("oh no"), "{text}");
    }

    #[test]
    fn quotes_for_the_shell() {
        assert_eq!(quote("it's"), r"'it'\''s'");
    }
}
