//! What is at a path.

use std::{
    os::fd::{AsFd, OwnedFd},
    rc::Rc,
};

use engine_protocol::Mode;
use rustix::{
    fs::{AtFlags, FileType, OFlags, Stat, fstat, openat, readlinkat, statat},
    io::Errno,
};

pub use super::body::Body;
use super::{
    FileError,
    attributes::{Attributes, Owner},
    failed, split,
    walk::{Walk, walk},
};
use crate::provider::Context;

/// What is, or is predicted to be, at a path.
#[derive(Debug, Clone)]
pub enum State {
    /// Nothing, in a directory that exists.
    Absent,
    /// Nothing, for this directory above it does not exist.
    NoParent(String),
    /// A prediction: this component above it would not be a directory.
    Blocked {
        /// The component.
        path: String,
        /// Whether it would be a link.
        link: bool,
    },
    /// A regular file.
    File {
        /// Owner and mode.
        attributes: Attributes,
        /// Its content.
        body: Body,
        /// Names that the file has.
        links: u64,
    },
    /// A directory.
    Directory {
        /// Owner and mode.
        attributes: Attributes,
        /// Whether it is predicted to be made, so that nothing on the node is in it.
        fresh: bool,
    },
    /// A symbolic link and where it points.
    Link(String),
    /// Something else.
    Other(&'static str),
}

/// The directory that a path is in; `None` if it does not exist.
pub fn parent(context: &mut Context<'_>, path: &str) -> Result<Result<Rc<OwnedFd>, String>, FileError> {
    let (directory, _) = split(path);
    Ok(match walk(context.node, context.grants, path, directory)? {
        Walk::Found(found) => Ok(found),
        Walk::Missing(missing) => Err(missing),
    })
}

/// What is at a path, predictions first.
pub fn look(context: &mut Context<'_>, path: &str) -> Result<State, FileError> {
    if context.mode == Mode::Plan
        && let Some(state) = context.overlay.path(path)
    {
        return Ok(state);
    }
    let directory = match parent(context, path)? {
        Ok(directory) => directory,
        Err(missing) => return Ok(State::NoParent(missing)),
    };
    let name = match split(path).1 {
        "" => ".",
        name => name,
    };
    at(&directory, name, path)
}

/// What is on the node in a directory that was reached.
pub(super) fn at(directory: &OwnedFd, name: &str, path: &str) -> Result<State, FileError> {
    let stat = match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(State::Absent),
        Err(errno) => return Err(failed("look at", path)(errno)),
    };
    Ok(match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let file =
                openat(directory, name, flags, rustix::fs::Mode::empty()).map_err(failed("open", path))?;
            let now = fstat(file.as_fd()).map_err(failed("look at", path))?;
            if FileType::from_raw_mode(now.st_mode) != FileType::RegularFile {
                return Err(FileError::Changed { path: path.to_owned() });
            }
            let size = u64::try_from(now.st_size).unwrap_or(0);
            State::File {
                attributes: attributes(&now),
                links: links(&now),
                body: Body::OnDisk(Rc::new(file), size),
            }
        }
        FileType::Directory => State::Directory { attributes: attributes(&stat), fresh: false },
        FileType::Symlink => {
            let target = readlinkat(directory, name, Vec::new()).map_err(failed("read the link", path))?;
            State::Link(target.to_string_lossy().into_owned())
        }
        FileType::Fifo => State::Other("named pipe"),
        FileType::Socket => State::Other("socket"),
        FileType::CharacterDevice | FileType::BlockDevice => State::Other("device"),
        FileType::Unknown => State::Other("thing of unknown kind"),
    })
}

/// Owner and mode from what the system says.
pub fn attributes(stat: &Stat) -> Attributes {
    Attributes { owner: Owner::Id(stat.st_uid), group: Owner::Id(stat.st_gid), mode: stat.st_mode & 0o7777 }
}

#[allow(clippy::useless_conversion, reason = "the type differs between architectures")]
fn links(stat: &Stat) -> u64 {
    stat.st_nlink.into()
}

/// The error for a path where something of another kind is.
pub fn wrong_kind(path: &str, state: &State, wanted: &'static str) -> FileError {
    let path = path.to_owned();
    match state {
        State::Link(_) => FileError::IsLink { path },
        State::Blocked { path: link, link: true } => FileError::Symlink { path, link: link.clone() },
        State::Blocked { path: component, link: false } => {
            FileError::NotADirectory { path, component: component.clone() }
        }
        State::NoParent(missing) => FileError::NoParent { path, missing: missing.clone() },
        State::File { .. } => FileError::WrongKind { path, found: "file", wanted },
        State::Directory { .. } => FileError::WrongKind { path, found: "directory", wanted },
        State::Other(found) => FileError::WrongKind { path, found, wanted },
        State::Absent => FileError::Changed { path },
    }
}
