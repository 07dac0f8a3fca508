//! Users, groups, and what they may do.

use engine_protocol::Mode;

use crate::{command::CommandError, provider::Context};

pub mod authorized_keys;
mod database;
pub mod groups;
mod impersonate;
mod key_file;
pub mod sudoers;
mod sudoers_text;
mod user_files;
pub mod users;

pub use database::{Accounts, Group, User, parse_groups, parse_users};

/// Whether a user exists, or would by what comes before.
pub fn user_exists(name: &str, context: &mut Context<'_>) -> bool {
    let planned = if context.mode == Mode::Plan { context.overlay.user(name) } else { None };
    planned.unwrap_or_else(|| context.node.accounts().user(name).is_some())
}

/// Whether a group exists, or would by what comes before.
pub fn group_exists(name: &str, context: &mut Context<'_>) -> bool {
    let planned = if context.mode == Mode::Plan { context.overlay.group(name) } else { None };
    planned.unwrap_or_else(|| context.node.accounts().group_id(name).is_some())
}

/// The home directory that a user would have by what comes before; `None` if the node knows better.
pub(crate) fn planned_home(name: &str, context: &Context<'_>) -> Option<String> {
    let planned = if context.mode == Mode::Plan { context.overlay.value(&home_key(name)) } else { None };
    planned.flatten().map(ToOwned::to_owned)
}

/// Key of a user's home directory among predicted values.
pub(crate) fn home_key(user: &str) -> String {
    format!("user:{user}:home")
}

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
        matches!(self, AccountError::Tool { .. } | AccountError::Sudoers(_))
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
