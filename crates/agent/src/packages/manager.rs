//! What a package manager can be asked for. What is the same for all of them is in [`super::check`].

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use engine_protocol::Resource;

use super::{
    PackageError, apk::Apk, apt::Apt, dnf::Dnf, installed::Installed, pacman::Pacman, zypper::Zypper,
};
use crate::provider::{Context, Error};

/// What is known of repositories and is younger than this is not fetched again.
pub const FRESH: Duration = Duration::from_hours(1);

/// Whether a file is so young.
pub(super) fn is_fresh(path: &Path) -> bool {
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|time| SystemTime::now().duration_since(time).is_ok_and(|age| age < FRESH))
}

/// What a plan says of lists that are older. It says no age, which is another one with each plan.
pub(super) fn older(refreshes: &str) -> String {
    format!("the package lists, which are more than an hour old or missing; `{refreshes}` refreshes them")
}

/// A name and a version.
pub type Versioned = (String, String);

/// What is to be done with packages in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transaction {
    /// Install or upgrade these, to a version where one is given.
    Install(Vec<(String, Option<String>)>),
    /// Install this package file.
    InstallFile(String),
    /// Remove these.
    Remove(Vec<String>),
    /// Remove these with their configuration.
    Purge(Vec<String>),
    /// Keep these at their version.
    Lock(Vec<String>),
    /// Let these be upgraded again.
    Unlock(Vec<String>),
    /// Install these updates.
    Update {
        /// Only those that mend security.
        security_only: bool,
        /// What they are.
        updates: Vec<Update>,
    },
}

/// A pending update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The package.
    pub name: String,
    /// The version now; `None` if it comes with the updates.
    pub old: Option<String>,
    /// The version then.
    pub new: String,
}

/// A package manager.
pub trait Manager {
    /// Its name, as messages say it.
    fn name(&self) -> &'static str;

    /// All that is installed, in one query.
    fn installed(&self) -> Result<Installed, PackageError>;

    /// The newest versions that can be had of these; those that cannot be had are left out.
    fn candidates(&self, names: &[&str], context: &Context<'_>) -> Result<Vec<Versioned>, PackageError>;

    /// Name and version of a package file.
    fn file(&self, path: &str) -> Result<Versioned, PackageError>;

    /// Why a plan cannot go by what is known of the repositories: a run would fetch it anew. Nothing if it is fresh.
    ///
    /// By default nothing is ever fresh: zypper, apk and pacman give the files that they fetch the times of the
    /// repositories, or keep to intervals of their own, so that how old they are cannot be told.
    fn outdated(&self, _: &Context<'_>) -> Option<String> {
        Some(format!("the package lists: {} does not say how old they are", self.name()))
    }

    /// Fetches anew what is known of the repositories. By default that is part of every question in a run.
    fn refresh(&self, _: &Resource, _: &mut Context<'_>) -> Result<(), Error> {
        Ok(())
    }

    /// Pending updates, as far as they are known.
    fn updates(
        &self,
        security_only: bool,
        resource: &Resource,
        context: &mut Context<'_>,
    ) -> Result<Vec<Update>, Error>;

    /// Carries it out, waiting for another manager to end.
    fn carry_out(
        &self,
        transaction: &Transaction,
        resource: &Resource,
        context: &mut Context<'_>,
    ) -> Result<(), Error>;

    /// Whether the version that a recipe writes is this one.
    fn is_version(&self, wanted: &str, found: &str) -> bool {
        wanted == found
    }

    /// Why the node has to be rebooted for its packages; nothing if it has not, or if nobody knows.
    fn reboot_required(&self) -> Option<String> {
        None
    }

    /// Why it cannot hold packages; nothing if it can.
    fn cannot_lock(&self) -> Option<&'static str> {
        None
    }
}

/// The manager of the node.
pub fn of(context: &Context<'_>) -> Result<&'static dyn Manager, PackageError> {
    match context.node.facts.package_manager.as_str() {
        "apt" => Ok(&Apt),
        "dnf" => Ok(&Dnf { program: "dnf" }),
        "yum" => Ok(&Dnf { program: "yum" }),
        "zypper" => Ok(&Zypper),
        "apk" => Ok(&Apk),
        "pacman" => Ok(&Pacman),
        manager => Err(PackageError::NoManager { manager: manager.to_owned() }),
    }
}

/// The error of a manager's program.
pub(super) fn failed(what: impl Into<String>) -> impl FnOnce(crate::command::CommandError) -> PackageError {
    let what = what.into();
    move |source| PackageError::Manager { what, source }
}

/// What apt, apk and zypper call a package of a version.
pub(super) fn versioned((name, version): &(String, Option<String>)) -> String {
    version.as_ref().map_or_else(|| name.clone(), |version| format!("{name}={version}"))
}
