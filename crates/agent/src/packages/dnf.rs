//! dnf, and yum where it understands the same words.

use std::time::Duration;

use engine_protocol::{Mode, Resource};

use super::{
    Installed, PackageError,
    manager::{Manager, Transaction, Update, Versioned, failed, older},
    metadata, rpm,
};
use crate::{
    command::Run,
    provider::{Context, Error},
};

/// dnf says with this status of `check-update` that there are updates.
const UPDATES: i32 = 100;

/// The package manager of Red Hat's and Amazon's distributions.
#[derive(Debug, Clone, Copy)]
pub struct Dnf {
    /// `dnf` or `yum`.
    pub program: &'static str,
}

impl Dnf {
    fn run(self, words: &[&str]) -> Run {
        Run::new([self.program, "-y", "-q"].iter().chain(words)).timeout(Duration::MAX)
    }

    fn change(self, verb: &[&str], targets: &[String]) -> Result<(), PackageError> {
        let mut words = verb.to_vec();
        words.push("--");
        words.extend(targets.iter().map(String::as_str));
        let what = format!("`{} {} {}`", self.program, verb.join(" "), targets.join(" "));
        self.run(&words).succeed().map_err(failed(what))?;
        Ok(())
    }

    /// dnf takes the install of an older version for done, unless it is called a downgrade.
    fn install(self, packages: &[(String, Option<String>)]) -> Result<(), PackageError> {
        let target = |(name, version): &(String, Option<String>)| {
            version.as_ref().map_or_else(|| name.clone(), |version| format!("{name}-{version}"))
        };
        let before = rpm::read()?;
        let is_older =
            |(name, version): &&(String, Option<String>)| version.is_some() && before.version(name).is_some();
        let (present, new): (Vec<_>, Vec<_>) = packages.iter().partition(|package| is_older(package));
        if !new.is_empty() {
            // `install` leaves what is there alone; `upgrade` leaves out what is not.
            let (upgrade, install): (Vec<_>, Vec<_>) =
                new.into_iter().partition(|(name, _)| before.version(name).is_some());
            let targets = |packages: Vec<&(String, Option<String>)>| {
                packages.into_iter().map(target).collect::<Vec<_>>()
            };
            let (upgrade, install) = (targets(upgrade), targets(install));
            if !install.is_empty() {
                self.change(&["install"], &install)?;
            }
            if !upgrade.is_empty() {
                self.change(&["upgrade"], &upgrade)?;
            }
        }
        for package in present {
            let (name, version) = package;
            let wanted = version.as_deref().unwrap_or_default();
            self.change(&["install"], &[target(package)])?;
            if !rpm::read()?.version(name).is_some_and(|found| rpm::is_version(wanted, found)) {
                self.change(&["downgrade"], &[target(package)])?;
            }
        }
        Ok(())
    }
}

