//! apk. Its parsers are tested with what apk-tools 2.14 prints; it was not run here.

use std::{fs, path::Path, time::Duration};

use engine_protocol::{Mode, Resource};

use super::{
    Installed, PackageError,
    manager::{Manager, Transaction, Update, Versioned, failed, versioned},
};
use crate::{
    command::Run,
    provider::{Context, Error},
};

const DATABASE: &str = "/lib/apk/db/installed";

/// Alpine's package manager.
#[derive(Debug, Clone, Copy)]
pub struct Apk;

fn apk(words: &[&str], targets: &[String]) -> Result<String, PackageError> {
    let what = format!("`apk {} {}`", words.join(" "), targets.join(" "));
    let words =
        ["apk", "--no-progress"].iter().chain(words).copied().chain(targets.iter().map(String::as_str));
    Run::new(words).timeout(Duration::MAX).parsed().succeed().map_err(failed(what))
}

impl Manager for Apk {
    fn name(&self) -> &'static str {
        "apk"
    }

    fn installed(&self) -> Result<Installed, PackageError> {
        let text = fs::read(DATABASE)
            .map_err(|source| PackageError::Status { path: Path::new(DATABASE).to_owned(), source })?;
        Ok(parse(&String::from_utf8_lossy(&text)))
    }

    fn candidates(&self, names: &[&str], context: &Context<'_>) -> Result<Vec<Versioned>, PackageError> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        if context.mode == Mode::Apply {
            apk(&["update", "-q"], &[])?;
        }
        Ok(parse_policy(&apk(&["policy"], &names)?))
    }

    fn file(&self, _: &str) -> Result<Versioned, PackageError> {
        Err(PackageError::Cannot { manager: "apk", reason: "package files are not supported" })
    }

    fn updates(
        &self,
        security_only: bool,
        _: &Resource,
        context: &mut Context<'_>,
    ) -> Result<Vec<Update>, Error> {
        if security_only {
            let reason = "it does not tell security updates from others";
            return Err(PackageError::Cannot { manager: "apk", reason }.into());
        }
        if context.mode == Mode::Apply {
            apk(&["update", "-q"], &[])?;
        }
        Ok(parse_updates(&apk(&["version", "-l", "<"], &[])?))
    }

    fn carry_out(&self, transaction: &Transaction, _: &Resource, _: &mut Context<'_>) -> Result<(), Error> {
        match transaction {
            Transaction::Install(packages) => {
                apk(&["add", "--upgrade"], &packages.iter().map(versioned).collect::<Vec<_>>())?;
            }
            Transaction::InstallFile(path) => drop(self.file(path)?),
            Transaction::Remove(names) => drop(apk(&["del"], names)?),
            Transaction::Purge(names) => drop(apk(&["del", "--purge"], names)?),
            Transaction::Update { .. } => drop(apk(&["upgrade"], &[])?),
            Transaction::Lock(_) | Transaction::Unlock(_) => {
                let reason = self.cannot_lock().unwrap_or_default();
                return Err(PackageError::Cannot { manager: "apk", reason }.into());
            }
        }
        Ok(())
    }

    fn cannot_lock(&self) -> Option<&'static str> {
        Some("it holds a package by its version in /etc/apk/world; set `version` instead")
    }
}

/// Reads apk's database: paragraphs with the fields `P` (name), `V` (version), `p` (what it provides).
fn parse(text: &str) -> Installed {
    let mut installed = Installed::default();
    for paragraph in text.split("\n\n") {
        let field = |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name));
        if let (Some(name), Some(version)) = (field("P:"), field("V:")) {
            installed.versions.insert(name.to_owned(), version.to_owned());
        }
        for provided in field("p:").into_iter().flat_map(|list| list.split(' ')) {
            let name = provided.split(['=', '<', '>', '~']).next().unwrap_or_default();
            installed.provided.insert(name.to_owned());
        }
    }
    installed
}

/// Reads `apk policy`: a name, then its versions from the newest to the oldest, each with where it is had.
fn parse_policy(output: &str) -> Vec<Versioned> {
    let mut candidates: Vec<Versioned> = Vec::new();
    let mut name = None;
    for line in output.lines() {
        match (line.strip_suffix(" policy:"), line.trim().strip_suffix(':')) {
            (Some(heading), _) => name = Some(heading.to_owned()),
            (None, Some(version)) => candidates.extend(name.take().map(|name| (name, version.to_owned()))),
            _ => {}
        }
    }
    candidates
}

/// Reads `apk version -l '<'`: `name-version < version`.
fn parse_updates(output: &str) -> Vec<Update> {
    let update = |line: &str| {
        let (installed, new) = line.split_once('<')?;
        // A version begins with a digit and has one dash, before its revision.
        let (rest, revision) = installed.trim().rsplit_once('-')?;
        let (name, version) = rest.rsplit_once('-')?;
        let old = Some(format!("{version}-{revision}"));
        Some(Update { name: name.to_owned(), old, new: new.trim().to_owned() })
    };
    output.lines().filter_map(update).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_apk_keeps_and_prints() {
        let database = "C:Q1abc=\nP:musl\nV:1.2.4-r2\nA:x86_64\np:so:libc.musl-x86_64.so.1=1\n\n\
                        P:busybox\nV:1.36.1-r5\np:/bin/sh cmd:ash=1.36.1-r5\n";
        let installed = parse(database);
        assert_eq!(installed.version("busybox"), Some("1.36.1-r5"));
        assert!(installed.is_provided("/bin/sh") && installed.is_provided("cmd:ash"));
        let policy = "nginx policy:\n  1.24.0-r7:\n    https://example.org/alpine/v3.18/main\n  1.24.0-r6:\n    lib/apk/db/installed\n";
        assert_eq!(parse_policy(policy), [("nginx".to_owned(), "1.24.0-r7".to_owned())]);
        let updates = "Installed:                                Available:\n\
                       apk-tools-2.14.0-r2                     < 2.14.4-r0 \nca-certificates-20230506-r0 < 20240226-r0\n";
        assert_eq!(
            parse_updates(updates)[1],
            Update {
                name: "ca-certificates".into(),
                old: Some("20230506-r0".into()),
                new: "20240226-r0".into()
            }
        );
    }
}
