//! Directories of the controller.

use std::{
    fs::File,
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use engine_protocol::{ContentHash, resource::TreeEntry};
use engine_scheduler::ports::Revision;
use ignore::WalkBuilder;
use sha2::{Digest, Sha256};

use crate::{
    FileFailure, cannot,
    content::{ContentError, Contents},
    tree::Tree,
};

/// Digits of the digest that stands for a directory.
const DIGITS: usize = 12;

/// Why a directory could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LocalError {
    #[error("{} is no directory", path.display())]
    NoDirectory { path: PathBuf },
    #[error("{0}")]
    Walk(ignore::Error),
    #[error("{} has a name that is no UTF-8", path.display())]
    Name { path: PathBuf },
    #[error(transparent)]
    File(#[from] FileFailure),
    #[error(transparent)]
    Content(#[from] ContentError),
}

/// Keeps the files of a directory, without `.git` and what git ignores.
pub(crate) fn read(directory: &Path, contents: &Contents) -> Result<Revision, LocalError> {
    if !directory.is_dir() {
        return Err(LocalError::NoDirectory { path: directory.to_owned() });
    }
    let mut walk = WalkBuilder::new(directory);
    // What the user ignores everywhere is their business; what the directory says is the app's.
    walk.hidden(false).require_git(false).git_global(false).git_exclude(false).ignore(false).parents(false);
    walk.filter_entry(|entry| entry.file_name() != ".git");
    let mut tree = Tree::default();
    for entry in walk.build() {
        let entry = entry.map_err(LocalError::Walk)?;
        let path = entry.path();
        let name = || LocalError::Name { path: path.to_owned() };
        let relative =
            path.strip_prefix(directory).map_err(|_| name())?.to_str().ok_or_else(name)?.to_owned();
        let Some(kind) = entry.file_type().filter(|_| !relative.is_empty()) else { continue };
        if kind.is_dir() {
            tree.add(TreeEntry::Directory { path: relative });
        } else if kind.is_symlink() {
            let to = path.read_link().map_err(cannot("read the link", path))?;
            let to = to.to_str().ok_or_else(name)?.to_owned();
            tree.add(TreeEntry::Link { path: relative, to });
        } else if kind.is_file() {
            let mut file = File::open(path).map_err(cannot("open", path))?;
            let metadata: io::Result<_> = file.metadata();
            let executable = metadata.map_err(cannot("look at", path))?.permissions().mode() & 0o100 != 0;
            let (hash, size) = contents.add(&mut file)?;
            tree.add(TreeEntry::File { path: relative, hash, size, executable });
        }
    }
    let entries = tree.into_entries();
    // Paths, hashes and numbers can be written down.
    let text = serde_json::to_vec(&entries).unwrap_or_default();
    let digest = ContentHash(Sha256::digest(text).into()).to_string();
    Ok(Revision { revision: format!("local-{}", &digest[..DIGITS]), entries })
}
