//! Puts a tree together, file by file.

use std::{
    ffi::CString,
    fs::File,
    io::{Read, Write},
};

use engine_protocol::{ContentHash, resource::TreeEntry};
use rustix::{
    fs::{Mode, OFlags, openat},
    io::Errno,
};
use sha2::{Digest, Sha256};

use super::{
    ReleaseError,
    index::{self, ABOUT, RELEASES, partial},
    source::open_file,
};
use crate::files::{
    FileError,
    attributes::{self, Attributes, Owner},
    failed,
    tree::Root,
};

/// What all releases share.
pub const SHARED: &str = "shared";

/// A release that is not complete. Until it is, nobody but root can enter it.
pub struct Draft {
    pub root: Root,
    pub owner: Owner,
    pub group: Owner,
}

/// A file that is being written.
pub struct Writing {
    file: File,
    path: String,
    executable: bool,
    hasher: Sha256,
    size: u64,
}

impl Draft {
    fn attributes(&self, mode: u32) -> Attributes {
        Attributes { owner: self.owner.clone(), group: self.group.clone(), mode }
    }

    /// Makes a directory, and those above it; it may be there.
    pub fn directory(&mut self, path: &str) -> Result<(), ReleaseError> {
        let ends = path.match_indices('/').map(|(index, _)| index).chain([path.len()]);
        for path in ends.map(|end| &path[..end]).filter(|path| !path.is_empty()) {
            if self.root.directory(path)?.is_none() {
                self.root.make(path)?;
                self.root.set_attributes(path, &self.attributes(0o755))?;
            }
        }
        Ok(())
    }

    /// Makes a link.
    pub fn link(&mut self, path: &str, to: &str) -> Result<(), ReleaseError> {
        self.directory(path.rsplit_once('/').map_or("", |(directory, _)| directory))?;
        Ok(self.root.replace_link(path, to)?)
    }

    /// Begins a file.
    pub fn begin(&mut self, path: &str, executable: bool) -> Result<Writing, ReleaseError> {
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.directory(directory)?;
        let parent = self.root.parent(path)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = openat(&*parent, name, flags, Mode::from_raw_mode(0o600))
            .map_err(failed("write", &self.root.full(path)))?;
        let path = path.to_owned();
        Ok(Writing { file: handle.into(), path, executable, hasher: Sha256::new(), size: 0 })
    }

    /// Ends a file; says whether it is what was announced.
    pub fn end(&mut self, writing: Writing, hash: ContentHash, size: u64) -> Result<bool, ReleaseError> {
        let Writing { file, path, executable, hasher, size: written } = writing;
        let mode = if executable { 0o755 } else { 0o644 };
        attributes::set(&file, &self.root.full(&path), &self.attributes(mode))?;
        Ok(written == size && ContentHash(hasher.finalize().into()) == hash)
    }

    /// Copies a file that should have this content; says whether it had.
    pub fn copy(
        &mut self,
        from: &mut Root,
        source: &str,
        to: &str,
        executable: bool,
        (hash, size): (ContentHash, u64),
    ) -> Result<bool, ReleaseError> {
        let Some(file) = open_file(from, source, size) else { return Ok(false) };
        self.copy_file(file, to, executable, (hash, size))
    }

    /// Copies a file that is in the draft already.
    pub fn copy_within(
        &mut self,
        source: &str,
        to: &str,
        executable: bool,
        (hash, size): (ContentHash, u64),
    ) -> Result<bool, ReleaseError> {
        let Some(file) = open_file(&mut self.root, source, size) else { return Ok(false) };
        self.copy_file(file, to, executable, (hash, size))
    }

    fn copy_file(
        &mut self,
        mut file: File,
        to: &str,
        executable: bool,
        (hash, size): (ContentHash, u64),
    ) -> Result<bool, ReleaseError> {
        let mut writing = self.begin(to, executable)?;
        let mut buffer = vec![0; 64 * 1024];
        // What grows while it is read is not copied without end.
        let mut left = size.saturating_add(1);
        while left > 0 {
            let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            // A file that cannot be read is not there.
            let Ok(count) = file.read(&mut buffer[..most]) else { return Ok(false) };
            if count == 0 {
                break;
            }
            left -= count as u64;
            self.add(&mut writing, &buffer[..count])?;
        }
        self.end(writing, hash, size)
    }

    /// Adds to a file.
    pub fn add(&self, writing: &mut Writing, bytes: &[u8]) -> Result<(), ReleaseError> {
        writing.hasher.update(bytes);
        writing.size += bytes.len() as u64;
        writing.file.write_all(bytes).map_err(|source| {
            let path = self.root.full(&writing.path);
            match Errno::from_io_error(&source) {
                Some(errno) => failed("write", &path)(errno),
                None => FileError::System { what: "write", path, source },
            }
            .into()
        })
    }

    /// Gives the release itself to its owner: from now on others can enter it.
    pub fn open_up(&mut self) -> Result<(), ReleaseError> {
        let attributes = self.attributes(0o755);
        Ok(self.root.set_attributes("", &attributes)?)
    }
}

/// Makes a directory of an app, if it is missing.
pub fn ensure(app: &mut Root, path: &str, attributes: &Attributes) -> Result<(), FileError> {
    let ends = path.match_indices('/').map(|(index, _)| index).chain([path.len()]);
    for path in ends.map(|end| &path[..end]) {
        if app.directory(path)?.is_none() {
            app.make(path)?;
            app.set_attributes(path, attributes)?;
        }
    }
    Ok(())
}

/// Deletes something in a directory of an app, with all that is in it; it may be missing.
pub fn delete(app: &mut Root, directory: &str, name: &str) -> Result<(), FileError> {
    let Ok(name) = CString::new(name) else { return Ok(()) };
    if app.directory(directory)?.is_none() {
        return Ok(());
    }
    match app.delete(directory, &name) {
        Err(FileError::System { source, .. }) if Errno::from_io_error(&source) == Some(Errno::NOENT) => {
            Ok(())
        }
        deleted => deleted,
    }
}

/// Takes a release away, what is left of its draft included.
pub fn take_away(app: &mut Root, name: &str) -> Result<(), FileError> {
    delete(app, RELEASES, name)?;
    delete(app, RELEASES, &partial(name))?;
    if app.directory(ABOUT)?.is_some() { index::forget(app, name) } else { Ok(()) }
}

/// A path that leads nowhere but below.
pub fn is_below(path: &str) -> bool {
    !path.is_empty() && path.split('/').all(|name| !matches!(name, "" | "." | "..")) && !path.contains('\0')
}

/// Refuses a tree with paths that lead out of it.
pub fn check_paths<'p>(mut paths: impl Iterator<Item = &'p str>) -> Result<(), ReleaseError> {
    match paths.find(|path| !is_below(path)) {
        Some(path) => Err(ReleaseError::Outside { path: path.to_owned() }),
        None => Ok(()),
    }
}

/// The paths of entries.
pub fn paths(entries: &[TreeEntry]) -> impl Iterator<Item = &str> {
    entries.iter().map(TreeEntry::path)
}
