//! What engine does by itself at setup and configure, as the stack file switches it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::name::Name;

/// Which of it is done. `None` is the rule for what the stack file does not say: done on an instance that is
/// neither registered nor this machine, as far as engine's login may do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltInSettings {
    /// Install the packages that stack and layers list.
    pub packages: bool,
    /// Keep users with their SSH keys and sudo.
    pub users: bool,
    /// Keep the other instances in `/etc/hosts`.
    pub hosts: Option<bool>,
    /// Set the host name.
    pub hostname: Option<bool>,
    /// Keep the clock right.
    pub time_sync: Option<bool>,
}

impl Default for BuiltInSettings {
    fn default() -> Self {
        BuiltInSettings { packages: true, users: true, hosts: None, hostname: None, time_sync: None }
    }
}

impl BuiltInSettings {
    /// Nothing of it.
    pub const NONE: BuiltInSettings = BuiltInSettings {
        packages: false,
        users: false,
        hosts: Some(false),
        hostname: Some(false),
        time_sync: Some(false),
    };
}

/// A package that a stack or a layer lists: `git`, or `curl=7.88.1-10` for just this version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ListedPackage {
    /// Its name.
    pub name: String,
    /// The version to install, as the package manager writes it; any where `None`.
    pub version: Option<String>,
}

/// A text that lists no package.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no package; write `name` or `name=version`, without blanks")]
pub struct ListedPackageError(pub String);

impl FromStr for ListedPackage {
    type Err = ListedPackageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, version) = match text.split_once('=') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        let sound = |part: &str| {
            part.starts_with(|first: char| first.is_ascii_alphanumeric())
                && part.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '/' | '\\' | '=' | '*' | '?'))
        };
        if !sound(name) || version.is_some_and(|version| !sound(version)) {
            return Err(ListedPackageError(text.to_owned()));
        }
        Ok(ListedPackage { name: name.to_owned(), version: version.map(str::to_owned) })
    }
}

impl TryFrom<String> for ListedPackage {
    type Error = ListedPackageError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ListedPackage> for String {
    fn from(package: ListedPackage) -> Self {
        package.to_string()
    }
}

impl fmt::Display for ListedPackage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(formatter, "{}={version}", self.name),
            None => formatter.write_str(&self.name),
        }
    }
}

/// Somebody who may log in to instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Login name.
    pub name: Name,
    /// Lines of authorized_keys(5).
    pub ssh_keys: Vec<String>,
    /// Whether they may do everything through sudo, without a password.
    pub sudo: bool,
    /// The layers whose instances they may log in to; all instances if `None`.
    pub layers: Option<Vec<Name>>,
    /// Groups that they must be in.
    pub groups: Vec<String>,
    /// Login shell.
    pub shell: Option<String>,
    /// Numeric id.
    pub uid: Option<u32>,
    /// Whether they may no longer log in, whoever made the account.
    pub remove: bool,
}

impl User {
    /// A user of whom only the name is said.
    pub fn new(name: Name) -> Self {
        User {
            name,
            ssh_keys: Vec::new(),
            sudo: false,
            layers: None,
            groups: Vec::new(),
            shell: None,
            uid: None,
            remove: false,
        }
    }

    /// Whether they may log in to an instance of these layers.
    pub fn belongs_on(&self, layers: &[Name]) -> bool {
        let in_layers = self.layers.as_ref().is_none_or(|own| own.iter().any(|layer| layers.contains(layer)));
        in_layers && !self.remove
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_have_a_name_and_perhaps_a_version() {
        let package: ListedPackage = "libc6=2.36-9+deb12u4".parse().unwrap();
        assert_eq!((package.name.as_str(), package.version.as_deref()), ("libc6", Some("2.36-9+deb12u4")));
        assert_eq!(package.to_string(), "libc6=2.36-9+deb12u4");
        assert_eq!("g++".parse::<ListedPackage>().unwrap().version, None);
        for bad in ["", "=1", "git=", "a b", "-y", "./x.deb", "a=b=c", "git=-1", "git\n", "git*"] {
            assert!(bad.parse::<ListedPackage>().is_err(), "{bad}");
        }
    }
}
