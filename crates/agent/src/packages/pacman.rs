//! pacman. Its parsers are tested with what pacman 6.0 prints; it was not run here.

use std::time::Duration;

use engine_protocol::{Mode, Resource};

use super::{
    Installed, PackageError,
    manager::{Manager, Transaction, Update, Versioned, failed},
};
use crate::{
    command::Run,
    provider::{Context, Error},
};

/// Arch's package manager.
#[derive(Debug, Clone, Copy)]
pub struct Pacman;

fn pacman(words: &[&str], targets: &[String], statuses: &[i32]) -> Result<String, PackageError> {
    let what = format!("`pacman {} {}`", words.join(" "), targets.join(" "));
    let words = ["pacman"].iter().chain(words).copied().chain(targets.iter().map(String::as_str));
    Run::new(words).timeout(Duration::MAX).parsed().expect(statuses).map_err(failed(what))
}

fn change(words: &[&str], targets: &[String]) -> Result<(), PackageError> {
    let words: Vec<&str> = words.iter().copied().chain(["--noconfirm", "--"]).collect();
    pacman(&words, targets, &[0]).map(drop)
}

const NO_VERSION: &str =
    "its repositories have one version alone; leave `version` out or give a package file";

impl Manager for Pacman {
    fn name(&self) -> &'static str {
        "pacman"
    }

    fn installed(&self) -> Result<Installed, PackageError> {
        let mut installed = Installed::default();
        installed.versions.extend(parse_list(&pacman(&["-Q"], &[], &[0])?));
        Ok(installed)
    }

    fn candidates(&self, names: &[&str], context: &Context<'_>) -> Result<Vec<Versioned>, PackageError> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        if context.mode == Mode::Apply {
            pacman(&["-Sy", "--quiet"], &[], &[0])?;
        }
        Ok(parse_info(&pacman(&["-Si", "--"], &names, &[0, 1])?))
    }

    fn file(&self, path: &str) -> Result<Versioned, PackageError> {
        let output = pacman(&["-Qp", "--"], &[path.to_owned()], &[0])?;
        let what = || PackageError::Output { what: "`pacman -Qp`".to_owned() };
        parse_list(&output).into_iter().next().ok_or_else(what)
    }

    fn updates(
        &self,
        security_only: bool,
        _: &Resource,
        context: &mut Context<'_>,
    ) -> Result<Vec<Update>, Error> {
        if security_only {
            let reason = "it does not tell security updates from others";
            return Err(PackageError::Cannot { manager: "pacman", reason }.into());
        }
        if context.mode == Mode::Apply {
            pacman(&["-Sy", "--quiet"], &[], &[0])?;
        }
        // It says with 1 that there is none.
        Ok(parse_updates(&pacman(&["-Qu"], &[], &[0, 1])?))
    }

    fn carry_out(&self, transaction: &Transaction, _: &Resource, _: &mut Context<'_>) -> Result<(), Error> {
        match transaction {
            Transaction::Install(packages) if packages.iter().any(|(_, version)| version.is_some()) => {
                return Err(PackageError::Cannot { manager: "pacman", reason: NO_VERSION }.into());
            }
            Transaction::Install(packages) => {
                let names: Vec<String> = packages.iter().map(|(name, _)| name.clone()).collect();
                change(&["-S"], &names)?;
            }
            Transaction::InstallFile(path) => change(&["-U"], std::slice::from_ref(path))?,
            Transaction::Remove(names) => change(&["-R"], names)?,
            Transaction::Purge(names) => change(&["-Rn"], names)?,
            Transaction::Update { .. } => drop(pacman(&["-Su", "--noconfirm"], &[], &[0])?),
            Transaction::Lock(_) | Transaction::Unlock(_) => {
                let reason = self.cannot_lock().unwrap_or_default();
                return Err(PackageError::Cannot { manager: "pacman", reason }.into());
            }
        }
        Ok(())
    }

    fn cannot_lock(&self) -> Option<&'static str> {
        Some("it holds packages by `IgnorePkg` in /etc/pacman.conf; use ini_setting for that file")
    }
}

/// Reads `pacman -Q`: a name and a version a line.
fn parse_list(output: &str) -> Vec<Versioned> {
    let package =
        |line: &str| line.split_once(' ').map(|(name, version)| (name.to_owned(), version.to_owned()));
    output.lines().filter_map(package).collect()
}

/// Reads `pacman -Si`: paragraphs of `Name` and `Version`.
fn parse_info(output: &str) -> Vec<Versioned> {
    let mut name = None;
    let mut candidates = Vec::new();
    for (key, value) in output.lines().filter_map(|line| line.split_once(" : ")) {
        match key.trim() {
            "Name" => name = Some(value.to_owned()),
            "Version" => candidates.extend(name.take().map(|name| (name, value.to_owned()))),
            _ => {}
        }
    }
    candidates
}

/// Reads `pacman -Qu`: `name old -> new`; what is ignored has a remark.
fn parse_updates(output: &str) -> Vec<Update> {
    let update = |line: &str| match line.split(' ').collect::<Vec<_>>()[..] {
        [name, old, "->", new] => {
            Some(Update { name: name.to_owned(), old: Some(old.to_owned()), new: new.to_owned() })
        }
        _ => None,
    };
    output.lines().filter_map(update).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pacman_prints() {
        assert_eq!(parse_list("bash 5.2.026-2\n"), [("bash".to_owned(), "5.2.026-2".to_owned())]);
        let info = "Repository      : extra\nName            : nginx\nVersion         : 1.26.0-1\nDescription     : x : y\n";
        assert_eq!(parse_info(info), [("nginx".to_owned(), "1.26.0-1".to_owned())]);
        let updates = parse_updates("bash 5.2.026-1 -> 5.2.026-2\nlinux 6.8-1 -> 6.9-1 [ignored]\n");
        assert_eq!(
            updates,
            [Update { name: "bash".into(), old: Some("5.2.026-1".into()), new: "5.2.026-2".into() }]
        );
    }
}
