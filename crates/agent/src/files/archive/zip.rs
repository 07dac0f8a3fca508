//! Zip archives. What is in one says its central directory, at the end.

use std::io::{self, Read};

use rawzip::{CompressionMethod, CreatorSystem, ReaderAt, ZipLocator};

use super::{
    entry::{Entry, Kind, place, target},
    error::{ArchiveError, Problem},
    read::{Archive, Content, Tally, Visit},
};
use crate::provider::Error;

/// The longest target of a symbolic link.
const TARGET_BYTES: u64 = 4096;

/// Visits all entries, in the order of the directory.
pub(super) fn each(archive: &Archive<'_>, size: u64, visit: &mut Visit<'_>) -> Result<(), Error> {
    let damaged = |error: rawzip::Error| match error.into_kind() {
        rawzip::ErrorKind::IO(error) => archive.damaged()(error),
        kind => archive.damaged()(io::Error::other(rawzip::Error::from(kind).to_string())),
    };
    let mut buffer = vec![0; rawzip::RECOMMENDED_BUFFER_SIZE];
    let zip = ZipLocator::new()
        .locate_in_reader(At(archive), &mut buffer, size)
        .map_err(|(_, error)| damaged(error))?;
    let (mut tally, mut found) = (Tally::new(archive), 0);
    let mut entries = zip.entries(&mut buffer);
    while let Some(record) = entries.next_entry().map_err(damaged)? {
        found += 1;
        let name = record.file_path().as_bytes().to_vec();
        let refused = |problem| archive.refused(&name, problem);
        let ordinal = tally.entry()?;
        let Some(path) = place(&name, archive.strip).map_err(refused)? else { continue };
        tally.path(&path)?;
        let mode = mode(&record);
        if record.is_dir() {
            let mut nothing = Content { inner: &mut io::empty(), left: 0 };
            visit(ordinal, Entry { path, kind: Kind::Directory { mode } }, &mut nothing)?;
            continue;
        }
        if record.flags().is_encrypted() {
            return Err(refused(Problem::Encrypted));
        }
        let entry = zip.get_entry(record.wayfinder()).map_err(damaged)?;
        let reader: Box<dyn Read> = match record.compression_method() {
            CompressionMethod::STORE => Box::new(entry.reader()),
            CompressionMethod::DEFLATE => Box::new(flate2::read::DeflateDecoder::new(entry.reader())),
            other => return Err(refused(Problem::Method(other.as_u16()))),
        };
        let (mut reader, size) = (entry.verifying_reader(reader), record.uncompressed_size_hint());
        let mut content = Content { inner: &mut reader, left: size };
        tally.content(size)?;
        let kind = match record.mode().value() & FILE_TYPE {
            LINK => {
                let mut to = Vec::new();
                content.by_ref().take(TARGET_BYTES + 1).read_to_end(&mut to).map_err(archive.damaged())?;
                Kind::Link { to: target(&path, &to).map_err(refused)? }
            }
            0 | REGULAR => Kind::File { size, mode, modified: None },
            _ => return Err(refused(Problem::Kind)),
        };
        visit(ordinal, Entry { path, kind }, &mut content)?;
    }
    if found == zip.entries_hint() {
        Ok(())
    } else {
        Err(archive.error(ArchiveError::Damaged(io::ErrorKind::UnexpectedEof.into())))
    }
}

// As in `st_mode`.
const FILE_TYPE: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const LINK: u32 = 0o120_000;

/// Permission bits, if they were those of a system that has such.
fn mode(record: &rawzip::ZipFileHeaderRecord<'_>) -> Option<u32> {
    let system = record.version_made_by().creator_system();
    let mode = record.mode().permissions();
    (matches!(system, CreatorSystem::UNIX | CreatorSystem::MACOS) && mode != 0).then_some(mode)
}

/// Reads at any place, while there is time.
struct At<'a>(&'a Archive<'a>);

impl ReaderAt for At<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if std::time::Instant::now() >= self.0.deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut reader = self.0.body.reader();
        reader.seek_to(offset);
        reader.read(buffer)
    }
}
