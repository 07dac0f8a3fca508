//! What is known of the releases of an app: a file beside them for each.

use std::{
    io::{Read, Write},
    os::fd::OwnedFd,
};

use engine_protocol::{ContentHash, resource::TreeEntry};
use rustix::{
    fs::{AtFlags, Mode, OFlags, fsync, openat, renameat, unlinkat},
    io::Errno,
};
use serde::{Deserialize, Serialize};

use super::ReleaseError;
use crate::{
    files::{
        FileError, failed,
        tree::{self, Root},
    },
    provider::Context,
};

/// Where releases are, below an app's directory.
pub const RELEASES: &str = "releases";

/// Where the files about them are, which root alone may read.
pub const ABOUT: &str = ".engine";

/// The link to the release that serves.
pub const CURRENT: &str = "current";

/// How far a release has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is on disk, and was never the current one.
    Put,
    /// It became the current one, but not all was done after that.
    Active,
    /// It was deployed whole.
    Settled,
    /// It was deployed whole and then gone back from: only who names it goes there again.
    Left,
}

/// A release that is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Its name.
    pub name: String,
    /// What it was made of.
    pub revision: String,
    /// Tells it from others.
    pub digest: ContentHash,
    /// How far it has come.
    pub standing: Standing,
    /// What was put there; it may have been changed since.
    pub entries: Vec<TreeEntry>,
}

/// The releases of an app on this node.
#[derive(Debug, Default)]
pub struct Known {
    /// The name of the current one, whoever made it.
    pub current: Option<String>,
    /// Those that are on disk and known, the oldest first.
    pub releases: Vec<Release>,
    /// Names of what is left of others, which never became current: in `releases`, and of files about them.
    pub debris: Debris,
}

/// What is left of releases that came to nothing.
#[derive(Debug, Default)]
pub struct Debris {
    /// Entries of `releases`.
    pub trees: Vec<String>,
    /// Entries of `.engine`.
    pub files: Vec<String>,
}

impl Known {
    /// Looks at an app's directory; nothing is known where it is missing.
    pub fn read(context: &mut Context<'_>, path: &str) -> Result<Self, ReleaseError> {
        let Some(mut app) = open(context, path)? else { return Ok(Known::default()) };
        let trees = names(&mut app, RELEASES)?;
        let mut known = Known { current: current(&app, path)?, ..Known::default() };
        for file in names(&mut app, ABOUT)? {
            let release = read(&mut app, &file)?.filter(|release| file == file_of(&release.name));
            match release {
                Some(release) if trees.contains(&release.name) => known.releases.push(release),
                _ => known.debris.files.push(file),
            }
        }
        known.releases.sort_by(|one, other| one.name.cmp(&other.name));
        // What is not known and has no name of ours was made by somebody else.
        known.debris.trees = trees.into_iter().filter(|name| name.ends_with(PARTIAL)).collect();
        Ok(known)
    }

    /// The release of that name.
    pub fn find(&self, name: &str) -> Option<&Release> {
        self.releases.iter().find(|release| release.name == name)
    }

    /// The current one, if it is known.
    pub fn current(&self) -> Option<&Release> {
        self.current.as_deref().and_then(|name| self.find(name))
    }

    /// The current one, if it was deployed whole: else its name says nothing of how well it serves.
    pub fn is_settled(&self, name: &str) -> bool {
        self.find(name).is_some_and(|release| release.standing == Standing::Settled)
    }

    /// Whether a release never served.
    pub fn never_served(&self, release: &Release) -> bool {
        release.standing == Standing::Put && self.current.as_deref() != Some(&release.name)
    }
}

/// What a release is called until all of it is on disk.
pub fn partial(name: &str) -> String {
    format!(".{name}{PARTIAL}")
}

const PARTIAL: &str = ".partial";

/// The name of the file about a release.
pub fn file_of(name: &str) -> String {
    format!("{name}.json")
}

