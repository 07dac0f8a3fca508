//! Packages and where they come from.

use std::path::PathBuf;

use engine_protocol::Mode;

use crate::{
    command::CommandError,
    provider::{Context, Error},
};

pub mod apk;
pub mod apt;
pub mod apt_repository;
pub mod check;
pub mod dnf;
pub mod dpkg;
pub mod installed;
pub mod manager;
pub mod metadata;
pub mod pacman;
pub mod rpm;
pub mod yum_repository;
pub mod zypper;

pub use check::{check, check_update};
pub use installed::Installed;

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
    /// One version or file for several names.
    #[error("a version or a package file can be given for one package only")]
    OneVersion,
    /// No provider for the distribution's package manager.
    #[error(
        "packages cannot be managed: the package manager is `{manager}`, and apt, dnf, yum, zypper, apk and pacman are supported"
    )]
    NoManager {
        /// The manager.
        manager: String,
    },
    /// The manager has no such thing.
    #[error("{manager} cannot do this: {reason}")]
    Cannot {
        /// The manager.
        manager: &'static str,
        /// Why.
        reason: &'static str,
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
    /// There is no such package file.
    #[error("the package file `{path}` does not exist; declare the resource that brings it before")]
    NoFile {
        /// The path.
        path: String,
    },
    /// The file is another package.
    #[error("`{path}` is the package `{found}`, not `{wanted}`; name the package as its file does")]
    OtherPackage {
        /// The file.
        path: String,
        /// What it is.
        found: String,
        /// What was declared.
        wanted: String,
    },
    /// The manager said that all is well, and it is not.
    #[error("{manager} ended well, but `{name}` is {found}, not {wanted}")]
    NotSo {
        /// The manager.
        manager: &'static str,
        /// The package.
        name: String,
        /// What is so.
        found: String,
        /// What should be.
        wanted: String,
    },
    /// A repository that cannot be used.
    #[error("the repository `{name}` is as it was, since its lists cannot be fetched: {source}")]
    Repository {
        /// The repository.
        name: String,
        /// What apt says.
        source: Box<PackageError>,
    },
    /// What a program printed makes no sense.
    #[error("{what} printed what cannot be understood")]
    Output {
        /// The program.
        what: String,
    },
    /// There is no such repository tool here.
    #[error("a {kind} works with {wanted}, and the package manager here is `{manager}`")]
    OtherManager {
        /// The resource type.
        kind: &'static str,
        /// What it works with.
        wanted: &'static str,
        /// What is here.
        manager: String,
    },
}

impl PackageError {
    /// Whether the message may quote what a sensitive resource hides.
    pub fn may_quote(&self) -> bool {
        match self {
            PackageError::OneVersion
            | PackageError::NoManager { .. }
            | PackageError::Cannot { .. }
            | PackageError::Status { .. }
            | PackageError::Locked { .. }
            | PackageError::OtherManager { .. } => false,
            PackageError::Name { .. }
            | PackageError::Version { .. }
            | PackageError::Manager { .. }
            | PackageError::NoFile { .. }
            | PackageError::OtherPackage { .. }
            | PackageError::NotSo { .. }
            | PackageError::Repository { .. }
            | PackageError::Output { .. } => true,
        }
    }
}

/// Reads what is installed, once.
pub(super) fn installed<'c>(context: &'c mut Context<'_>) -> Result<&'c Installed, PackageError> {
    if context.node.packages.is_none() {
        context.node.packages = Some(manager::of(context)?.installed()?);
    }
    Ok(context.node.packages.get_or_insert_default())
}

/// Whether a package is installed, or would be by what comes before.
pub fn is_installed(name: &str, context: &mut Context<'_>) -> Result<bool, Error> {
    if context.mode == Mode::Plan
        && let Some(planned) = context.overlay.package(name)
    {
        return Ok(planned.is_some());
    }
    Ok(installed(context)?.version(name).is_some())
}
