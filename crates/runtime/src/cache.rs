//! Keeps compiled code, so that a cookbook is compiled once on a machine.
//!
//! Compiled code is machine code: whoever can write it, runs. So the directory belongs to the user
//! alone (mode 0700, owner checked, no symbolic links), an entry's name says which component and
//! which wasmtime it is for, and every entry carries a MAC under a key that is in the directory as
//! well. The MAC is verified over the very bytes that are then loaded. Any doubt means that the
//! component is compiled again. Processes share a directory without locks: entries appear whole,
//! by rename.

use std::{
    ffi::OsString,
    fs::File,
    hash::{Hash, Hasher},
    io::{Read as _, Write as _},
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rustix::fs::{AtFlags, Mode, OFlags};
use wasmtime::{Engine, component::Component};

const KEY_FILE: &str = "key";
const ENDING: &str = "cwasm";
const MAC_BYTES: usize = 32;

/// A directory of compiled code.
#[derive(Debug)]
pub struct Cache {
    path: PathBuf,
    directory: OwnedFd,
    key: [u8; 32],
}

/// Why the cache cannot be used at all. Evaluation goes on without it.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// Something in the file system.
    #[error("{}: {source}", .path.display())]
    Io {
        /// On what.
        path: PathBuf,
        /// What happened.
        source: std::io::Error,
    },
    /// The directory is not the user's alone.
    #[error("{} is not private ({problem}); remove it or choose another with --cache-dir", .path.display())]
    NotPrivate {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

/// What the cache says of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheEntry {
    /// BLAKE3 of the component, as 64 hexadecimal digits.
    pub component: String,
    /// Whether this engine's wasmtime and settings can load it.
    pub compatible: bool,
    /// Size in bytes.
    pub bytes: u64,
    /// When it was written.
    pub modified: SystemTime,
    file: OsString,
}

/// Whether an entry is what was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryState {
    /// It is.
    Intact,
    /// It was altered, cut or put there by somebody else. It is never loaded.
    Tampered,
}

impl Cache {
    /// Opens the directory, making it if it is missing.
    pub fn open(path: &Path) -> Result<Self, CacheError> {
        let io = |source: std::io::Error| CacheError::Io { path: path.to_owned(), source };
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(io)?;
        }
        match rustix::fs::mkdir(path, Mode::RWXU) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(io(error.into())),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| match error {
            rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP => CacheError::NotPrivate {
                path: path.to_owned(),
                problem: "it is not a directory, or a symbolic link".to_owned(),
            },
            other => io(other.into()),
        })?;
        let status = rustix::fs::fstat(&directory).map_err(|error| io(error.into()))?;
        let user = rustix::process::geteuid().as_raw();
        let problem = if status.st_uid != user {
            Some(format!("it belongs to user {}, not to {user}", status.st_uid))
        } else if status.st_mode & 0o077 != 0 {
            Some(format!("its mode is {:04o}, not 0700", status.st_mode & 0o7777))
        } else {
            None
        };
        if let Some(problem) = problem {
            return Err(CacheError::NotPrivate { path: path.to_owned(), problem });
        }
        let key = read_or_make_key(&directory).map_err(io)?;
        Ok(Cache { path: path.to_owned(), directory, key })
    }

    /// Where the cache is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The compiled code of a component, if it is there, intact and fit for this engine.
    pub(crate) fn load(&self, engine: &Engine, component: &blake3::Hash) -> Option<Component> {
        let name = entry_name(engine, component);
        let bytes = read_file(&self.directory, &name).ok()?;
        let code = self.verify_bytes(&name, &bytes)?;
        // SAFETY: these bytes carry a MAC, just verified over them in memory, that only a process
        // with the key can make; keys are readable by this user alone, and this code writes nothing
        // but what `Component::serialize` gave for the same engine settings.
        #[allow(unsafe_code)]
        unsafe { Component::deserialize(engine, code) }.ok()
    }

    /// Stores compiled code. A cache that cannot be written to is no error: the next process compiles.
    pub(crate) fn store(&self, engine: &Engine, component: &blake3::Hash, compiled: &Component) {
        let Ok(code) = compiled.serialize() else { return };
        let name = entry_name(engine, component);
        let mac = self.mac(&name, &code);
        let _ = write_file(&self.directory, &name, &[mac.as_bytes(), &code]);
    }

    fn mac(&self, name: &str, code: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update(code);
        hasher.finalize()
    }

    fn verify_bytes<'a>(&self, name: &str, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let (mac, code) = bytes.split_at_checked(MAC_BYTES)?;
        let stored = blake3::Hash::from_slice(mac).ok()?;
        // `Hash` compares in constant time.
        (self.mac(name, code) == stored).then_some(code)
    }

    /// All entries, by component.
    pub fn entries(&self, engine: &crate::Runtime) -> Result<Vec<CacheEntry>, CacheError> {
        let io = |source: std::io::Error| CacheError::Io { path: self.path.clone(), source };
        let compatible = compatibility(engine.engine());
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(&self.path).map_err(io)? {
            let entry = entry.map_err(io)?;
            let file = entry.file_name();
            let Some((component, hash)) = file.to_str().and_then(split_name) else { continue };
            // Another process may have removed it meanwhile.
            let Ok(status) = entry.metadata() else { continue };
            entries.push(CacheEntry {
                component: component.to_owned(),
                compatible: hash == compatible,
                bytes: status.len(),
                modified: status.modified().map_err(io)?,
                file: file.clone(),
            });
        }
        entries.sort_by(|a, b| a.file.cmp(&b.file));
        Ok(entries)
    }

    /// Checks an entry's MAC.
    pub fn verify(&self, entry: &CacheEntry) -> EntryState {
        let intact = entry.file.to_str().is_some_and(|name| {
            read_file(&self.directory, name).is_ok_and(|bytes| self.verify_bytes(name, &bytes).is_some())
        });
        if intact { EntryState::Intact } else { EntryState::Tampered }
    }

    /// Removes an entry.
    pub fn remove(&self, entry: &CacheEntry) -> Result<(), CacheError> {
        rustix::fs::unlinkat(&self.directory, Path::new(&entry.file), AtFlags::empty())
            .map_err(|error| CacheError::Io { path: self.path.join(&entry.file), source: error.into() })
    }
}

