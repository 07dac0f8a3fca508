//! Archives as a stream of entries: what they are, by their first bytes, and how they are read.

use std::{
    cell::Cell,
    io::{self, BufReader, Cursor, Read},
    rc::Rc,
    time::Instant,
};

use tar::EntryType;

use super::{
    entry::{Entry, Kind, place, target},
    error::{ArchiveError, Problem},
    zip,
    zstd::Frames,
};
use crate::{
    files::{FileError, body::Body},
    provider::Error,
};

/// Bytes of all files together.
const CONTENT_BYTES: u64 = 64 * 1024 * 1024 * 1024;

/// Entries: three times those of the sources of Linux.
const ENTRIES: u64 = 250_000;

/// Bytes of all paths together: they are kept in memory.
const PATHS_BYTES: u64 = 64 * 1024 * 1024;

/// What may stand in a tar archive before an entry's content: long names and attributes, which are kept in memory.
const HEADER_BYTES: u64 = 1024 * 1024;

/// What a decoder of xz may need. The strongest setting of its command needs 65 MiB.
const XZ_KIB: u32 = 128 * 1024;

/// A block of a tar archive.
const BLOCK: usize = 512;

const BUFFER_BYTES: usize = 64 * 1024;

/// An archive, and how its entries are read.
#[derive(Debug)]
pub(super) struct Archive<'a> {
    pub(super) path: &'a str,
    pub(super) body: &'a Body,
    /// Leading parts of all paths that are dropped.
    pub(super) strip: usize,
    /// When it must have been read.
    pub(super) deadline: Instant,
}

/// Hears of each entry: its number, what it is, and the content of a file.
pub(super) type Visit<'v> = dyn FnMut(u64, Entry, &mut Content<'_>) -> Result<(), Error> + 'v;

impl Archive<'_> {
    /// Visits all entries that may be unpacked, in order. The first that may not is an error.
    pub(super) fn each(&self, visit: &mut Visit<'_>) -> Result<(), Error> {
        let size = self.body.size()?;
        let mut begin = [0; 6];
        let length = fill(&mut self.body.reader(), &mut begin).map_err(self.damaged())?;
        let reader = BufReader::with_capacity(BUFFER_BYTES, self.body.reader());
        match &begin[..length] {
            [] => Err(self.error(ArchiveError::Format("it is empty"))),
            [0x1f, 0x8b, ..] => {
                let decoder = flate2::bufread::MultiGzDecoder::new(reader);
                self.tar(decoder, "what is in it with gzip is no tar archive", visit)?;
                Ok(())
            }
            [0xfd, b'7', b'z', b'X', b'Z', 0] => {
                let decoder = lzma_rust2::XzReader::new_mem_limit(reader, true, XZ_KIB);
                self.tar(decoder, "what is in it with xz is no tar archive", visit)?;
                Ok(())
            }
            [0x28, 0xb5, 0x2f, 0xfd, ..] => {
                self.tar(Frames::new(reader), "what is in it with zstd is no tar archive", visit)?;
                Ok(())
            }
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => zip::each(self, size, visit),
            [b'B', b'Z', b'h', ..] => {
                Err(self.error(ArchiveError::Format("it is bzip2, which cannot be read")))
            }
            _ => {
                let zeros = self.tar(reader, "it is of no kind that can be read", visit)?;
                // Nothing else tells that the rest of it is missing.
                let incomplete = || self.damaged()(io::ErrorKind::UnexpectedEof.into());
                if zeros < BLOCK as u64 { Err(incomplete()) } else { Ok(()) }
            }
        }
    }

    /// Visits the entries of a tar archive; gives the number of zeros at its end.
    fn tar(
        &self,
        mut stream: impl Read,
        otherwise: &'static str,
        visit: &mut Visit<'_>,
    ) -> Result<u64, Error> {
        let mut block = [0; BLOCK];
        let length = fill(&mut stream, &mut block).map_err(self.damaged())?;
        if !is_tar(&block[..length]) {
            return Err(self.error(ArchiveError::Format(otherwise)));
        }
        let meter = Rc::new(Meter::default());
        let inner = Cursor::new(block).take(BLOCK as u64).chain(stream);
        let mut tar = tar::Archive::new(Metered { inner, meter: Rc::clone(&meter), deadline: self.deadline });
        let mut tally = Tally::new(self);
        let mut entries = tar.entries().map_err(self.damaged())?;
        loop {
            meter.left.set(HEADER_BYTES);
            let Some(entry) = entries.next() else { break };
            let mut entry = entry.map_err(self.damaged())?;
            meter.left.set(u64::MAX);
            let (name, size) = (entry.path_bytes().into_owned(), entry.size());
            let ordinal = tally.entry()?;
            tally.content(size)?;
            let found =
                tar_entry(&entry, &name, self.strip).map_err(|problem| self.refused(&name, problem))?;
            let mut content = Content { inner: &mut entry, left: size };
            if let Some(found) = found {
                tally.path(&found.path)?;
                visit(ordinal, found, &mut content)?;
            }
            io::copy(&mut content, &mut io::sink()).map_err(self.damaged())?;
        }
        // What follows the last entry is part of what a checksum is over.
        meter.left.set(u64::MAX);
        let (mut rest, mut chunk) = (tar.into_inner(), vec![0; BUFFER_BYTES]);
        loop {
            match rest.read(&mut chunk).map_err(self.damaged())? {
                0 => return Ok(meter.zeros.get()),
                count => tally.content(count as u64)?,
            }
        }
    }

    /// The error about this archive.
    pub(super) fn error(&self, error: ArchiveError) -> Error {
        FileError::Archive { path: self.path.to_owned(), error }.into()
    }

    /// The error about an entry.
    pub(super) fn refused(&self, name: &[u8], problem: Problem) -> Error {
        self.error(ArchiveError::Entry { name: String::from_utf8_lossy(name).into_owned(), problem })
    }

    /// The error of reading it.
    pub(super) fn damaged(&self) -> impl Fn(io::Error) -> Error {
        |error| match error.kind() {
            io::ErrorKind::TimedOut => self.error(ArchiveError::NoTime),
            _ => self.error(ArchiveError::Damaged(error)),
        }
    }
}