impl Manager for Dnf {
    fn name(&self) -> &'static str {
        self.program
    }

    fn installed(&self) -> Result<Installed, PackageError> {
        let mut installed = rpm::read()?;
        // The list of the plugin, if it is there.
        let list = std::fs::read_to_string("/etc/dnf/plugins/versionlock.list").unwrap_or_default();
        let held: Vec<String> = installed
            .versions
            .keys()
            .filter(|name| list.lines().any(|line| locks(line, name)))
            .cloned()
            .collect();
        installed.held.extend(held);
        Ok(installed)
    }

    fn candidates(&self, names: &[&str], context: &Context<'_>) -> Result<Vec<Versioned>, PackageError> {
        let mut words = vec!["repoquery", "--latest-limit", "1", "--queryformat", "%{name}\\t%{evr}\\n"];
        if context.mode == Mode::Plan {
            // What is known of the repositories is not fetched for a plan.
            words.insert(0, "--cacheonly");
        }
        words.push("--");
        words.extend(names);
        match self.run(&words).parsed().succeed() {
            Ok(output) => Ok(parse_candidates(&output)),
            // Nothing is known yet: the plan cannot say which version.
            Err(_) if context.mode == Mode::Plan => Ok(Vec::new()),
            Err(source) => Err(failed(format!("`{} repoquery`", self.program))(source)),
        }
    }

    fn file(&self, path: &str) -> Result<Versioned, PackageError> {
        rpm::file(path)
    }

    fn outdated(&self, _: &Context<'_>) -> Option<String> {
        (!metadata::is_fresh()).then(|| older(&format!("{} makecache --refresh", self.program)))
    }

    fn refresh(&self, _: &Resource, _: &mut Context<'_>) -> Result<(), Error> {
        let what = format!("`{} makecache --refresh`", self.program);
        self.run(&["makecache", "--refresh"]).succeed().map_err(failed(what))?;
        Ok(())
    }

    fn updates(
        &self,
        security_only: bool,
        _: &Resource,
        context: &mut Context<'_>,
    ) -> Result<Vec<Update>, Error> {
        let mut words = vec!["check-update"];
        if security_only {
            words.push("--security");
        }
        if context.mode == Mode::Plan {
            words.insert(0, "--cacheonly");
        }
        let what = format!("`{} check-update`", self.program);
        let output = self.run(&words).parsed().expect(&[0, UPDATES]).map_err(failed(what))?;
        let installed = super::installed(context)?;
        let old = |name: &str| installed.version(name).map(ToOwned::to_owned);
        Ok(parse_updates(&output)
            .into_iter()
            .map(|(name, new)| Update { old: old(&name), name, new })
            .collect())
    }

    fn carry_out(&self, transaction: &Transaction, _: &Resource, _: &mut Context<'_>) -> Result<(), Error> {
        match transaction {
            Transaction::Install(packages) => self.install(packages)?,
            Transaction::InstallFile(path) => {
                let file = [path.clone()];
                // A file of an older version than is installed is a downgrade.
                self.change(&["install"], &file)?;
                let (name, version) = rpm::file(path)?;
                if rpm::read()?.version(&name) != Some(&version) {
                    self.change(&["downgrade"], &file)?;
                }
            }
            // rpm knows no configuration that is left.
            Transaction::Remove(names) | Transaction::Purge(names) => self.change(&["remove"], names)?,
            Transaction::Update { security_only, .. } => {
                let words: &[&str] = if *security_only { &["upgrade", "--security"] } else { &["upgrade"] };
                self.run(words).succeed().map_err(failed(format!(
                    "`{} {}`",
                    self.program,
                    words.join(" ")
                )))?;
            }
            Transaction::Lock(names) => self.change(&["versionlock", "add"], names)?,
            Transaction::Unlock(names) => self.change(&["versionlock", "delete"], names)?,
        }
        Ok(())
    }

    fn is_version(&self, wanted: &str, found: &str) -> bool {
        rpm::is_version(wanted, found)
    }

    fn reboot_required(&self) -> Option<String> {
        // The plugin may be missing; then nobody knows.
        let finished = self.run(&["needs-restarting", "-r"]).finish().ok()?;
        let listed = finished.output.lines().filter_map(|line| line.trim().strip_prefix("* "));
        let names: Vec<&str> = listed.collect();
        (finished.status.code() == Some(1) && finished.output.contains("eboot")).then(|| {
            if names.is_empty() {
                "core libraries or services were updated".to_owned()
            } else {
                names.join(", ")
            }
        })
    }
}

/// Whether a line of the versionlock list, such as `engine-probe-0:1.0-1.*`, is for this package.
fn locks(line: &str, name: &str) -> bool {
    line.strip_prefix(name)
        .and_then(|rest| rest.strip_prefix('-'))
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()) && rest.contains(':'))
}

/// Reads `repoquery` in the form that is asked for above.
pub fn parse_candidates(output: &str) -> Vec<Versioned> {
    let version = |line: &str| {
        let (name, version) = line.split_once('\t')?;
        let version = version.strip_prefix("0:").unwrap_or(version);
        Some((name.to_owned(), version.to_owned()))
    };
    output.lines().filter_map(version).collect()
}

/// Reads `check-update`: name.architecture, version and repository; obsoletes, which follow, are left out.
pub fn parse_updates(output: &str) -> Vec<Versioned> {
    let update = |line: &str| {
        let mut fields = line.split_whitespace();
        let (name, version, repository) = (fields.next()?, fields.next()?, fields.next()?);
        let (name, _) = name.rsplit_once('.')?;
        (fields.next().is_none() && !repository.is_empty() && !line.starts_with(' '))
            .then(|| (name.to_owned(), version.strip_prefix("0:").unwrap_or(version).to_owned()))
    };
    output.lines().take_while(|line| !line.starts_with("Obsoleting")).filter_map(update).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// dnf 4.14.
    #[test]
    fn updates_and_candidates() {
        let output = "\nengine-probe.noarch                     1.1-1                      local\n\
                      bind-libs.x86_64                        32:9.16.23-24.el9          baseos\n\
                      Obsoleting Packages\nold.noarch   2-1    local\n    older.noarch  1-1  @System\n";
        assert_eq!(
            parse_updates(output),
            [("engine-probe".into(), "1.1-1".into()), ("bind-libs".into(), "32:9.16.23-24.el9".into())]
        );
        assert_eq!(
            parse_candidates("engine-probe\t1.1-1\nx\t0:2-1\n"),
            [("engine-probe".to_owned(), "1.1-1".to_owned()), ("x".to_owned(), "2-1".to_owned())]
        );
    }

    #[test]
    fn locks_are_of_one_package() {
        assert!(locks("engine-probe-0:1.0-1.*", "engine-probe"));
        assert!(!locks("engine-probe-0:1.0-1.*", "engine"));
        assert!(!locks("# engine-probe", "engine-probe"));
    }
}
