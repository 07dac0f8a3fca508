//! Parts of files that others own: the rest is kept byte by byte.
//!
//! Each type is a pure function from content to new content, or to none if nothing is to change. All else, what is at
//! the path, attributes, checks and backups, is as for whole files.

use std::borrow::Cow;

use engine_protocol::resource::{Access, Verify};
use regex_lite::Regex;

use super::{
    FileError,
    content::{self, Wanted},
    state::{State, look, wrong_kind},
};
use crate::provider::{Check, Context, Error};

pub mod block;
pub mod ini;
pub mod line;
mod text;

use text::Place;

/// A file beyond this length is not edited.
const CONTENT_BYTES: u64 = 64 * 1024 * 1024;

/// Why a file cannot be edited.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// A regular expression that the library does not take.
    #[error("{name}: this is no regular expression: {error}")]
    Pattern {
        /// The property.
        name: &'static str,
        /// What the library says.
        error: regex_lite::Error,
    },
    /// The marks of a block are not one pair.
    #[error(
        "line {line}: `{begin}` and `{end}` must each be there once, in this order, or not at all; mend the file by hand"
    )]
    Marks {
        /// Line of the first one, counted from 1.
        line: usize,
        /// The first mark.
        begin: String,
        /// The last mark.
        end: String,
    },
    /// A block has one of its own marks in it.
    #[error("the content has the mark `{mark}` in it, which is to stand around it")]
    MarkInside {
        /// The mark.
        mark: String,
    },
}

/// A file that is edited.
struct Edited<'r> {
    path: &'r str,
    verify: &'r Verify,
    backup: u32,
    missing: Missing,
}

/// What it means that the file is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// There is nothing to edit.
    IsAnError,
    /// It is made.
    IsMade,
    /// What shall not be in it is not.
    HasNothing,
}

impl<'r> Edited<'r> {
    fn check(
        self,
        context: &mut Context<'_>,
        edit: impl FnOnce(&[u8]) -> Result<Option<Vec<u8>>, EditError>,
    ) -> Result<Check<'r>, Error> {
        let path = self.path;
        let state = look(context, path)?;
        let old = match &state {
            State::File { body, .. } if body.size()? > CONTENT_BYTES => {
                let path = path.to_owned();
                return Err(FileError::TooLarge { path, what: "edited", limit: CONTENT_BYTES }.into());
            }
            State::File { body, .. } => body.read(path, CONTENT_BYTES)?,
            // A command or package before it may bring the file.
            State::Absent | State::NoParent(_) if context.opaque().is_some() => {
                return Ok(Check::Unknown(context.opaque().unwrap_or_default()));
            }
            State::Absent | State::NoParent(_) if self.missing == Missing::HasNothing => {
                return Ok(Check::UpToDate);
            }
            State::Absent if self.missing == Missing::IsMade => Vec::new(),
            State::Absent => return Err(FileError::NoFile { path: path.to_owned() }.into()),
            other => return Err(wrong_kind(path, other, "file").into()),
        };
        let edited = edit(&old).map_err(|error| FileError::Edit { path: path.to_owned(), error })?;
        let Some(new) = edited else { return Ok(Check::UpToDate) };
        let wanted = Wanted {
            path,
            content: Some(Cow::Owned(new)),
            access: Cow::Owned(Access::default()),
            verify: self.verify,
            backup: self.backup,
            touch: false,
        };
        content::check(wanted, &state, context)
    }
}

fn pattern(path: &str, name: &'static str, text: Option<&str>) -> Result<Option<Regex>, FileError> {
    text.map(Regex::new)
        .transpose()
        .map_err(|error| FileError::Edit { path: path.to_owned(), error: EditError::Pattern { name, error } })
}
