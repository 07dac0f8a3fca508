//! Users, groups, and what they may do.

use crate::command::CommandError;

pub mod authorized_keys;
mod database;
mod defaults;
pub mod groups;
mod home;
mod impersonate;
mod key_file;
mod known;
mod password;
pub mod sudoers;
mod sudoers_text;
mod tools;
mod user_files;
pub mod users;

pub use database::{Accounts, Group, User, parse_groups, parse_users};
pub use known::{group_exists, user_exists};

/// Why a user or group could not be checked or applied.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// A name that the tools would misread.
    #[error("`{name}` is no name for a {what}: letters, digits, `_`, `.` and `-`, not starting with `-`")]
    Name {
        /// `user` or `group`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A value that would break a line of `/etc/passwd`.
    #[error("the {property} of user `{name}` contains a colon or a control character")]
    Value {
        /// The user.
        name: String,
        /// The property.
        property: &'static str,
    },
    /// A group that does not exist.
    #[error("user `{name}` shall be in the group `{group}`, which does not exist; declare it before")]
    NoGroup {
        /// The user.
        name: String,
        /// The group.
        group: String,
    },
    /// A member that does not exist.
    #[error("group `{name}` shall have the member `{user}`, who does not exist; declare the user before")]
    NoMember {
        /// The group.
        name: String,
        /// The user.
        user: String,
    },
    /// A user that does not exist.
    #[error("the user `{name}` does not exist; declare it before")]
    NoUser {
        /// The user.
        name: String,
    },
    /// Somebody else has the number.
    #[error("the {what} `{name}` cannot have the number {id}: the {what} `{other}` has it")]
    Taken {
        /// `user` or `group`.
        what: &'static str,
        /// The name.
        name: String,
        /// The number.
        id: u32,
        /// Who has it.
        other: String,
    },
    /// A group that cannot be removed.
    #[error("the group `{name}` is the primary one of the user `{user}`; remove the user before")]
    PrimaryGroup {
        /// The group.
        name: String,
        /// The user.
        user: String,
    },
    /// A password that is none.
    #[error("the user `{name}` has no password that could be unlocked; set `password`")]
    NothingToUnlock {
        /// The user.
        name: String,
    },
    /// A user of a directory service, for example.
    #[error("the user `{name}` is not in /etc/shadow, so its password cannot be managed on this node")]
    NoShadow {
        /// The user.
        name: String,
    },
    /// Passwords cannot be read.
    #[error("/etc/shadow cannot be read: {source}")]
    Shadow {
        /// What the system says.
        source: std::io::Error,
    },
    /// A home directory of somebody else.
    #[error("`{home}` does not belong to the user `{name}` and is not {done}; leave out `manage_home`")]
    ForeignHome {
        /// What would be done with it.
        done: &'static str,
        /// The user.
        name: String,
        /// The directory.
        home: String,
    },
    /// A home directory that cannot be moved.
    #[error("the home directory of the user `{name}` cannot be moved to `{home}`: {found}")]
    HomeInTheWay {
        /// The user.
        name: String,
        /// Where it shall be.
        home: String,
        /// What is wrong.
        found: &'static str,
    },
    /// No tools.
    #[error("users and groups cannot be managed: neither `useradd` nor busybox's `adduser` is installed")]
    NoTools,
    /// busybox's tools cannot do it.
    #[error(
        "the {property} of the {what} `{name}` cannot be changed with busybox; install the package `shadow`"
    )]
    NeedsShadow {
        /// `user` or `group`.
        what: &'static str,
        /// The name.
        name: String,
        /// The property.
        property: String,
    },
    /// One of the account tools failed.
    #[error("{what} `{name}` cannot be changed: {source}")]
    Tool {
        /// `user` or `group`.
        what: &'static str,
        /// The name.
        name: String,
        /// What the tool says.
        source: CommandError,
    },
    /// Keys that a user may log in with.
    #[error(transparent)]
    Keys(#[from] authorized_keys::KeysError),
    /// A file of sudo.
    #[error(transparent)]
    Sudoers(#[from] sudoers::SudoersError),
}

impl AccountError {
    /// Whether the message may quote what a sensitive resource hides.
    pub fn may_quote(&self) -> bool {
        match self {
            AccountError::Name { .. }
            | AccountError::Value { .. }
            | AccountError::NoGroup { .. }
            | AccountError::NoMember { .. }
            | AccountError::NoUser { .. }
            | AccountError::Taken { .. }
            | AccountError::PrimaryGroup { .. }
            | AccountError::NothingToUnlock { .. }
            | AccountError::NoShadow { .. }
            | AccountError::Shadow { .. }
            | AccountError::ForeignHome { .. }
            | AccountError::HomeInTheWay { .. }
            | AccountError::NoTools
            | AccountError::NeedsShadow { .. } => false,
            AccountError::Keys(error) => error.may_quote(),
            AccountError::Tool { .. } | AccountError::Sudoers(_) => true,
        }
    }
}

/// Whether a name can be given to the account tools.
pub(crate) fn valid_name(name: &str) -> bool {
    let body = name.strip_suffix('$').unwrap_or(name);
    (1..=32).contains(&name.len())
        && !name.starts_with(['-', '.'])
        && body.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
        && !name.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_tools_would_misread_are_refused() {
        for name in ["-r", "a:b", "", "a b", "123", "a\nb", ".x", "a/b"] {
            assert!(!valid_name(name), "{name:?}");
        }
        for name in ["root", "www-data", "_apt", "a.b", "host$", "1a"] {
            assert!(valid_name(name), "{name:?}");
        }
    }
}
