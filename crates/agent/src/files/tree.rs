//! What is below a directory: it is reached without following any link, and not across mounts.

use std::{
    ffi::{CStr, CString},
    os::fd::{AsFd, OwnedFd},
    rc::Rc,
};

use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, mkdirat, openat, statat, syncfs, unlinkat},
    io::Errno,
    path::Arg,
};

use engine_protocol::Mode as RunMode;

use super::{
    FileError,
    attributes::{self, Attributes},
    directory, failed,
    mount::Mount,
    state::{self, State},
    walk,
    write::{self, Batch},
};
use crate::provider::Context;

/// Opens a directory in another one.
pub(crate) fn open(directory: impl AsFd, name: impl Arg, path: &str) -> Result<OwnedFd, FileError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(directory, name, flags, Mode::empty()).map_err(failed("open the directory", path))
}

/// A directory of which a whole tree belongs to one resource. Below it no link is followed, whoever made it.
#[derive(Debug)]
pub(crate) struct Root {
    path: String,
    /// Nothing if it is only predicted to be made, so that nothing on the node is in it.
    handle: Option<Rc<OwnedFd>>,
    /// The last directory that was reached: the next path is mostly in the same one.
    last: Option<(String, Rc<OwnedFd>)>,
}

impl Root {
    /// Opens a directory that is there.
    pub(crate) fn open(context: &mut Context<'_>, path: &str) -> Result<Self, FileError> {
        let handle = Some(Rc::new(directory::open_existing(context, path)?));
        Ok(Self { path: path.to_owned(), handle, last: None })
    }

    /// A directory that would be made.
    pub(super) fn fresh(path: &str) -> Self {
        Self { path: path.to_owned(), handle: None, last: None }
    }

    /// The directory itself, or the one that it would be made in; nothing if that is not there either.
    pub(super) fn nearest(&self, context: &mut Context<'_>) -> Result<Option<Rc<OwnedFd>>, FileError> {
        match &self.handle {
            Some(handle) => Ok(Some(Rc::clone(handle))),
            None => Ok(state::parent(context, &self.path)?.ok()),
        }
    }

    /// The directory itself, if it is there.
    pub(crate) fn handle(&self) -> Option<&OwnedFd> {
        self.handle.as_deref()
    }

    /// The absolute path of what is below it.
    pub(crate) fn full(&self, relative: &str) -> String {
        full(&self.path, relative)
    }

    /// A directory below it, the empty path for itself; nothing if it is missing.
    pub(crate) fn directory(&mut self, relative: &str) -> Result<Option<Rc<OwnedFd>>, FileError> {
        match &self.last {
            Some((last, handle)) if last == relative => return Ok(Some(Rc::clone(handle))),
            _ => {}
        }
        let Some(mut current) = self.handle.clone() else { return Ok(None) };
        for (end, name) in components(relative) {
            match walk::open_directory(Some(&current), name) {
                Ok(next) => current = Rc::new(next),
                Err(Errno::NOENT) => return Ok(None),
                Err(Errno::NOTDIR | Errno::LOOP) => {
                    let (path, component) = (self.full(relative), self.full(&relative[..end]));
                    return Err(match state::at(&current, name, &component)? {
                        State::Link(_) => FileError::Symlink { path, link: component },
                        _ => FileError::NotADirectory { path, component },
                    });
                }
                Err(errno) => return Err(failed("open the directory", &self.full(&relative[..end]))(errno)),
            }
        }
        self.last = Some((relative.to_owned(), Rc::clone(&current)));
        Ok(Some(current))
    }

    /// The directory that something below it is in, which must be there.
    pub(crate) fn parent(&mut self, relative: &str) -> Result<Rc<OwnedFd>, FileError> {
        let (parent, _) = halves(relative);
        self.directory(parent)?
            .ok_or_else(|| FileError::NoParent { path: self.full(relative), missing: self.full(parent) })
    }

