//! apt, through `apt-get`, `apt-cache`, `apt-mark` and `dpkg-deb`.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use engine_protocol::{Mode, Resource};

use super::{
    Installed, PackageError,
    dpkg::{self, lock_holder},
    manager::{Manager, Transaction, Update, Versioned, failed, is_fresh, older, versioned},
};
use crate::{
    command::{CommandError, Run},
    provider::{Context, Error},
};

/// Files whose age is the age of the package lists; the state directory has one more.
const STAMPS: [&str; 2] = ["/var/lib/apt/periodic/update-success-stamp", "/var/lib/apt/lists"];

/// The stamp in the agent's state directory: apt leaves no trace of a fetch that found nothing new.
const STAMP: &str = "apt-updated";

/// What cannot be fetched is a failure, and no mere warning.
const STRICT: &str = "APT::Update::Error-Mode=any";

/// What packages leave that want a reboot (Debian's and Ubuntu's update-notifier and unattended-upgrades).
const REBOOT: [&str; 2] = ["/run/reboot-required", "/run/reboot-required.pkgs"];

/// Debian's package manager and its descendants'.
#[derive(Debug, Clone, Copy)]
pub struct Apt;

impl Manager for Apt {
    fn name(&self) -> &'static str {
        "apt"
    }

    fn installed(&self) -> Result<Installed, PackageError> {
        dpkg::read()
    }

    fn candidates(&self, names: &[&str], context: &Context<'_>) -> Result<Vec<Versioned>, PackageError> {
        let words = ["apt-cache"].iter().chain(read_only(context.mode)).chain(&["policy", "--"]).chain(names);
        let output = Run::new(words).parsed().succeed().map_err(failed("`apt-cache policy`"))?;
        Ok(parse_policy(&output))
    }

    fn file(&self, path: &str) -> Result<Versioned, PackageError> {
        let words = ["dpkg-deb", "--show", "--showformat=${Package}\\n${Version}\\n", path];
        let output = Run::new(words).parsed().succeed().map_err(failed("`dpkg-deb --show`"))?;
        parse_file(&output).ok_or_else(|| PackageError::Output { what: "`dpkg-deb --show`".to_owned() })
    }

    fn outdated(&self, context: &Context<'_>) -> Option<String> {
        let own = context.node.settings.state_dir.join(STAMP);
        let fresh = is_fresh(&own) || STAMPS.iter().any(|path| is_fresh(Path::new(path)));
        (!fresh).then(|| older("apt-get update"))
    }

    fn refresh(&self, resource: &Resource, context: &mut Context<'_>) -> Result<(), Error> {
        wait_for_lock(resource, context)?;
        Ok(update(context)?)
    }

    fn updates(
        &self,
        security_only: bool,
        _: &Resource,
        context: &mut Context<'_>,
    ) -> Result<Vec<Update>, Error> {
        let words = ["-s", "-o", "Debug::NoLocking=1", "upgrade", "--with-new-pkgs"];
        let words = ["apt-get"].iter().chain(read_only(context.mode)).chain(&words);
        let output = Run::new(words).parsed().succeed().map_err(failed("`apt-get -s upgrade`"))?;
        let all = parse_simulation(&output).into_iter();
        Ok(all.filter(|(_, security)| *security || !security_only).map(|(update, _)| update).collect())
    }

    fn carry_out(
        &self,
        transaction: &Transaction,
        resource: &Resource,
        context: &mut Context<'_>,
    ) -> Result<(), Error> {
        wait_for_lock(resource, context)?;
        let (options, targets): (&[&str], Vec<String>) = match transaction {
            Transaction::Install(packages) => {
                let names: Vec<String> = packages.iter().map(|(name, _)| name.clone()).collect();
                plain(&names)?;
                let versions = packages.iter().any(|(_, version)| version.is_some());
                let options: &[&str] =
                    if versions { &["install", "--allow-downgrades"] } else { &["install"] };
                (options, packages.iter().map(versioned).collect())
            }
            Transaction::InstallFile(path) => (&["install", "--allow-downgrades"], vec![path.clone()]),
            Transaction::Remove(names) => (&["remove"], names.clone()),
            Transaction::Purge(names) => (&["purge"], names.clone()),
            Transaction::Update { security_only: true, updates } => {
                let targets = updates.iter().map(|update| format!("{}={}", update.name, update.new));
                (&["install"], targets.collect())
            }
            Transaction::Update { security_only: false, .. } => (&["upgrade", "--with-new-pkgs"], Vec::new()),
            Transaction::Lock(names) => return Ok(mark("hold", names)?),
            Transaction::Unlock(names) => return Ok(mark("unhold", names)?),
        };
        plain(&targets)?;
        let what = format!("`apt-get {} {}`", options[0], targets.join(" "));
        let mut arguments = options.to_vec();
        arguments.push("--");
        arguments.extend(targets.iter().map(String::as_str));
        let result = match apt_get(&arguments, context).succeed() {
            Err(error) if options[0] == "install" && lists_may_be_old(&error) => {
                update(context)?;
                apt_get(&arguments, context).succeed()
            }
            result => result,
        };
        result.map_err(failed(what))?;
        Ok(())
    }

    fn reboot_required(&self) -> Option<String> {
        Path::new(REBOOT[0]).exists().then(|| {
            let packages = fs::read_to_string(REBOOT[1]).unwrap_or_default();
            let mut names: Vec<&str> = packages.lines().collect();
            names.sort_unstable();
            names.dedup();
            if names.is_empty() { "a package says so".to_owned() } else { names.join(", ") }
        })
    }
}

