//! Complete new things under a random name, renamed into place.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs::File,
    io::{self, Write},
    os::fd::{AsFd, OwnedFd},
    rc::Rc,
};

use rustix::{
    fs::{
        AtFlags, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, fstat, fsync, futimens, linkat, openat,
        renameat, symlinkat, syncfs, unlinkat,
    },
    io::Errno,
    rand::{GetRandomFlags, getrandom},
};

use super::{
    FileError,
    attributes::{Attributes, set},
    body::Body,
    failed, split,
};

/// Names to try before giving up: with 64 random bits a second one is never needed.
const TRIES: usize = 8;

/// The longest name that Linux's file systems take.
const NAME_BYTES: usize = 255;

/// Drafts that wait to be put in place together. Each is an open file.
const BATCH: usize = 128;

/// New content beside the file that it is to replace, in the same directory. Until it is placed the old file stays
/// as it is; what is never placed is deleted again.
///
/// Its name begins with a dot, so that programs that read all files of a directory pass it over, and ends as the
/// file's own does, for programs that look at endings.
#[derive(Debug)]
pub struct Draft {
    directory: Rc<OwnedFd>,
    file: File,
    path: String,
    temporary: String,
    placed: bool,
}

impl Draft {
    /// An empty draft of what shall be at `path`, which is in `directory`. Nobody else can read it.
    pub fn new(directory: &Rc<OwnedFd>, path: &str) -> Result<Self, FileError> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let (temporary, file) = under_random_name(path, |temporary| {
            openat(directory, temporary, flags, Mode::from_raw_mode(0o600))
        })?;
        let directory = Rc::clone(directory);
        Ok(Self { directory, file: file.into(), path: path.to_owned(), temporary, placed: false })
    }

    /// Where it is now.
    pub fn path(&self) -> String {
        let directory = split(&self.path).0.trim_end_matches('/');
        format!("{directory}/{}", self.temporary)
    }

    /// Its file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Adds to its content.
    pub fn add(&mut self, content: &[u8]) -> Result<(), FileError> {
        self.file.write_all(content).map_err(unwritten(&self.path))
    }

    /// Adds all that can be read from `source`.
    pub fn add_from(&mut self, source: &mut impl io::Read) -> Result<u64, FileError> {
        io::copy(source, &mut self.file).map_err(unwritten(&self.path))
    }

    /// Its content so far.
    pub fn body(&self) -> Result<Body, FileError> {
        let file = self.file.try_clone().and_then(|file| Ok((file.metadata()?.len(), file)));
        let (size, file) = file.map_err(unwritten(&self.path))?;
        Ok(Body::OnDisk(Rc::new(file.into()), size))
    }

    /// Gives it owner and mode, and makes sure that all of it is on disk.
    pub fn complete(&mut self, attributes: &Attributes) -> Result<(), FileError> {
        self.give(attributes)?;
        fsync(&self.file).map_err(failed("write", &self.path))
    }

    /// Says when its content was last changed, in seconds since 1970.
    pub fn set_modified(&self, seconds: i64) -> Result<(), FileError> {
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
        let modified = Timespec { tv_sec: seconds, tv_nsec: 0 };
        futimens(&self.file, &Timestamps { last_access: now, last_modification: modified })
            .map_err(failed("set the times of", &self.path))
    }

    /// Puts it in place of what is at its path, for good.
    pub fn place(self) -> Result<(), FileError> {
        let (directory, path) = (Rc::clone(&self.directory), self.path.clone());
        self.rename()?;
        sync_directory(directory, &path)
    }

    fn give(&mut self, attributes: &Attributes) -> Result<(), FileError> {
        set(&self.file, &self.path, attributes)
    }

    fn rename(mut self) -> Result<(), FileError> {
        renameat(&self.directory, &self.temporary, &self.directory, split(&self.path).1)
            .map_err(failed("replace", &self.path))?;
        self.placed = true;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.placed {
            let _ = unlinkat(&self.directory, &self.temporary, AtFlags::empty());
        }
    }
}

/// Many drafts that are put in place together. A sync for each would take most of the time, so there is one for all
/// of a file system's: before the first is renamed, and at the end.
#[derive(Debug, Default)]
pub struct Batch {
    drafts: Vec<Draft>,
    /// A file of each file system that was written to.
    devices: BTreeMap<u64, File>,
}