/// Opens the app's directory; nothing if it is missing.
pub fn open(context: &mut Context<'_>, path: &str) -> Result<Option<Root>, FileError> {
    match Root::open(context, path) {
        Ok(root) => Ok(Some(root)),
        Err(FileError::NoParent { .. }) => Ok(None),
        Err(FileError::System { source, .. }) if Errno::from_io_error(&source) == Some(Errno::NOENT) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn names(app: &mut Root, directory: &str) -> Result<Vec<String>, FileError> {
    let path = app.full(directory);
    let Some(handle) = app.directory(directory)? else { return Ok(Vec::new()) };
    let handle = tree::open(&*handle, c".", &path)?;
    let names = tree::names(&handle, &path)?;
    Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
}

/// The name in the link `current`.
fn current(app: &Root, path: &str) -> Result<Option<String>, ReleaseError> {
    let shown = app.full(CURRENT);
    let handle = app.handle().ok_or_else(|| FileError::Changed { path: path.to_owned() })?;
    match rustix::fs::readlinkat(handle, CURRENT, Vec::new()) {
        Ok(target) => {
            let target = target.to_string_lossy();
            let below = target.strip_prefix(&format!("{path}/")).unwrap_or(&target);
            let name = below.strip_prefix("releases/").filter(|name| !name.contains('/'));
            Ok(Some(name.unwrap_or(&target).to_owned()))
        }
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::INVAL) => Err(ReleaseError::CurrentIsNoLink { path: shown }),
        Err(errno) => Err(failed("read the link", &shown)(errno).into()),
    }
}

/// A file that says nothing we understand is no release of ours.
fn read(app: &mut Root, file: &str) -> Result<Option<Release>, FileError> {
    let path = app.full(&format!("{ABOUT}/{file}"));
    let Some(directory) = app.directory(ABOUT)? else { return Ok(None) };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let handle = openat(&*directory, file, flags, Mode::empty()).map_err(failed("open", &path))?;
    let mut text = Vec::new();
    let read = std::fs::File::from(handle).read_to_end(&mut text);
    read.map_err(|source| FileError::System { what: "read", path, source })?;
    Ok(serde_json::from_slice(&text).ok())
}

/// Writes what is known of a release, whole or not at all.
pub fn write(app: &mut Root, release: &Release) -> Result<(), FileError> {
    let (name, temporary) = (file_of(&release.name), format!(".{}.new", release.name));
    let path = app.full(&format!("{ABOUT}/{name}"));
    let directory = app.directory(ABOUT)?.ok_or_else(|| FileError::Changed { path: path.clone() })?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = openat(&*directory, &temporary, flags, Mode::from_raw_mode(0o600));
    let mut file = std::fs::File::from(handle.map_err(failed("write", &path))?);
    let text = serde_json::to_vec(release).unwrap_or_default();
    file.write_all(&text).map_err(|source| FileError::System {
        what: "write",
        path: path.clone(),
        source,
    })?;
    fsync(&file).map_err(failed("write", &path))?;
    renameat(&*directory, &temporary, &*directory, &name).map_err(failed("replace", &path))
}

/// Forgets a release.
pub fn forget(app: &mut Root, name: &str) -> Result<(), FileError> {
    forget_file(app, &file_of(name))
}

/// Deletes a file about a release.
pub fn forget_file(app: &mut Root, file: &str) -> Result<(), FileError> {
    let path = app.full(&format!("{ABOUT}/{file}"));
    let Some(directory) = app.directory(ABOUT)? else { return Ok(()) };
    match unlinkat(&*directory, file, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(failed("delete", &path)(errno)),
    }
}

/// The app's directory itself.
pub fn handle<'r>(app: &'r Root, path: &str) -> Result<&'r OwnedFd, FileError> {
    app.handle().ok_or_else(|| FileError::Changed { path: path.to_owned() })
}
