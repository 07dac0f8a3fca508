//! Files, directories and links.
//!
//! Paths are walked component by component, so that nobody can lead the agent out of a granted
//! directory with a symbolic link ([`walk`]); content is replaced by renaming a complete, synced
//! temporary over it ([`write`]).

use std::io;

use rustix::io::Errno;

use crate::command::{Ended, Tail};

pub mod archive;
pub mod attributes;
pub mod backup;
pub mod body;
pub mod content;
pub mod diff;
pub mod directory;
pub mod edit;
pub mod file;
pub mod link;
pub mod managed;
pub mod mount;
pub mod remote_directory;
mod report;
pub mod state;
pub(crate) mod tree;
pub mod verify;
pub mod walk;
pub mod write;

/// Why a file, directory or link could not be checked or applied.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// An intermediate component is a link that may not be followed.
    #[error(
        "`{path}` leads through the symbolic link `{link}`, which is not followed; name the real path in the \
         recipe and in the grant"
    )]
    Symlink {
        /// The path.
        path: String,
        /// The link in it.
        link: String,
    },
    /// The path itself is a link.
    #[error(
        "`{path}` is a symbolic link and is not followed; name its target in the recipe, or delete the link"
    )]
    IsLink {
        /// The path.
        path: String,
    },
    /// Something of another kind is there.
    #[error("`{path}` is a {found}, not a {wanted}; remove it first")]
    WrongKind {
        /// The path.
        path: String,
        /// What it is.
        found: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
    /// A component that should be a directory is none.
    #[error("`{component}` in `{path}` is not a directory")]
    NotADirectory {
        /// The path.
        path: String,
        /// The component.
        component: String,
    },
    /// The directory of the path is missing.
    #[error("`{path}` cannot be made because the directory `{missing}` does not exist; declare it before")]
    NoParent {
        /// The path.
        path: String,
        /// The first directory that is missing.
        missing: String,
    },
    /// A directory that shall be deleted has entries.
    #[error(
        "the directory `{path}` is not empty (it has `{entry}`); set `recursive` to delete what is in it"
    )]
    NotEmpty {
        /// The path.
        path: String,
        /// One entry.
        entry: String,
    },
    /// A directory that shall be deleted is a mount point, or has one in it.
    #[error(
        "`{path}` is a mount point or another file system, and what is in it is not deleted; unmount it first"
    )]
    Mounted {
        /// The mount point.
        path: String,
    },
    /// The root directory.
    #[error("the root directory cannot be deleted")]
    Root,
    /// The path changed while it was looked at.
    #[error("`{path}` changed while it was looked at; run again when nothing else changes it")]
    Changed {
        /// The path.
        path: String,
    },
    /// The owner or group cannot be found.
    #[error("`{path}` cannot be given to the {what} `{name}`, which does not exist; declare it before")]
    NoSuchOwner {
        /// The path.
        path: String,
        /// `user` or `group`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// There is no room.
    #[error(
        "`{path}` cannot be written because the file system is full or a quota is used up; it is as it was"
    )]
    Full {
        /// The path.
        path: String,
    },
    /// New content is not of the format that the recipe says.
    #[error("the new content of `{path}` is not well-formed {format}: {malformed}; nothing was put in place")]
    Malformed {
        /// The path.
        path: String,
        /// The format's name.
        format: &'static str,
        /// Where and why.
        malformed: verify::Malformed,
    },
    /// The command that new content must pass said no.
    #[error(
        "`{command}` refused the new content of `{path}`, which was not put in place: it {status}{output}"
    )]
    Refused {
        /// The path.
        path: String,
        /// Program and arguments, as the recipe has them.
        command: String,
        /// How it ended.
        status: Ended,
        /// What it printed.
        output: Tail,
    },
    /// A file that shall be edited is missing.
    #[error("`{path}` does not exist and so has nothing to be edited; declare a file before")]
    NoFile {
        /// The path.
        path: String,
    },
    /// A file cannot be edited as the recipe says.
    #[error("`{path}`: {error}")]
    Edit {
        /// The path.
        path: String,
        /// Why.
        error: edit::EditError,
    },
    /// A file is larger than what can be worked with in memory.
    #[error("`{path}` is too large to be {what}; the limit is {limit} bytes")]
    TooLarge {
        /// The path.
        path: String,
        /// What was to be done with it.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// An archive is not unpacked.
    #[error("the archive `{path}`: {error}")]
    Archive {
        /// The archive.
        path: String,
        /// Why.
        error: archive::ArchiveError,
    },
    /// In a plan, what an earlier resource would write cannot be known.
    #[error("it depends on {because}")]
    Unforeseen {
        /// The resource.
        because: String,
    },
    /// Anything else the system says.
    #[error("cannot {what} `{path}`: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: String,
        /// What the system says.
        source: io::Error,
    },
}

impl FileError {
    /// Whether the message may quote what is in a file.
    pub fn may_quote(&self) -> bool {
        match self {
            FileError::Symlink { .. }
            | FileError::IsLink { .. }
            | FileError::WrongKind { .. }
            | FileError::NotADirectory { .. }
            | FileError::NoParent { .. }
            | FileError::NotEmpty { .. }
            | FileError::Mounted { .. }
            | FileError::Root
            | FileError::Changed { .. }
            | FileError::NoSuchOwner { .. }
            | FileError::Full { .. }
            | FileError::NoFile { .. }
            | FileError::TooLarge { .. }
            | FileError::Unforeseen { .. }
            | FileError::System { .. } => false,
            FileError::Malformed { .. }
            | FileError::Refused { .. }
            | FileError::Edit { .. }
            | FileError::Archive { .. } => true,
        }
    }
}

/// Turns what the system says into an error about a path.
pub(crate) fn failed(what: &'static str, path: &str) -> impl Fn(Errno) -> FileError {
    move |errno| match errno {
        Errno::NOSPC | Errno::DQUOT => FileError::Full { path: path.to_owned() },
        errno => FileError::System { what, path: path.to_owned(), source: errno.into() },
    }
}

/// Directory and last component of an absolute path in normal form.
pub(crate) fn split(path: &str) -> (&str, &str) {
    match path.rsplit_once('/') {
        Some(("", name)) => ("/", name),
        Some((directory, name)) => (directory, name),
        None => ("/", path),
    }
}