impl Batch {
    /// Adds a draft whose content is complete, and gives it owner and mode.
    pub fn add(&mut self, mut draft: Draft, attributes: &Attributes) -> Result<(), FileError> {
        draft.give(attributes)?;
        let device = fstat(&draft.file).map_err(failed("look at", &draft.path))?.st_dev;
        if let Entry::Vacant(vacant) = self.devices.entry(device) {
            let source = |source| FileError::System { what: "write", path: draft.path.clone(), source };
            vacant.insert(draft.file.try_clone().map_err(source)?);
        }
        self.drafts.push(draft);
        if self.drafts.len() < BATCH { Ok(()) } else { self.place() }
    }

    /// Puts all that was added in place.
    pub fn place(&mut self) -> Result<(), FileError> {
        let Some(first) = self.drafts.first() else { return Ok(()) };
        self.sync(&first.path)?;
        self.drafts.drain(..).try_for_each(Draft::rename)
    }

    /// Puts the rest in place, and makes sure that all names are on disk.
    pub fn finish(mut self, path: &str) -> Result<(), FileError> {
        self.place()?;
        self.sync(path)
    }

    fn sync(&self, path: &str) -> Result<(), FileError> {
        self.devices.values().try_for_each(|file| syncfs(file).map_err(failed("write", path)))
    }
}

fn unwritten(path: &str) -> impl Fn(io::Error) -> FileError {
    move |source| match Errno::from_io_error(&source) {
        Some(errno) => failed("write", path)(errno),
        None => FileError::System { what: "write", path: path.to_owned(), source },
    }
}

/// Replaces or makes a symbolic link, for good.
pub fn replace_link(directory: &OwnedFd, path: &str, to: &str) -> Result<(), FileError> {
    place_link(directory, path, to)?;
    sync_directory(directory, path)
}

/// Replaces or makes a symbolic link. The caller syncs.
pub(super) fn place_link(directory: &OwnedFd, path: &str, to: &str) -> Result<(), FileError> {
    let (temporary, ()) = under_random_name(path, |temporary| symlinkat(to, directory, temporary))?;
    place(directory, path, &temporary)
}

/// Makes a path another name of the file `name` in the directory `from`. The caller syncs.
pub(super) fn place_name(
    directory: &OwnedFd,
    path: &str,
    from: &OwnedFd,
    name: &str,
) -> Result<(), FileError> {
    let link = |temporary: &str| linkat(from, name, directory, temporary, AtFlags::empty());
    let (temporary, ()) = under_random_name(path, link)?;
    place(directory, path, &temporary)?;
    // A rename to another name of the same file does nothing.
    let _ = unlinkat(directory, &temporary, AtFlags::empty());
    Ok(())
}

fn place(directory: &OwnedFd, path: &str, temporary: &str) -> Result<(), FileError> {
    renameat(directory, temporary, directory, split(path).1).map_err(|errno| {
        let _ = unlinkat(directory, temporary, AtFlags::empty());
        failed("replace", path)(errno)
    })
}

fn under_random_name<T>(
    path: &str,
    make: impl Fn(&str) -> Result<T, Errno>,
) -> Result<(String, T), FileError> {
    let mut last = Errno::EXIST;
    for _ in 0..TRIES {
        let mut random = [0; 8];
        getrandom(&mut random, GetRandomFlags::empty()).map_err(failed("name a temporary for", path))?;
        let temporary = temporary_name(u64::from_ne_bytes(random), split(path).1);
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

fn temporary_name(random: u64, name: &str) -> String {
    let begin = format!(".engine-{random:016x}-");
    let mut cut = (begin.len() + name.len()).saturating_sub(NAME_BYTES);
    while !name.is_char_boundary(cut) {
        cut += 1;
    }
    begin + &name[cut..]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_draft_is_hidden_and_ends_as_the_file_s_own() {
        assert_eq!(temporary_name(0x1f, "site.conf"), ".engine-000000000000001f-site.conf");
        let long = "ü".repeat(126) + ".service";
        let name = temporary_name(1, &long);
        assert!(
            name.len() <= NAME_BYTES && name.ends_with(".service") && name.starts_with(".engine-"),
            "{name}"
        );
    }

    #[test]
    fn what_is_not_placed_is_gone() {
        let root = tempfile::tempdir().unwrap();
        let directory = Rc::new(OwnedFd::from(File::open(root.path()).unwrap()));
        let path = root.path().join("a").display().to_string();
        let mut draft = Draft::new(&directory, &path).unwrap();
        draft.add(b"content").unwrap();
        assert_eq!(std::fs::read(draft.path()).unwrap(), b"content");
        drop(draft);
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