impl CacheEntry {
    /// How long ago the entry was written.
    pub fn age(&self) -> Duration {
        self.modified.elapsed().unwrap_or_default()
    }
}

fn entry_name(engine: &Engine, component: &blake3::Hash) -> String {
    format!("{}-{}.{ENDING}", component.to_hex(), compatibility(engine))
}

fn split_name(name: &str) -> Option<(&str, &str)> {
    let (component, compatibility) = name.strip_suffix(ENDING)?.strip_suffix('.')?.split_once('-')?;
    (component.len() == 64 && compatibility.len() == 16).then_some((component, compatibility))
}

/// Sixteen hexadecimal digits that differ when wasmtime, its settings or the machine differ.
fn compatibility(engine: &Engine) -> String {
    struct Blake3(blake3::Hasher);
    impl Hasher for Blake3 {
        fn finish(&self) -> u64 {
            let mut first = [0; 8];
            first.copy_from_slice(&self.0.finalize().as_bytes()[..8]);
            u64::from_le_bytes(first)
        }

        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
    }
    let mut hasher = Blake3(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn read_file(directory: impl AsFd, name: &str) -> std::io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let mut file = File::from(rustix::fs::openat(directory, name, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn write_file(directory: impl AsFd, name: &str, parts: &[&[u8]]) -> std::io::Result<()> {
    let temporary = temporary_name(name);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file =
        File::from(rustix::fs::openat(directory.as_fd(), &temporary, flags, Mode::RUSR | Mode::WUSR)?);
    let written = parts.iter().try_for_each(|part| file.write_all(part)).and_then(|()| {
        rustix::fs::renameat(directory.as_fd(), &temporary, directory.as_fd(), name).map_err(Into::into)
    });
    if written.is_err() {
        // The error that matters is the one before.
        let _ = rustix::fs::unlinkat(directory, &temporary, AtFlags::empty());
    }
    written
}

fn temporary_name(name: &str) -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let process = rustix::process::getpid().as_raw_nonzero();
    format!(".{name}.{process}.{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

fn read_or_make_key(directory: &OwnedFd) -> std::io::Result<[u8; 32]> {
    if let Ok(bytes) = read_file(directory, KEY_FILE)
        && let Ok(key) = <[u8; 32]>::try_from(bytes.as_slice())
    {
        return Ok(key);
    }
    let mut key = [0; 32];
    let mut filled = 0;
    while filled < key.len() {
        filled += rustix::rand::getrandom(&mut key[filled..], rustix::rand::GetRandomFlags::empty())?;
    }
    let temporary = temporary_name(KEY_FILE);
    write_file(directory, &temporary, &[&key])?;
    // Whoever links first wins; the others take its key. A damaged key is replaced.
    let linked = rustix::fs::linkat(directory, &temporary, directory, KEY_FILE, AtFlags::empty());
    if linked.is_err() && !read_file(directory, KEY_FILE).is_ok_and(|bytes| bytes.len() == key.len()) {
        rustix::fs::renameat(directory, &temporary, directory, KEY_FILE)?;
        return Ok(key);
    }
    rustix::fs::unlinkat(directory, &temporary, AtFlags::empty())?;
    let bytes = read_file(directory, KEY_FILE)?;
    <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| std::io::ErrorKind::InvalidData.into())
}