/// apt-get reads a `-` or `+` at the end of a name as an instruction; `g++` is a name all the same.
fn plain(names: &[String]) -> Result<(), PackageError> {
    let instruction = |name: &&String| name.ends_with('-') || (name.ends_with('+') && !name.ends_with("++"));
    // A version may end with a plus.
    match names.iter().filter(|name| !name.contains('=')).find(instruction) {
        Some(name) => Err(PackageError::Name { name: name.clone() }),
        None => Ok(()),
    }
}

fn mark(verb: &str, names: &[String]) -> Result<(), PackageError> {
    let words = ["apt-mark", verb, "--"].into_iter().chain(names.iter().map(String::as_str));
    Run::new(words).succeed().map_err(failed(format!("`apt-mark {verb} {}`", names.join(" "))))?;
    Ok(())
}

fn parse_file(output: &str) -> Option<Versioned> {
    let mut lines = output.lines();
    Some((lines.next()?.to_owned(), lines.next()?.to_owned()))
}

fn lists_may_be_old(error: &CommandError) -> bool {
    const SIGNS: [&str; 5] = [
        "Unable to locate package",
        "has no installation candidate",
        "Unable to fetch some archives",
        "was not found",
        "404  Not Found",
    ];
    let text = error.to_string();
    SIGNS.iter().any(|sign| text.contains(sign))
}

/// Even those programs of apt that only look keep what they made of the package lists in `/var/cache/apt`; in a plan
/// they must make it anew, which takes half a second, and forget it.
fn read_only(mode: Mode) -> &'static [&'static str] {
    match mode {
        Mode::Plan => &["-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="],
        Mode::Apply => &[],
    }
}

/// Reads names and candidates from the output of `apt-cache policy`.
pub fn parse_policy(output: &str) -> Vec<(String, String)> {
    let mut name = "";
    let mut candidates = Vec::new();
    for line in output.lines() {
        if let Some(heading) = line.strip_suffix(':').filter(|line| !line.starts_with(' ')) {
            name = heading;
        } else if let Some(version) =
            line.strip_prefix("  Candidate: ").filter(|version| *version != "(none)")
        {
            candidates.push((name.to_owned(), version.to_owned()));
        }
    }
    candidates
}

/// Reads what a simulated upgrade would install, and whether it comes from where security updates do.
pub fn parse_simulation(output: &str) -> Vec<(Update, bool)> {
    output
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.strip_prefix("Inst ")?.split_once(' ')?;
            let (old, rest) = match rest.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
                Some((old, rest)) => (Some(old.to_owned()), rest),
                None => (None, rest),
            };
            let origin = rest.strip_prefix('(')?;
            let new = origin.split([' ', ')']).next()?.to_owned();
            // `Debian-Security:12/stable-security`, `Ubuntu:22.04/jammy-security`.
            let security =
                origin.split(')').next().is_some_and(|origin| origin.to_lowercase().contains("-security"));
            Some((Update { name: name.to_owned(), old, new }, security))
        })
        .collect()
}