fn tar_entry<R: Read>(
    entry: &tar::Entry<'_, R>,
    name: &[u8],
    strip: usize,
) -> Result<Option<Entry>, Problem> {
    /// The name that GNU tar gives a whole archive.
    const VOLUME: u8 = b'V';
    let header = entry.header();
    let entry_type = header.entry_type();
    if matches!(entry_type, EntryType::XGlobalHeader) || entry_type.as_byte() == VOLUME {
        return Ok(None);
    }
    let Some(path) = place(name, strip)? else { return Ok(None) };
    let mode = header.mode().ok();
    let to = || entry.link_name_bytes().unwrap_or_default();
    let kind = match entry_type {
        EntryType::Directory => Kind::Directory { mode },
        // As it was written before there was a type for directories.
        EntryType::Regular if name.ends_with(b"/") => Kind::Directory { mode },
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
            let modified = header.mtime().ok().and_then(|seconds| i64::try_from(seconds).ok());
            Kind::File { size: entry.size(), mode, modified }
        }
        EntryType::Symlink => Kind::Link { to: target(&path, &to())? },
        EntryType::Link => {
            let nothing = || Problem::LinksToNothing(String::from_utf8_lossy(&to()).into_owned());
            Kind::HardLink { to: place(&to(), strip)?.ok_or_else(nothing)? }
        }
        _ => return Err(Problem::Kind),
    };
    Ok(Some(Entry { path, kind }))
}

/// Whether a block is the header of an entry, with the sum that POSIX asks for, or the end of an archive without any.
fn is_tar(block: &[u8]) -> bool {
    if block.len() < BLOCK {
        return false;
    }
    let sum = |range: std::ops::Range<usize>| block[range].iter().map(|byte| u32::from(*byte)).sum::<u32>();
    let digits: Vec<u8> = block[148..156].iter().copied().filter(u8::is_ascii_digit).collect();
    let expected = std::str::from_utf8(&digits).ok().and_then(|digits| u32::from_str_radix(digits, 8).ok());
    let whole = sum(0..148) + 8 * u32::from(b' ') + sum(156..BLOCK);
    expected == Some(whole) || block.iter().all(|byte| *byte == 0)
}

/// Reads until the buffer is full or nothing is left.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

/// What is read of a stream.
#[derive(Debug, Default)]
struct Meter {
    /// Bytes that may still be read.
    left: Cell<u64>,
    /// Zeros at the end of what was read.
    zeros: Cell<u64>,
}

/// A stream that is metered, and ends in time.
struct Metered<R> {
    inner: R,
    meter: Rc<Meter>,
    deadline: Instant,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if Instant::now() >= self.deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let count = self.inner.read(buffer)?;
        let left = self.meter.left.get().checked_sub(count as u64);
        self.meter.left.set(left.ok_or_else(|| io::Error::other("the header of an entry is too long"))?);
        let zeros = match buffer[..count].iter().rposition(|byte| *byte != 0) {
            None => self.meter.zeros.get() + count as u64,
            Some(last) => (count - last - 1) as u64,
        };
        self.meter.zeros.set(zeros);
        Ok(count)
    }
}

/// The content of an entry, which has the size that its header says.
pub(super) struct Content<'c> {
    pub(super) inner: &'c mut dyn Read,
    pub(super) left: u64,
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if count == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let left = self.left.checked_sub(count as u64);
        self.left = left.ok_or_else(|| io::Error::other("an entry is longer than it says"))?;
        Ok(count)
    }
}

/// What was read so far, and the limits of it.
pub(super) struct Tally<'a> {
    archive: &'a Archive<'a>,
    entries: u64,
    content: u64,
    paths: u64,
}

impl<'a> Tally<'a> {
    pub(super) fn new(archive: &'a Archive<'a>) -> Self {
        Self { archive, entries: 0, content: 0, paths: 0 }
    }

    /// Counts an entry and gives its number.
    pub(super) fn entry(&mut self) -> Result<u64, Error> {
        self.entries += 1;
        self.check(self.entries, ENTRIES, "entries")?;
        Ok(self.entries)
    }

    pub(super) fn content(&mut self, size: u64) -> Result<(), Error> {
        self.content = self.content.saturating_add(size);
        self.check(self.content, CONTENT_BYTES, "bytes of content")
    }

    pub(super) fn path(&mut self, path: &str) -> Result<(), Error> {
        self.paths += path.len() as u64;
        self.check(self.paths, PATHS_BYTES, "bytes of names")
    }

    fn check(&self, found: u64, limit: u64, what: &'static str) -> Result<(), Error> {
        if found > limit { Err(self.archive.error(ArchiveError::TooMuch { limit, what })) } else { Ok(()) }
    }
}
