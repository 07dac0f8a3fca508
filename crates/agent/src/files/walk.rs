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
/// root or to the agent's own user. Below it none is, except where everything is granted, or what is built in asks:
/// there the same links are followed as above. Nowhere is one followed that the cookbook may have made itself.
pub fn walk(
    node: &mut Node,
    grants: Option<&Grants>,
    path: &str,
    directory: &str,
) -> Result<Walk, FileError> {
    let trust = Trust::of(grants, path);
    let key = (trust.prefix.clone(), directory.to_owned());
    if let Some(found) = node.directories.get(&key) {
        return Ok(Walk::Found(Rc::clone(found)));
    }
    let (walk, links) = walk_components(&trust, path, directory)?;
    // Another cookbook may not be led by the same links.
    if let Walk::Found(found) = &walk
        && links == 0
    {
        if node.directories.len() >= DIRECTORIES {
            node.directories.clear();
        }
        node.directories.insert(key, Rc::clone(found));
    }
    Ok(walk)
}

/// Which links on the way are followed.
struct Trust<'g> {
    /// The grants, unless they grant everything.
    grants: Option<&'g Grants>,
    /// The directory that the operator named.
    prefix: String,
    /// Links below it are followed as well.
    everywhere: bool,
}

impl<'g> Trust<'g> {
    fn of(grants: Option<&'g Grants>, path: &str) -> Self {
        let prefix = grants.and_then(|grants| grants.trusted_prefix(path));
        let grants = grants.filter(|grants| !grants.all_files());
        // A path that no grant of files covers was granted as something else.
        let everywhere = match &prefix {
            None => true,
            Some(prefix) => prefix == "/" && grants.is_none(),
        };
        Trust { grants, prefix: prefix.unwrap_or_else(|| "/".to_owned()), everywhere }
    }

    /// Whether the way down to the named directory goes through this one.
    fn covers(&self, directory: &str) -> bool {
        let rest = self.prefix.strip_prefix(directory);
        self.everywhere || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether a link that is really here cannot be the cookbook's own.
    fn is_foreign(&self, real: &str) -> bool {
        self.grants.is_none_or(|grants| !grants.may_link(real))
    }
}

struct Step {
    name: String,
    trusted: bool,
    /// How the path spells it, for messages.
    shown: String,
}

/// Also counts the links that were followed.
fn walk_components(trust: &Trust<'_>, path: &str, directory: &str) -> Result<(Walk, usize), FileError> {
    let mut steps = VecDeque::new();
    let mut shown = String::new();
    for name in directory.split('/').filter(|name| !name.is_empty()) {
        shown.push('/');
        shown.push_str(name);
        let trusted = trust.covers(&shown);
        steps.push_back(Step { name: name.to_owned(), trusted, shown: shown.clone() });
    }
    let mut current = open_directory(None, "/").map_err(failed("open", "/"))?;
    // Where `current` really is.
    let mut real: Vec<String> = Vec::new();
    let mut links = 0;
    while let Some(step) = steps.pop_front() {
        match open_directory(Some(&current), &step.name) {
            Ok(next) => {
                current = next;
                match step.name.as_str() {
                    ".." => drop(real.pop()),
                    _ => real.push(step.name),
                }
            }
            Err(Errno::NOENT) => return Ok((Walk::Missing(step.shown), links)),
            Err(Errno::NOTDIR | Errno::LOOP) => {
                let stat = statat(&current, &step.name, AtFlags::SYMLINK_NOFOLLOW)
                    .map_err(failed("look at", &step.shown))?;
                if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
                    return Err(FileError::NotADirectory { path: path.to_owned(), component: step.shown });
                }
                links += 1;
                let owner_trusted = stat.st_uid == 0 || stat.st_uid == geteuid().as_raw();
                let here =
                    format!("/{}", real.iter().chain([&step.name]).cloned().collect::<Vec<_>>().join("/"));
                if !step.trusted || !owner_trusted || !trust.is_foreign(&here) || links > LINKS {
                    return Err(FileError::Symlink { path: path.to_owned(), link: step.shown });
                }
                let target = readlinkat(&current, &step.name, Vec::new())
                    .map_err(failed("read the link", &step.shown))?;
                let target = target.to_string_lossy();
                if target.starts_with('/') {
                    current = open_directory(None, "/").map_err(failed("open", "/"))?;
                    real.clear();
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
    Ok((Walk::Found(Rc::new(current)), links))
}

pub(super) fn open_directory(base: Option<&OwnedFd>, name: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match base {
        Some(base) => openat(base, name, flags, Mode::empty()),
        None => openat(CWD, name, flags, Mode::empty()),
    }
}
