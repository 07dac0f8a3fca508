//! What a package manager can be asked for. What is the same for all of them is in [`super::check`].

use engine_protocol::Resource;

use super::{
    PackageError, apk::Apk, apt::Apt, dnf::Dnf, installed::Installed, pacman::Pacman, zypper::Zypper,
};
use crate::provider::{Context, Error};

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

    /// Pending updates. When changes may be made, what is known of the repositories is made fresh before.
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
