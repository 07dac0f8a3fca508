//! What of an archive is not there yet.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{ErrorKind, Read},
};

use engine_protocol::{
    Mode,
    resource::{Access, ArchiveSpec},
};
use rustix::{
    fs::{fstat, fstatvfs},
    process::geteuid,
};

use super::{
    entry::{Entry, Kind},
    error::{ArchiveError, Problem},
    read::{Archive, Content},
};
use crate::{
    files::{
        FileError,
        attributes::{self, Attributes},
        body::Body,
        state::{State, wrong_kind},
        tree::{self, Root},
    },
    provider::{Context, Error},
};

/// Content up to this size is predicted as it will be, all of it up to the second size; more than that nobody foresees.
const FORESEEN_BYTES: u64 = 64 * 1024;
const ALL_FORESEEN_BYTES: u64 = 4 * 1024 * 1024;

const CHUNK_BYTES: usize = 64 * 1024;

/// What is in an archive under one path: of several entries, the last counts.
#[derive(Debug)]
pub(super) struct Item {
    /// Number of the entry.
    pub(super) ordinal: u64,
    pub(super) kind: Kind,
    /// What is to be done; nothing if it is as it shall be.
    pub(super) work: Option<Work>,
    /// What a file or directory has in the end.
    pub(super) attributes: Option<Attributes>,
    /// In a plan, the content of a file that is not as it shall be, if it is short.
    pub(super) content: Option<Vec<u8>>,
    /// The inode of a file on the node that stays as it is.
    inode: Option<(u64, u64)>,
}

/// What is to be done for an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// A directory is made.
    Make {
        /// A file is in its place.
        replaces: bool,
    },
    /// A file is written.
    Write,
    /// A file or directory is given its attributes.
    Give,
    /// A link is made.
    Link,
}

/// An archive beside what is there.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// All that is in the archive, by path.
    pub(super) items: BTreeMap<String, Item>,
    /// Directories that are made because something is in them.
    pub(super) above: Vec<(String, Attributes)>,
}

/// Compares all of an archive, content included, with what is below a directory.
pub(super) fn compare(
    archive: &Archive<'_>,
    spec: &ArchiveSpec,
    root: &mut Root,
    context: &mut Context<'_>,
) -> Result<Compared, Error> {
    let room = Room { free: free(root, context)?, growth: 0, largest: 0 };
    let below = Below { root, replaced: BTreeSet::new() };
    let mut comparison =
        Comparison { archive, spec, below, room, foreseen: 0, compared: Compared::default() };
    archive.each(&mut |ordinal, entry, content| {
        if (context.stopping)() {
            return Err(Error::Stopped);
        }
        comparison.entry(ordinal, entry, content, context)
    })?;
    comparison.find_above(context)?;
    comparison.link_names(context)?;
    Ok(comparison.compared)
}

struct Comparison<'c, 'r> {
    archive: &'c Archive<'c>,
    spec: &'c ArchiveSpec,
    below: Below<'r>,
    room: Room,
    /// Bytes of content that is kept for predictions.
    foreseen: u64,
    compared: Compared,
}

/// What is below the directory, as far as it stays.
struct Below<'r> {
    root: &'r mut Root,
    /// Directories in whose place a file is: nothing can be below them yet.
    replaced: BTreeSet<String>,
}

impl Below<'_> {
    fn look(&mut self, path: &str, context: &mut Context<'_>) -> Result<State, FileError> {
        if tree::above(path).any(|directory| self.replaced.contains(directory)) {
            return Ok(State::Absent);
        }
        self.root.look(context, path)
    }
}

impl Comparison<'_, '_> {
    fn entry(
        &mut self,
        ordinal: u64,
        entry: Entry,
        content: &mut Content<'_>,
        context: &mut Context<'_>,
    ) -> Result<(), Error> {
        let Entry { path, kind } = entry;
        let state = self.below.look(&path, context)?;
        let mut item = Item { ordinal, kind, work: None, attributes: None, content: None, inode: None };
        match &item.kind {
            Kind::Directory { mode } => {
                let mode = *mode;
                self.directory(&path, mode, &state, &mut item, context)?;
            }
            Kind::File { size, mode, .. } => {
                let (size, mode) = (*size, *mode);
                self.file(&path, (size, mode), &state, content, &mut item, context)?;
            }
            Kind::Link { to } => match &state {
                State::Link(present) if present == to => {}
                State::Link(_) | State::File { .. } | State::Absent | State::NoParent(_) => {
                    item.work = Some(Work::Link);
                }
                other => return Err(self.wrong_kind(&path, other, "symbolic link")),
            },
            // Known once its file is.
            Kind::HardLink { .. } => {}
        }
        self.compared.items.insert(path, item);
        Ok(())
    }

