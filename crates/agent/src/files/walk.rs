//! The way to a directory, following only links that are trusted.

use std::{collections::VecDeque, os::fd::OwnedFd, rc::Rc};

use engine_protocol::Grants;
use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, openat, readlinkat, statat},
    io::Errno,
    process::geteuid,
};

use super::{FileError, failed};
use crate::node::Node;

/// Links on one path beyond this number are a loop.
const LINKS: usize = 40;

/// Directories that are held open at the most.
const DIRECTORIES: usize = 256;

/// Where the way to a directory ended.
#[derive(Debug)]
pub enum Walk {
    /// At the directory.
    Found(Rc<OwnedFd>),
    /// At this component, which does not exist.
    Missing(String),
}

/// Opens the directory `directory`, in which `path` is.
///
/// Down to the directory that the operator named in the grant, links are followed if they belong to
/// root or to the agent's own user. Below it none is, except where the grant names no directory at
/// all (`/**`, or what is built in): there the same links are followed as above.
pub fn walk(
    node: &mut Node,
    grants: Option<&Grants>,
    path: &str,
    directory: &str,
) -> Result<Walk, FileError> {
    let prefix = grants.and_then(|grants| grants.trusted_prefix(path)).unwrap_or_else(|| "/".to_owned());
    let key = (prefix, directory.to_owned());
    if let Some(found) = node.directories.get(&key) {
        return Ok(Walk::Found(Rc::clone(found)));
    }
    let walk = walk_components(&key.0, path, directory)?;
    if let Walk::Found(found) = &walk {
        if node.directories.len() >= DIRECTORIES {
            node.directories.clear();
        }
        node.directories.insert(key, Rc::clone(found));
    }
    Ok(walk)
}

struct Step {
    name: String,
    trusted: bool,
    /// How the path spells it, for messages.
    shown: String,
}

fn walk_components(prefix: &str, path: &str, directory: &str) -> Result<Walk, FileError> {
    let everywhere = prefix == "/";
    let mut steps = VecDeque::new();
    let mut shown = String::new();
    for name in directory.split('/').filter(|name| !name.is_empty()) {
        shown.push('/');
        shown.push_str(name);
        let within = shown.len() <= prefix.len() && prefix.starts_with(&shown);
        steps.push_back(Step { name: name.to_owned(), trusted: everywhere || within, shown: shown.clone() });
    }
    let mut current = open_directory(None, "/").map_err(failed("open", "/"))?;
    let mut links = 0;
    while let Some(step) = steps.pop_front() {
        match open_directory(Some(&current), &step.name) {
            Ok(next) => current = next,
            Err(Errno::NOENT) => return Ok(Walk::Missing(step.shown)),
            Err(Errno::NOTDIR | Errno::LOOP) => {
                let stat = statat(&current, &step.name, AtFlags::SYMLINK_NOFOLLOW)
                    .map_err(failed("look at", &step.shown))?;
                if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
                    return Err(FileError::NotADirectory { path: path.to_owned(), component: step.shown });
                }
                links += 1;
                let owner_trusted = stat.st_uid == 0 || stat.st_uid == geteuid().as_raw();
                if !step.trusted || !owner_trusted || links > LINKS {
                    return Err(FileError::Symlink { path: path.to_owned(), link: step.shown });
                }
                let target = readlinkat(&current, &step.name, Vec::new())
                    .map_err(failed("read the link", &step.shown))?;
                let target = target.to_string_lossy();
                if target.starts_with('/') {
                    current = open_directory(None, "/").map_err(failed("open", "/"))?;
                }
                for name in target.split('/').filter(|name| !matches!(*name, "" | ".")).rev() {
                    steps.push_front(Step {
                        name: name.to_owned(),
                        trusted: true,
                        shown: step.shown.clone(),
                    });
                }
            }
            Err(errno) => return Err(failed("open the directory", &step.shown)(errno)),
        }
    }
    Ok(Walk::Found(Rc::new(current)))
}

pub(super) fn open_directory(base: Option<&OwnedFd>, name: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match base {
        Some(base) => openat(base, name, flags, Mode::empty()),
        None => openat(CWD, name, flags, Mode::empty()),
    }
}
