//! The provider of SSH keys that a user may log in with.
//!
//! The file is in a directory that belongs to the user, so it is read and written with that user's rights. It is
//! replaced whole; sshd sees the old keys or the new ones.

use engine_protocol::{Action, Change, Mode, Resource, resource::AuthorizedKeysSpec};

use super::{
    AccountError, key_file, user_exists,
    user_files::{self, Found, UserFiles},
};
use crate::{
    files::{
        FileError,
        attributes::{Attributes, Owner},
        diff,
        state::{Body, State},
    },
    overlay::Prediction,
    provider::{Check, Context, Error, done, property, unsupported},
};

/// sshd wants that nobody else can write to the directory.
const DIRECTORY_MODE: u32 = 0o700;

/// The same of the file.
const FILE_MODE: u32 = 0o600;

/// Why a user's keys could not be checked or applied.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// There is no such user.
    #[error("the user `{user}` does not exist; declare it before")]
    NoUser {
        /// The user.
        user: String,
    },
    /// The home directory is missing.
    #[error(
        "the user `{user}` has no home directory: `{home}` does not exist; set `manage_home` when the user is made, \
         or declare the directory before"
    )]
    NoHome {
        /// The user.
        user: String,
        /// The directory.
        home: String,
    },
    /// Somebody else's directory.
    #[error("`{path}` does not belong to the user `{user}`, so keys in it are not theirs; give it to them")]
    Foreign {
        /// The user.
        user: String,
        /// The directory.
        path: String,
    },
    /// What the user cannot do.
    #[error("with the rights of the user `{user}`: {source}")]
    AsUser {
        /// The user.
        user: String,
        /// What happened.
        source: FileError,
    },
    /// The agent may not act for others.
    #[error("the agent cannot take on the rights of the user `{user}`: {source}")]
    Rights {
        /// The user.
        user: String,
        /// What the system says.
        source: std::io::Error,
    },
}

impl KeysError {
    /// Whether the message may quote what a sensitive resource hides.
    pub fn may_quote(&self) -> bool {
        match self {
            KeysError::NoUser { .. }
            | KeysError::NoHome { .. }
            | KeysError::Foreign { .. }
            | KeysError::Rights { .. } => false,
            KeysError::AsUser { source, .. } => source.may_quote(),
        }
    }
}

/// Checks the keys of a user.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r AuthorizedKeysSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    if !matches!(action, Action::Create | Action::Delete) {
        return Err(unsupported(resource, action));
    }
    if !user_exists(&spec.user, context) {
        return match context.opaque() {
            Some(because) => Ok(Check::Unknown(because)),
            None => Err(keys(KeysError::NoUser { user: spec.user.clone() })),
        };
    }
    let files = UserFiles::of(&spec.user, context);
    let (directory, file) = match user_files::look(&files, context)? {
        Found::NoHome if action == Action::Delete => return Ok(Check::UpToDate),
        Found::NoHome => {
            return match context.opaque() {
                Some(because) => Ok(Check::Unknown(because)),
                None => Err(keys(KeysError::NoHome { user: files.user, home: files.home })),
            };
        }
        Found::Home { directory, file } => (directory, file),
    };
    let old = match &file {
        Some((_, body)) => body.read(&files.file, u64::MAX)?,
        None => Vec::new(),
    };
    let new = match action {
        Action::Create => key_file::with(&old, &spec.keys, spec.exclusive),
        _ => key_file::without(&old, &spec.keys),
    };
    if new == old && (file.is_none() || action == Action::Delete) {
        return Ok(Check::UpToDate);
    }
    differs(files, directory.as_ref(), file.as_ref(), &old, new, context)
}

pub(super) fn keys(error: KeysError) -> Error {
    AccountError::from(error).into()
}

fn differs<'r>(
    files: UserFiles,
    directory: Option<&Attributes>,
    file: Option<&(Attributes, Body)>,
    old: &[u8],
    new: Vec<u8>,
    context: &Context<'_>,
) -> Result<Check<'r>, Error> {
    let mut changes = Vec::new();
    let owner = files.owner();
    let mode = |name: &str, old: u32, new: u32| -> Option<Change> {
        (old != new).then(|| property(name, Some(format!("{old:04o}")), Some(format!("{new:04o}"))))
    };
    match directory {
        None => changes.push(done(&format!("created {}", files.directory))),
        Some(present) => {
            changes.extend(mode(&format!("mode of {}", files.directory), present.mode, DIRECTORY_MODE));
        }
    }
    let body = Body::Bytes(new.as_slice().into());
    match file {
        None => {
            changes.push(done("created"));
            changes.push(diff::change(&files.file, None, &body)?);
        }
        Some((present, present_body)) => {
            if old != new {
                changes.push(diff::change(&files.file, Some(present_body), &body)?);
            }
            if present.owner != owner {
                changes.push(property("owner", None, Some(files.user.clone())));
            }
            changes.extend(mode("mode", present.mode, FILE_MODE));
        }
    }
    if changes.is_empty() {
        return Ok(Check::UpToDate);
    }
    let attributes = |mode| Attributes { owner: owner.clone(), group: files.group(), mode };
    let planned = context.overlay.path(&files.directory);
    let fresh = directory.is_none() || matches!(planned, Some(State::Directory { fresh: true, .. }));
    let predictions = vec![
        Prediction::Path(
            files.directory.clone(),
            State::Directory { attributes: attributes(DIRECTORY_MODE), fresh },
        ),
        Prediction::Path(
            files.file.clone(),
            State::File { attributes: attributes(FILE_MODE), body, links: 1 },
        ),
    ];
    debug_assert!(
        context.mode == Mode::Plan || matches!(owner, Owner::Id(_)),
        "in apply mode the user is there"
    );
    Ok(Check::differs(changes, predictions, move |_| {
        user_files::replace(&files, &new, DIRECTORY_MODE, FILE_MODE)?;
        Ok(Vec::new())
    }))
}