    fn directory(
        &mut self,
        path: &str,
        mode: Option<u32>,
        state: &State,
        item: &mut Item,
        context: &mut Context<'_>,
    ) -> Result<(), Error> {
        let (present, replaces) = match state {
            State::Directory { attributes, .. } => (Some(attributes), false),
            State::Absent | State::NoParent(_) => (None, false),
            State::File { .. } => (None, true),
            other => return Err(self.wrong_kind(path, other, "directory")),
        };
        let attributes = self.wanted(path, mode, present, 0o777, context)?;
        item.work = match present {
            None => Some(Work::Make { replaces }),
            Some(present) => (*present != attributes).then_some(Work::Give),
        };
        item.attributes = Some(attributes);
        if replaces {
            self.below.replaced.insert(path.to_owned());
        }
        Ok(())
    }

    fn file(
        &mut self,
        path: &str,
        (size, mode): (u64, Option<u32>),
        state: &State,
        content: &mut Content<'_>,
        item: &mut Item,
        context: &mut Context<'_>,
    ) -> Result<(), Error> {
        let old = match state {
            State::File { attributes, body, links } => Some((attributes, body, *links)),
            State::Absent | State::NoParent(_) | State::Link(_) => None,
            other => return Err(self.wrong_kind(path, other, "file")),
        };
        let foreseen = context.mode == Mode::Plan
            && size <= FORESEEN_BYTES
            && self.foreseen.saturating_add(size) <= ALL_FORESEEN_BYTES;
        let mut kept = foreseen.then(Vec::new);
        let same = self.same(path, size, old.map(|(_, body, _)| body), content, kept.as_mut())?;
        let present = old.map(|(attributes, ..)| attributes);
        let mut attributes = self.wanted(path, mode, present, 0o666, context)?;
        let alone = old.is_some_and(|(_, _, links)| links == 1);
        if same && present == Some(&attributes) {
            if let State::File { body: Body::OnDisk(file, _), .. } = state {
                item.inode = fstat(&**file).ok().map(|stat| (stat.st_dev, stat.st_ino));
            }
        } else if same && alone {
            item.work = Some(Work::Give);
        } else {
            // That includes a file with another name, which may be one that the grant does not cover.
            item.work = Some(Work::Write);
            // Bits that were given to other content are not for this one.
            attributes.mode &= 0o777;
            let old_size = old.map_or(Ok(0), |(_, body, _)| body.size())?;
            self.room.take(size, old_size).map_err(|error| self.archive.error(error))?;
        }
        item.attributes = Some(attributes);
        if item.work.is_some() {
            self.foreseen += kept.as_ref().map_or(0, |kept| kept.len() as u64);
            item.content = kept;
        }
        Ok(())
    }

    /// Owner, group and mode that something shall have. Bits beyond the permissions are none of the archive's business,
    /// neither to set nor to clear.
    fn wanted(
        &self,
        path: &str,
        mode: Option<u32>,
        present: Option<&Attributes>,
        all: u32,
        context: &mut Context<'_>,
    ) -> Result<Attributes, FileError> {
        let beyond = present.map_or(0, |present| present.mode & 0o7000);
        let mode = mode.map(|mode| context.default_mode(mode & 0o777) | beyond);
        let access = Access { mode, ..self.spec.access.clone() };
        attributes::wanted(context, &self.below.root.full(path), &access, present, context.default_mode(all))
    }

