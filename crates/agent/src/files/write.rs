//! Complete new things under a random name, renamed into place.

use std::{
    fs::File,
    io::Write,
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    fs::{AtFlags, Mode, OFlags, fsync, openat, renameat, symlinkat, unlinkat},
    io::Errno,
    rand::{GetRandomFlags, getrandom},
};

use super::{
    FileError,
    attributes::{Attributes, set},
    failed,
};

/// Names to try before giving up: with 64 random bits a second one is never needed.
const TRIES: usize = 8;

/// Replaces or makes a file with this content and these attributes. Until everything is on disk the
/// old file stays as it is.
pub fn replace(
    directory: &OwnedFd,
    name: &str,
    path: &str,
    content: &[u8],
    attributes: &Attributes,
) -> Result<(), FileError> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let (temporary, file) =
        under_random_name(path, |temporary| openat(directory, temporary, flags, Mode::from_raw_mode(0o600)))?;
    let filled = fill(file, path, content, attributes)
        .and_then(|()| renameat(directory, &temporary, directory, name).map_err(failed("replace", path)));
    if filled.is_err() {
        let _ = unlinkat(directory, &temporary, AtFlags::empty());
    }
    filled?;
    sync_directory(directory, path)
}

fn fill(file: OwnedFd, path: &str, content: &[u8], attributes: &Attributes) -> Result<(), FileError> {
    let mut file = File::from(file);
    file.write_all(content).map_err(|source| match Errno::from_io_error(&source) {
        Some(errno) => failed("write", path)(errno),
        None => FileError::System { what: "write", path: path.to_owned(), source },
    })?;
    set(&file, path, attributes)?;
    fsync(&file).map_err(failed("write", path))
}

/// Replaces or makes a symbolic link.
pub fn replace_link(directory: &OwnedFd, name: &str, path: &str, to: &str) -> Result<(), FileError> {
    let (temporary, ()) = under_random_name(path, |temporary| symlinkat(to, directory, temporary))?;
    if let Err(errno) = renameat(directory, &temporary, directory, name) {
        let _ = unlinkat(directory, &temporary, AtFlags::empty());
        return Err(failed("replace", path)(errno));
    }
    sync_directory(directory, path)
}

fn under_random_name<T>(
    path: &str,
    make: impl Fn(&str) -> Result<T, Errno>,
) -> Result<(String, T), FileError> {
    let mut last = Errno::EXIST;
    for _ in 0..TRIES {
        let mut random = [0; 8];
        getrandom(&mut random, GetRandomFlags::empty()).map_err(failed("name a temporary for", path))?;
        let temporary = format!(".engine-{:016x}", u64::from_ne_bytes(random));
        match make(&temporary) {
            Ok(handle) => return Ok((temporary, handle)),
            Err(Errno::EXIST) => {}
            Err(errno) => {
                last = errno;
                break;
            }
        }
    }
    Err(failed("make a temporary for", path)(last))
}

/// Makes sure that the names in a directory are on disk.
pub fn sync_directory(directory: impl AsFd, path: &str) -> Result<(), FileError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let handle = openat(directory, ".", flags, Mode::empty());
    match handle.and_then(fsync) {
        // Some file systems know no sync of directories; a directory may be writable but not readable.
        Ok(()) | Err(Errno::INVAL | Errno::ACCESS) => Ok(()),
        Err(errno) => Err(failed("sync the directory of", path)(errno)),
    }
}
