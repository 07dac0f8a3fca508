//! What is installed, whatever the package manager. It is read once, however many packages are asked for, and
//! forgotten when something changes.

use std::collections::{HashMap, HashSet};

/// The installed packages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Installed {
    /// Versions by name, and by `name:architecture` or `name.architecture` where the manager has that.
    pub(super) versions: HashMap<String, String>,
    /// Those that were removed and left configuration.
    pub(super) left_configuration: HashSet<String>,
    /// What others stand in for.
    pub(super) provided: HashSet<String>,
    /// Those that are kept at their version.
    pub(super) held: HashSet<String>,
}

impl Installed {
    /// The version of a package.
    pub fn version(&self, name: &str) -> Option<&str> {
        self.versions.get(name).map(String::as_str)
    }

    /// Whether a removed package left configuration.
    pub fn has_configuration(&self, name: &str) -> bool {
        self.left_configuration.contains(name)
    }

    /// Whether another installed package stands in for one of this name.
    pub fn is_provided(&self, name: &str) -> bool {
        self.provided.contains(name)
    }

    /// Whether a package is kept at its version.
    pub fn is_held(&self, name: &str) -> bool {
        self.held.contains(name)
    }
}
