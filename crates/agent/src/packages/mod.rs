//! Packages.

use std::path::PathBuf;

use engine_protocol::{Action, Mode, Resource, resource::PackageSpec};

use crate::{
    command::CommandError,
    provider::{Check, Context, Error},
};

pub mod apt;
pub mod apt_repository;
pub mod dpkg;
pub mod yum_repository;

/// Why packages could not be checked or applied.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// A name that the tools would misread.
    #[error("`{name}` is no name of a package")]
    Name {
        /// The name.
        name: String,
    },
    /// A version that the tools would misread.
    #[error("`{version}` is no version of a package")]
    Version {
        /// The version.
        version: String,
    },
    /// One version for several names.
    #[error("a version can be given for one package only")]
    OneVersion,
    /// No provider for the distribution's package manager.
    #[error("packages cannot be managed: the package manager is `{manager}`, and only apt is supported")]
    NoManager {
        /// The manager.
        manager: String,
    },
    /// The list of installed packages cannot be read.
    #[error("the installed packages cannot be read from {path}: {source}", path = path.display())]
    Status {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another package manager runs.
    #[error("the package lock is held by {holder} for more than {seconds} s; try again when it is done")]
    Locked {
        /// Process and program.
        holder: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The package manager failed.
    #[error("{what} failed: {source}")]
    Manager {
        /// What was tried.
        what: String,
        /// What it says.
        source: CommandError,
    },
}

/// Checks packages.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r PackageSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    require_apt(context)?;
    apt::check(resource, spec, action, context)
}

/// Checks for pending updates.
pub fn check_update<'r>(
    resource: &'r Resource,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    require_apt(context)?;
    apt::check_update(resource, action, context)
}

/// Whether a package is installed, or would be by what comes before.
pub fn is_installed(name: &str, context: &mut Context<'_>) -> Result<bool, Error> {
    let planned = if context.mode == Mode::Plan { context.overlay.package(name) } else { None };
    if let Some(planned) = planned {
        return Ok(planned);
    }
    require_apt(context)?;
    if context.node.packages.is_none() {
        context.node.packages = Some(dpkg::Installed::read()?);
    }
    Ok(context.node.packages.as_ref().is_some_and(|installed| installed.version(name).is_some()))
}

fn require_apt(context: &Context<'_>) -> Result<(), PackageError> {
    match context.node.facts.package_manager.as_str() {
        "apt" => Ok(()),
        manager => Err(PackageError::NoManager { manager: manager.to_owned() }),
    }
}
