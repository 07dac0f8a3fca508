//! Writing a stack file: whole or not at all, and never over what somebody else has written meanwhile.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, chown},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

/// Why a stack file was left as it was.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The system says no.
    #[error("the stack file {} cannot be written: {source}", path.display())]
    System {
        /// The file.
        path: PathBuf,
        /// What it says.
        source: io::Error,
    },
    /// Somebody else was faster.
    #[error("the stack file {} was changed by somebody else meanwhile, and was left as it is; try again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// It would have been overwritten.
    #[error("{} exists already and is left as it is", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
}

/// Puts `text` in the place of a file that has the text `was`. Mode and owner stay, and so does a link to the file.
pub fn replace(path: &Path, was: &str, text: &str) -> Result<(), WriteError> {
    let system = |source| WriteError::System { path: path.to_owned(), source };
    let target = fs::canonicalize(path).map_err(system)?;
    // Whoever waits here for another engine finds what that one has written, by the name and not in this file.
    let lock = File::open(&target).map_err(system)?;
    lock.lock().map_err(system)?;
    if fs::read_to_string(&target).map_err(system)? != was {
        return Err(WriteError::Changed { path: path.to_owned() });
    }
    let metadata = fs::metadata(&target).map_err(system)?;
    let file = temporary(&target, text).map_err(system)?;
    let own = fs::metadata(file.path()).map_err(system)?;
    if (own.uid(), own.gid()) != (metadata.uid(), metadata.gid()) {
        chown(file.path(), Some(metadata.uid()), Some(metadata.gid())).map_err(system)?;
    }
    file.as_file().set_permissions(metadata.permissions()).map_err(system)?;
    file.persist(&target).map_err(|error| system(error.error))?;
    sync_directory(&target).map_err(system)
}

/// Writes a file that does not exist yet, with the mode of another one.
pub fn create(path: &Path, like: &Path, text: &str) -> Result<(), WriteError> {
    let system = |source| WriteError::System { path: path.to_owned(), source };
    let file = temporary(path, text).map_err(system)?;
    file.as_file().set_permissions(fs::metadata(like).map_err(system)?.permissions()).map_err(system)?;
    file.persist_noclobber(path).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => WriteError::Exists { path: path.to_owned() },
        _ => system(error.error),
    })?;
    sync_directory(path).map_err(system)
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn temporary(path: &Path, text: &str) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix(".engine-").suffix(".new").tempfile_in(directory(path))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory(path))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn mode_and_link_stay_and_nothing_is_left_behind() {
        let place = tempfile::tempdir().unwrap();
        let (real, link) = (place.path().join("real.toml"), place.path().join("web.toml"));
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("real.toml", &link).unwrap();
        replace(&link, "old", "new").unwrap();
        assert_eq!(fs::read_to_string(&real).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&real).unwrap().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_somebody_else_has_written_stays() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("web.toml");
        fs::write(&path, "theirs").unwrap();
        assert!(matches!(replace(&path, "old", "new"), Err(WriteError::Changed { .. })));
        assert!(matches!(create(&path, &path, "new"), Err(WriteError::Exists { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }
}
