//! zypper. Its parsers are tested with what zypper 1.14 prints; it was not run here.

use std::time::Duration;

use engine_protocol::{Mode, Resource};

use super::{
    Installed, PackageError,
    manager::{Manager, Transaction, Update, Versioned, failed, versioned},
    rpm,
};
use crate::{
    command::Run,
    provider::{Context, Error},
};

/// Statuses that are no failure: updates that want a reboot, or zypper itself restarted (zypper(8), EXIT CODES).
const DONE: [i32; 4] = [0, 102, 103, 106];

/// The package manager of SUSE's distributions.
#[derive(Debug, Clone, Copy)]
pub struct Zypper;

fn zypper(words: &[&str]) -> Run {
    Run::new(["zypper", "--non-interactive", "--quiet"].iter().chain(words)).timeout(Duration::MAX)
}

fn change(words: &[&str], targets: &[String]) -> Result<(), PackageError> {
    let what = format!("`zypper {} {}`", words.join(" "), targets.join(" "));
    let words: Vec<&str> =
        words.iter().copied().chain(["--"]).chain(targets.iter().map(String::as_str)).collect();
    zypper(&words).expect(&DONE).map_err(failed(what))?;
    Ok(())
}

impl Manager for Zypper {
    fn name(&self) -> &'static str {
        "zypper"
    }

    fn installed(&self) -> Result<Installed, PackageError> {
        let mut installed = rpm::read()?;
        let locks = std::fs::read_to_string("/etc/zypp/locks").unwrap_or_default();
        installed.held.extend(parse_locks(&locks));
        Ok(installed)
    }

    fn candidates(&self, names: &[&str], context: &Context<'_>) -> Result<Vec<Versioned>, PackageError> {
        let mut words = vec!["info", "--"];
        if context.mode == Mode::Plan {
            words.insert(0, "--no-refresh");
        }
        words.extend(names);
        Ok(parse_info(&zypper(&words).parsed().succeed().map_err(failed("`zypper info`"))?))
    }

    fn file(&self, path: &str) -> Result<Versioned, PackageError> {
        rpm::file(path)
    }

    fn updates(
        &self,
        security_only: bool,
        _: &Resource,
        context: &mut Context<'_>,
    ) -> Result<Vec<Update>, Error> {
        let mut words: Vec<&str> = if context.mode == Mode::Plan { vec!["--no-refresh"] } else { Vec::new() };
        if security_only {
            words.extend(["list-patches", "--category", "security"]);
            let output =
                zypper(&words).parsed().expect(&[0, 100, 101]).map_err(failed("`zypper list-patches`"))?;
            return Ok(parse_patches(&output));
        }
        words.push("list-updates");
        Ok(parse_updates(&zypper(&words).parsed().succeed().map_err(failed("`zypper list-updates`"))?))
    }

    fn carry_out(&self, transaction: &Transaction, _: &Resource, _: &mut Context<'_>) -> Result<(), Error> {
        match transaction {
            Transaction::Install(packages) => {
                change(&["install", "--oldpackage"], &packages.iter().map(versioned).collect::<Vec<_>>())?;
            }
            Transaction::InstallFile(path) => {
                change(&["install", "--oldpackage"], std::slice::from_ref(path))?;
            }
            Transaction::Remove(names) | Transaction::Purge(names) => change(&["remove"], names)?,
            Transaction::Update { security_only: true, .. } => {
                zypper(&["patch", "--category", "security"])
                    .expect(&DONE)
                    .map_err(failed("`zypper patch`"))?;
            }
            Transaction::Update { security_only: false, .. } => {
                zypper(&["update"]).expect(&DONE).map_err(failed("`zypper update`"))?;
            }
            Transaction::Lock(names) => change(&["addlock"], names)?,
            Transaction::Unlock(names) => change(&["removelock"], names)?,
        }
        Ok(())
    }

    fn is_version(&self, wanted: &str, found: &str) -> bool {
        rpm::is_version(wanted, found)
    }

    fn reboot_required(&self) -> Option<String> {
        let finished = zypper(&["needs-rebooting"]).finish().ok()?;
        (finished.status.code() == Some(102)).then(|| "core libraries or services were updated".to_owned())
    }
}

/// Reads the names in `/etc/zypp/locks`.
fn parse_locks(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| line.strip_prefix("solvable_name: "))
        .map(|name| name.trim().to_owned())
        .collect()
}

/// Reads `zypper info`: paragraphs of `Name` and `Version`.
fn parse_info(output: &str) -> Vec<Versioned> {
    let mut name = None;
    let mut candidates = Vec::new();
    for (key, value) in output.lines().filter_map(|line| line.split_once(':')) {
        match (key.trim(), value.trim()) {
            ("Name", value) => name = Some(value.to_owned()),
            ("Version", value) => candidates.extend(name.take().map(|name| (name, value.to_owned()))),
            _ => {}
        }
    }
    candidates
}

/// The cells of a row of a table.
fn cells(line: &str) -> Vec<&str> {
    line.split('|').map(str::trim).collect()
}

/// Reads `zypper list-updates`: status, repository, name, current and available version, architecture.
fn parse_updates(output: &str) -> Vec<Update> {
    let update = |line: &str| match cells(line)[..] {
        ["v", _, name, old, new, _] => {
            Some(Update { name: name.to_owned(), old: Some(old.to_owned()), new: new.to_owned() })
        }
        _ => None,
    };
    output.lines().filter_map(update).collect()
}

/// Reads `zypper list-patches`: repository, name, category, severity, …
fn parse_patches(output: &str) -> Vec<Update> {
    let patch = |line: &str| match cells(line)[..] {
        [_, name, "security", severity, ..] => {
            Some(Update { name: name.to_owned(), old: None, new: format!("patch ({severity})") })
        }
        _ => None,
    };
    output.lines().filter_map(patch).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_zypper_prints() {
        let info = "Information for package nginx:\n------------------------------\nRepository     : Main\n\
                    Name           : nginx\nVersion        : 1.21.5-150400.3.3.1\nArch           : x86_64\n";
        assert_eq!(parse_info(info), [("nginx".to_owned(), "1.21.5-150400.3.3.1".to_owned())]);
        let updates = "S | Repository | Name  | Current Version | Available Version | Arch\n\
                       --+------------+-------+-----------------+-------------------+-------\n\
                       v | Update     | bash  | 4.4-1           | 4.4-2             | x86_64\n";
        assert_eq!(
            parse_updates(updates),
            [Update { name: "bash".into(), old: Some("4.4-1".into()), new: "4.4-2".into() }]
        );
        let patches = "Repository | Name            | Category | Severity  | Interactive | Status | Summary\n\
                       -----------+-----------------+----------+-----------+-------------+--------+--------\n\
                       Update     | SUSE-2024-1     | security | important | ---         | needed | Security update\n";
        assert_eq!(parse_patches(patches)[0].name, "SUSE-2024-1");
        assert_eq!(parse_locks("type: package\nmatch_type: glob\nsolvable_name: nginx\n"), ["nginx"]);
    }
}
