//! From where the files of a release come: from kept releases, from a directory of the node, or from the controller.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::Read,
};

use engine_protocol::{ContentHash, resource::TreeEntry};
use rustix::{
    fs::{FileType, Mode, OFlags, fstat, openat, readlinkat},
    io::Errno,
};
use sha2::{Digest, Sha256};

use super::{ReleaseError, index::Release};
use crate::files::{
    FileError, failed,
    tree::{self, Root},
};

/// Where a content can be found on the node, as far as is known.
#[derive(Debug, Default)]
pub struct Sources(HashMap<ContentHash, Vec<(usize, String)>>);

impl Sources {
    /// What releases were made of, those first that come first.
    pub fn of<'r>(releases: impl Iterator<Item = &'r Release>) -> Self {
        let mut sources = Sources::default();
        for (position, release) in releases.enumerate() {
            for entry in &release.entries {
                if let TreeEntry::File { path, hash, .. } = entry {
                    sources.0.entry(*hash).or_default().push((position, path.clone()));
                }
            }
        }
        sources
    }

    /// Releases, by position, and paths in them where a content should be.
    pub fn find(&self, hash: ContentHash) -> &[(usize, String)] {
        self.0.get(&hash).map_or(&[], Vec::as_slice)
    }
}

/// Files and bytes of a tree.
#[derive(Debug, Clone, Copy, Default)]
pub struct Amount {
    /// How many files.
    pub files: u64,
    /// How many bytes are in them.
    pub bytes: u64,
}

impl Amount {
    /// All files of a tree, and those whose content is nowhere on the node; each content counts once in these.
    pub fn of(entries: &[TreeEntry], sources: &Sources) -> (Amount, Amount) {
        let (mut all, mut missing) = (Amount::default(), Amount::default());
        let mut seen = HashSet::new();
        for entry in entries {
            if let TreeEntry::File { hash, size, .. } = entry {
                all.add(*size);
                if *size > 0 && sources.find(*hash).is_empty() && seen.insert(*hash) {
                    missing.add(*size);
                }
            }
        }
        (all, missing)
    }

    fn add(&mut self, size: u64) {
        self.files += 1;
        self.bytes += size;
    }
}

/// Opens a regular file of this size below a directory; nothing if something else is there. No link is followed.
pub fn open_file(root: &mut Root, path: &str, size: u64) -> Option<File> {
    let directory = root.parent(path).ok()?;
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    // Who put a pipe in place of a file does not make anybody wait.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let handle = openat(&*directory, name, flags, Mode::empty()).ok()?;
    let stat = fstat(&handle).ok()?;
    let same = u64::try_from(stat.st_size) == Ok(size);
    (same && FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile).then(|| handle.into())
}

/// The entries of a directory of the node, without `.git`, in order.
pub fn walk(root: &mut Root) -> Result<Vec<TreeEntry>, ReleaseError> {
    let mut entries = Vec::new();
    walk_below(root, "", &mut entries)?;
    entries.sort_by(|one, other| one.path().cmp(other.path()));
    Ok(entries)
}

fn walk_below(root: &mut Root, below: &str, entries: &mut Vec<TreeEntry>) -> Result<(), ReleaseError> {
    let shown = root.full(below);
    let Some(directory) = root.directory(below)? else { return Ok(()) };
    let listed = tree::open(&*directory, c".", &shown)?;
    for name in tree::names(&listed, &shown)? {
        let Ok(name) = name.into_string() else {
            return Err(ReleaseError::Outside { path: format!("{shown}/?") });
        };
        if below.is_empty() && name == ".git" {
            continue;
        }
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        let full = root.full(&path);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match openat(&*directory, &name, flags, Mode::empty()) {
            Err(Errno::LOOP) => {
                let to =
                    readlinkat(&*directory, &name, Vec::new()).map_err(failed("read the link", &full))?;
                entries.push(TreeEntry::Link { path, to: to.to_string_lossy().into_owned() });
            }
            Err(errno) => return Err(failed("open", &full)(errno).into()),
            Ok(handle) => {
                let stat = fstat(&handle).map_err(failed("look at", &full))?;
                match FileType::from_raw_mode(stat.st_mode) {
                    FileType::Directory => {
                        entries.push(TreeEntry::Directory { path: path.clone() });
                        walk_below(root, &path, entries)?;
                    }
                    FileType::RegularFile => {
                        let (hash, size) = hash_of(handle.into(), &full)?;
                        let executable = stat.st_mode & 0o100 != 0;
                        entries.push(TreeEntry::File { path, hash, size, executable });
                    }
                    // Pipes and sockets are no part of an app.
                    _ => {}
                }
            }
        }
    }
    Ok(())
}

fn hash_of(mut file: File, path: &str) -> Result<(ContentHash, u64), FileError> {
    let (mut hasher, mut size, mut buffer) = (Sha256::new(), 0, vec![0; 64 * 1024]);
    loop {
        let count = file.read(&mut buffer).map_err(|source| FileError::System {
            what: "read",
            path: path.to_owned(),
            source,
        })?;
        if count == 0 {
            return Ok((ContentHash(hasher.finalize().into()), size));
        }
        hasher.update(&buffer[..count]);
        size += count as u64;
    }
}