    /// Whether the content is that of the file. It is read to its end in any case, to know that the archive is whole.
    fn same(
        &self,
        path: &str,
        size: u64,
        old: Option<&Body>,
        content: &mut Content<'_>,
        mut kept: Option<&mut Vec<u8>>,
    ) -> Result<bool, Error> {
        let mut old = match old {
            Some(old) if old.size()? == size => Some(old.reader()),
            _ => None,
        };
        let length = usize::try_from(size).unwrap_or(usize::MAX).clamp(1, CHUNK_BYTES);
        let (mut chunk, mut other) = (vec![0; length], vec![0; length]);
        loop {
            let count = content.read(&mut chunk).map_err(self.archive.damaged())?;
            if count == 0 {
                return Ok(old.is_some());
            }
            if let Some(kept) = &mut kept {
                kept.extend_from_slice(&chunk[..count]);
            }
            let equal = match &mut old {
                None => continue,
                Some(old) => match old.read_exact(&mut other[..count]) {
                    Ok(()) => chunk[..count] == other[..count],
                    Err(error) if error.kind() == ErrorKind::UnexpectedEof => false,
                    Err(source) => {
                        return Err(FileError::System {
                            what: "read",
                            path: self.below.root.full(path),
                            source,
                        }
                        .into());
                    }
                },
            };
            if !equal {
                old = None;
            }
        }
    }

    /// Finds the directories above all that is in the archive, which must be directories there as well: whatever the
    /// order of the entries, nothing is written through a link or in place of a file.
    fn find_above(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        let mut above = BTreeSet::new();
        for path in self.compared.items.keys() {
            for directory in tree::above(path) {
                match self.compared.items.get(directory) {
                    None => above.insert(directory),
                    Some(Item { kind: Kind::Directory { .. }, .. }) => continue,
                    Some(_) => {
                        let problem = Problem::Below(directory.to_owned());
                        return Err(self.archive.refused(path.as_bytes(), problem));
                    }
                };
            }
        }
        let mut missing = Vec::new();
        for directory in above {
            match self.below.look(directory, context)? {
                State::Directory { .. } => {}
                State::Absent | State::NoParent(_) => {
                    missing.push((directory.to_owned(), self.wanted(directory, None, None, 0o777, context)?));
                }
                other => return Err(self.wrong_kind(directory, &other, "directory")),
            }
        }
        self.compared.above = missing;
        Ok(())
    }

    /// Compares further names of files with the files.
    fn link_names(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        let mut links = Vec::new();
        for (path, item) in &self.compared.items {
            let Kind::HardLink { to } = &item.kind else { continue };
            let Some(Item { kind: Kind::File { .. }, inode, .. }) = self.compared.items.get(to) else {
                return Err(self.archive.refused(path.as_bytes(), Problem::LinksToNothing(to.clone())));
            };
            let state = self.below.look(path, context)?;
            let same = match &state {
                State::File { body: Body::OnDisk(file, _), .. } => {
                    let own = fstat(&**file).ok().map(|stat| (stat.st_dev, stat.st_ino));
                    own.is_some() && own == *inode
                }
                State::File { .. } | State::Link(_) | State::Absent | State::NoParent(_) => false,
                other => return Err(self.wrong_kind(path, other, "file")),
            };
            if !same {
                links.push(path.clone());
            }
        }
        for path in links {
            if let Some(item) = self.compared.items.get_mut(&path) {
                item.work = Some(Work::Link);
            }
        }
        Ok(())
    }

    fn wrong_kind(&self, path: &str, state: &State, wanted: &'static str) -> Error {
        wrong_kind(&self.below.root.full(path), state, wanted).into()
    }
}

/// What the file system has room for: all that is added, and beside it the file that is written.
struct Room {
    /// Unknown where the file system does not say.
    free: Option<u64>,
    growth: u64,
    largest: u64,
}

impl Room {
    fn take(&mut self, size: u64, old: u64) -> Result<(), ArchiveError> {
        self.growth = self.growth.saturating_add(size.saturating_sub(old));
        self.largest = self.largest.max(size.min(old));
        match self.free {
            Some(free) if self.growth.saturating_add(self.largest) > free => {
                Err(ArchiveError::NoRoom { free })
            }
            _ => Ok(()),
        }
    }
}

/// Bytes that are free where the directory is, or will be.
fn free(root: &mut Root, context: &mut Context<'_>) -> Result<Option<u64>, FileError> {
    let Some(handle) = root.nearest(context)? else { return Ok(None) };
    let Ok(found) = fstatvfs(&*handle) else { return Ok(None) };
    // Some blocks are root's alone.
    let blocks = if geteuid().is_root() { found.f_bfree } else { found.f_bavail };
    Ok((found.f_blocks > 0).then(|| blocks.saturating_mul(found.f_frsize)))
}