    /// What is at a path below it, predictions first.
    pub(super) fn look(&mut self, context: &mut Context<'_>, relative: &str) -> Result<State, FileError> {
        let path = self.full(relative);
        if context.mode == RunMode::Plan
            && let Some(state) = context.overlay.path(&path)
        {
            return Ok(state);
        }
        let (parent, name) = halves(relative);
        match self.directory(parent)? {
            Some(directory) => state::at(&directory, name, &path),
            None => Ok(State::NoParent(self.full(parent))),
        }
    }

    /// Names of all that is in a directory below it: none if it is missing, or if something is mounted on it, which
    /// is no business of whoever keeps this tree.
    pub(crate) fn names(&mut self, relative: &str) -> Result<Vec<CString>, FileError> {
        let path = self.full(relative);
        let (Some(directory), Some(mount)) = (self.directory(relative)?, self.mount()?) else {
            return Ok(Vec::new());
        };
        let handle = open(&*directory, c".", &path)?;
        let within = mount.holds(&handle).map_err(failed("look at", &path))?;
        if within { names(&handle, &path) } else { Ok(Vec::new()) }
    }

    /// Refuses to delete something if it is mounted, or something in it is.
    pub(super) fn check_deletion(&mut self, directory: &str, name: &CStr) -> Result<(), FileError> {
        let path = self.entry(directory, name);
        match (self.directory(directory)?, self.mount()?) {
            (Some(handle), Some(mount)) => entry_not_mounted(&handle, name, &path, mount),
            _ => Ok(()),
        }
    }

    /// Deletes something with all that is in it.
    pub(crate) fn delete(&mut self, directory: &str, name: &CStr) -> Result<(), FileError> {
        let path = self.entry(directory, name);
        match (self.directory(directory)?, self.mount()?) {
            (Some(handle), Some(mount)) => delete(&handle, name, &path, mount),
            _ => Ok(()),
        }
    }

    /// Gives a directory below it, or itself, owner and mode.
    pub(crate) fn set_attributes(
        &mut self,
        relative: &str,
        attributes: &Attributes,
    ) -> Result<(), FileError> {
        let path = self.full(relative);
        let handle = self.directory(relative)?.ok_or_else(|| FileError::Changed { path: path.clone() })?;
        attributes::set(open(&*handle, c".", &path)?, &path, attributes)
    }

    /// Deletes something that is no directory.
    pub(crate) fn unlink(&mut self, relative: &str) -> Result<(), FileError> {
        let directory = self.parent(relative)?;
        unlinkat(&*directory, halves(relative).1, AtFlags::empty())
            .map_err(failed("delete", &self.full(relative)))
    }

    /// Makes or replaces a symbolic link.
    pub(crate) fn replace_link(&mut self, relative: &str, to: &str) -> Result<(), FileError> {
        let directory = self.parent(relative)?;
        write::place_link(&directory, &self.full(relative), to)
    }

    /// Makes something be a further name of a file below it.
    pub(super) fn replace_name(&mut self, relative: &str, file: &str) -> Result<(), FileError> {
        let (directory, from) = (self.parent(relative)?, self.parent(file)?);
        write::place_name(&directory, &self.full(relative), &from, halves(file).1)
    }

    /// Makes sure that all that was done below it is on disk, a batch included.
    pub(super) fn finish(&self, batch: Batch) -> Result<(), FileError> {
        batch.finish(&self.path)?;
        let Some(handle) = &self.handle else { return Ok(()) };
        syncfs(open(&**handle, c".", &self.path)?).map_err(failed("sync", &self.path))
    }

    fn entry(&self, directory: &str, name: &CStr) -> String {
        format!("{}/{}", self.full(directory).trim_end_matches('/'), name.to_string_lossy())
    }

    fn mount(&self) -> Result<Option<Mount>, FileError> {
        self.handle.as_ref().map(Mount::of).transpose().map_err(failed("look at", &self.path))
    }

    /// Makes a directory that nobody else may enter yet.
    pub(crate) fn make(&mut self, relative: &str) -> Result<(), FileError> {
        let directory = self.parent(relative)?;
        mkdirat(&*directory, halves(relative).1, Mode::RWXU)
            .map_err(failed("make the directory", &self.full(relative)))
    }
}

/// The absolute path of what is below a directory.
pub(super) fn full(path: &str, relative: &str) -> String {
    if relative.is_empty() { path.to_owned() } else { format!("{}/{relative}", path.trim_end_matches('/')) }
}

