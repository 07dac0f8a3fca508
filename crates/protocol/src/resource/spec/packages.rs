//! Packages and where they come from.

use serde::{Deserialize, Serialize};

use super::Content;

/// Packages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageSpec {
    /// Names, at least one.
    pub names: Vec<String>,
    /// The version wanted, only with one name.
    pub version: Option<String>,
    /// Absolute path of a package file on the node, only with one name.
    pub source: Option<String>,
}

/// Pending updates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageUpdateSpec {
    /// Only updates that mend security.
    pub security_only: bool,
}

/// A repository for apt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AptRepositorySpec {
    /// Name of the file below `/etc/apt/sources.list.d`, without extension.
    pub name: String,
    /// Where it is.
    pub uri: String,
    /// Suite, such as `bookworm`, or a path that ends with `/`.
    pub distribution: String,
    /// Components, such as `main`.
    pub components: Vec<String>,
    /// Architectures; all of the node's if empty.
    pub architectures: Vec<String>,
    /// The OpenPGP key that signs it, armoured or binary.
    pub key: Option<Content>,
    /// Take it without a signature.
    pub trusted: bool,
}

/// A repository for dnf and yum, and for zypper.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct YumRepositorySpec {
    /// Id of the repository and name of its file.
    pub name: String,
    /// What it is, for people.
    pub description: Option<String>,
    /// Where it is.
    pub baseurl: Option<String>,
    /// Where a list of its mirrors is.
    pub mirrorlist: Option<String>,
    /// Where its metalink is.
    pub metalink: Option<String>,
    /// URLs of the keys that sign it.
    pub gpgkey: Vec<String>,
    /// The key that signs it.
    pub key: Option<Content>,
    /// Check signatures of packages.
    pub gpgcheck: bool,
    /// Whether it is used.
    pub enabled: bool,
    /// The lower, the more preferred; 99 if not set.
    pub priority: Option<u32>,
}
