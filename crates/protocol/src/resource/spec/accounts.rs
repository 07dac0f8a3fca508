//! Users, groups and what they may do.

use serde::{Deserialize, Serialize};

/// A user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserSpec {
    /// Login name.
    pub name: String,
    /// Numeric id.
    pub uid: Option<u32>,
    /// Primary group, by name or id.
    pub group: Option<String>,
    /// Supplementary groups the user must be in; others are left alone.
    pub groups: Vec<String>,
    /// GECOS field.
    pub comment: Option<String>,
    /// Home directory.
    pub home: Option<String>,
    /// Login shell.
    pub shell: Option<String>,
    /// The password's hash, as in `/etc/shadow`.
    pub password: Option<String>,
    /// Make the home directory of a new user; delete it with the user.
    pub manage_home: bool,
    /// Make a system account.
    pub system: bool,
}

/// A group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSpec {
    /// Name.
    pub name: String,
    /// Numeric id.
    pub gid: Option<u32>,
    /// Users that must be members; others are left alone.
    pub members: Vec<String>,
    /// Users that must not be members.
    pub excluded_members: Vec<String>,
    /// Make a system group.
    pub system: bool,
}

/// SSH keys that a user may log in with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizedKeysSpec {
    /// The user.
    pub user: String,
    /// Lines of `authorized_keys`.
    pub keys: Vec<String>,
    /// Take out all other keys.
    pub exclusive: bool,
}

/// A file in `/etc/sudoers.d`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SudoersSpec {
    /// Name of the file.
    pub name: String,
    /// Users that it is for.
    pub users: Vec<String>,
    /// Groups that it is for, without `%`.
    pub groups: Vec<String>,
    /// Commands that they may run; `ALL` for all.
    pub commands: Vec<String>,
    /// Users that they may run them as.
    pub runas: String,
    /// Without a password.
    pub nopasswd: bool,
}