/// Directory, empty for none, and name of a relative path.
pub(super) fn halves(relative: &str) -> (&str, &str) {
    relative.rsplit_once('/').unwrap_or(("", relative))
}

/// All directories above a relative path, the outermost first.
pub(super) fn above(relative: &str) -> impl Iterator<Item = &str> {
    relative.match_indices('/').map(|(index, _)| &relative[..index])
}

/// The parts of a relative path, and where each ends.
fn components(relative: &str) -> impl Iterator<Item = (usize, &str)> {
    let ends = relative.match_indices('/').map(|(index, _)| index).chain([relative.len()]);
    ends.map(|end| (end, halves(&relative[..end]).1)).filter(|(_, name)| !name.is_empty())
}

/// Names of all entries.
pub(crate) fn names(handle: &OwnedFd, path: &str) -> Result<Vec<CString>, FileError> {
    let mut names = Vec::new();
    for entry in Dir::read_from(handle).map_err(failed("list", path))? {
        let entry = entry.map_err(failed("list", path))?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names)
}

/// Opens a directory in another one, unless something is mounted on it: the handle stays where it is,
/// whatever is mounted later.
pub(super) fn open_within(
    directory: impl AsFd,
    name: impl Arg,
    path: &str,
    mount: Mount,
) -> Result<OwnedFd, FileError> {
    let handle = open(directory, name, path)?;
    if mount.holds(&handle).map_err(failed("look at", path))? {
        Ok(handle)
    } else {
        Err(FileError::Mounted { path: path.to_owned() })
    }
}

/// Refuses a tree with a mount point in it before anything is deleted.
pub(super) fn nothing_mounted(handle: &OwnedFd, path: &str, mount: Mount) -> Result<(), FileError> {
    let below = |name: &CStr| format!("{path}/{}", name.to_string_lossy());
    names(handle, path)?.iter().try_for_each(|name| entry_not_mounted(handle, name, &below(name), mount))
}

fn entry_not_mounted(handle: &OwnedFd, name: &CStr, path: &str, mount: Mount) -> Result<(), FileError> {
    if is_directory(handle, name, path)? {
        return nothing_mounted(&open_within(handle, name, path, mount)?, path, mount);
    }
    if mount.holds_entry(handle, name).map_err(failed("look at", path))? {
        Ok(())
    } else {
        Err(FileError::Mounted { path: path.to_owned() })
    }
}

/// Deletes what is in a directory. A file on which another is mounted the system itself does not delete.
pub(super) fn empty(handle: &OwnedFd, path: &str, mount: Mount) -> Result<(), FileError> {
    let below = |name: &CStr| format!("{path}/{}", name.to_string_lossy());
    names(handle, path)?.iter().try_for_each(|name| delete(handle, name, &below(name), mount))
}

fn delete(handle: &OwnedFd, name: &CStr, path: &str, mount: Mount) -> Result<(), FileError> {
    let flags = if is_directory(handle, name, path)? {
        empty(&open_within(handle, name, path, mount)?, path, mount)?;
        AtFlags::REMOVEDIR
    } else {
        AtFlags::empty()
    };
    unlinkat(handle, name, flags).map_err(failed("delete", path))
}

fn is_directory(handle: &OwnedFd, name: &CStr, path: &str) -> Result<bool, FileError> {
    let stat = statat(handle, name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed("look at", path))?;
    Ok(FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    #[test]
    fn what_comes_to_be_mounted_after_the_look_is_not_emptied() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("sub")).unwrap();
        fs::write(root.path().join("sub/kept"), "").unwrap();
        let path = root.path().display().to_string();
        // As seen from another mount, `sub` is a mounted one.
        let elsewhere = Mount::of(File::open("/proc").unwrap()).unwrap();
        let handle = OwnedFd::from(File::open(root.path()).unwrap());
        let result = empty(&handle, &path, elsewhere);
        assert!(
            matches!(result, Err(FileError::Mounted { path: mounted }) if mounted == format!("{path}/sub"))
        );
        assert!(root.path().join("sub/kept").exists());
    }
}