fn apt_get(arguments: &[&str], context: &Context<'_>) -> Run {
    let wait = format!("DPkg::Lock::Timeout={}", context.node.settings.lock_wait.as_secs());
    let options = [
        "apt-get",
        "-y",
        "-q",
        "-o",
        "Dpkg::Options::=--force-confdef",
        "-o",
        "Dpkg::Options::=--force-confold",
        "-o",
        &wait,
    ];
    Run::new(options.iter().chain(arguments)).env("DEBIAN_FRONTEND", "noninteractive").timeout(Duration::MAX)
}

/// Fetches the lists of all repositories.
pub(super) fn update(context: &mut Context<'_>) -> Result<(), PackageError> {
    let run = apt_get(&["-o", STRICT, "update"], context);
    run.succeed().map_err(failed("`apt-get update`"))?;
    // Without the stamp the lists are fetched again too early, which does no harm.
    let _ = fs::create_dir_all(&context.node.settings.state_dir);
    let _ = fs::write(context.node.settings.state_dir.join(STAMP), b"");
    Ok(())
}

/// Fetches the lists of the repositories in one file, and leaves those of the others alone.
pub(super) fn update_one(path: &str, context: &Context<'_>) -> Result<(), PackageError> {
    let source = format!("Dir::Etc::sourcelist={path}");
    let others = ["-o", "Dir::Etc::sourceparts=-", "-o", "APT::Get::List-Cleanup=0"];
    let words = [&["-o", STRICT, "-o", source.as_str()], others.as_slice(), &["update"]].concat();
    apt_get(&words, context).succeed().map_err(failed(format!("`apt-get update` of {path}")))?;
    Ok(())
}

/// Waits until no other package manager runs.
pub(super) fn wait_for_lock(resource: &Resource, context: &mut Context<'_>) -> Result<(), Error> {
    let limit = context.node.settings.lock_wait;
    let deadline = Instant::now() + limit;
    let mut told = false;
    while let Some(holder) = lock_holder() {
        let seconds = limit.as_secs();
        if (context.stopping)() {
            return Err(Error::Stopped);
        }
        if Instant::now() >= deadline {
            return Err(PackageError::Locked { holder, seconds }.into());
        }
        if !told {
            let message = format!("the package lock, held by {holder}, for at most {seconds} s");
            context.waiting(resource, message);
            told = true;
        }
        thread::sleep(Duration::from_millis(250));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_read_from_policy() {
        let output = "nginx-light:\n  Installed: (none)\n  Candidate: 1.22.1-9+deb12u1\n  Version table:\n\
                      \x20    1.22.1-9+deb12u1 500\n        500 http://mirror.example/debian bookworm/main amd64 Packages\n\
                      awk:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n";
        assert_eq!(parse_policy(output), [("nginx-light".to_owned(), "1.22.1-9+deb12u1".to_owned())]);
    }

    #[test]
    fn a_simulated_upgrade_says_what_goes_from_what_to_what() {
        let output = "Reading package lists...\nThe following packages will be upgraded:\n  base-files\n\
            Inst base-files [12.4+deb12u5] (12.4+deb12u6 Debian:12.6/stable [amd64])\n\
            Inst linux-image-6.1.0-23-amd64 (6.1.99-1 Debian-Security:12/stable-security [amd64])\n\
            Conf base-files (12.4+deb12u6 Debian:12.6/stable [amd64])\n";
        assert_eq!(
            parse_simulation(output),
            [
                (
                    Update {
                        name: "base-files".to_owned(),
                        old: Some("12.4+deb12u5".to_owned()),
                        new: "12.4+deb12u6".to_owned()
                    },
                    false
                ),
                (
                    Update {
                        name: "linux-image-6.1.0-23-amd64".to_owned(),
                        old: None,
                        new: "6.1.99-1".to_owned()
                    },
                    true
                ),
            ]
        );
    }

    #[test]
    fn names_that_apt_would_take_for_instructions_are_refused() {
        for name in ["nginx-", "nginx+", "a:amd64-"] {
            assert!(plain(&[name.to_owned()]).is_err(), "{name:?}");
        }
        for name in ["g++", "libstdc++6", "libc6:i386"] {
            assert!(plain(&[name.to_owned()]).is_ok(), "{name:?}");
        }
    }

    /// dpkg 1.21.22.
    #[test]
    fn a_package_file_says_what_it_is() {
        assert_eq!(parse_file("hello\n2.10-3\n"), Some(("hello".into(), "2.10-3".into())));
        assert_eq!(parse_file("hello\n"), None);
    }
}
