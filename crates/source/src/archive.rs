//! Archives: fetched once, known by their checksum, and unpacked into content.

use std::{
    fs::{DirBuilder, File},
    io::{self, BufReader, Read, Seek, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};

use engine_protocol::{ContentHash, resource::TreeEntry};
use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::StreamingDecoder;
use sha2::{Digest, Sha256};
use tar::{Archive, EntryType};
use tempfile::NamedTempFile;
use ureq::tls::{RootCerts, TlsConfig};
use zip::ZipArchive;

use crate::{
    FileFailure, cannot,
    content::{ContentError, Contents},
    tree::{Tree, below},
};

/// How long a server may take until it answers; what it sends may take longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why an archive could not be fetched or unpacked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    #[error(transparent)]
    File(#[from] FileFailure),
    #[error("{url} cannot be fetched: {source}")]
    Fetch { url: String, source: Box<ureq::Error> },
    #[error("{url} breaks off: {source}")]
    Broken { url: String, source: io::Error },
    #[error("what {url} gives has the SHA-256 {found}, but {expected} is expected")]
    Checksum { url: String, expected: String, found: String },
    #[error("{url} is no archive of tar, plain or with gzip, xz or zstd, nor of zip")]
    Unknown { url: String },
    #[error("{url} cannot be unpacked: {source}")]
    Malformed { url: String, source: io::Error },
    #[error("{url} has an entry `{path}`, which leads out of it")]
    Outside { url: String, path: String },
    #[error("{url} has no entries left when {strip} parts of each path are dropped")]
    Empty { url: String, strip: usize },
    #[error(transparent)]
    Content(#[from] ContentError),
}

impl ArchiveError {
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            ArchiveError::Fetch { url, source } if matches!(**source, ureq::Error::StatusCode(_)) => {
                url.starts_with(super::S3).then(|| {
                    "check the key, that AWS_REGION is the bucket's region, and that you are allowed s3:GetObject".to_owned()
                })
            }
            _ => None,
        }
    }
}

/// Where an archive is that was fetched before.
pub(crate) fn kept(directory: &Path, checksum: &str) -> Option<PathBuf> {
    Some(directory.join(checksum)).filter(|path| path.is_file())
}

/// Fetches an archive. What is asked for may be another URL than the one that is shown.
pub(crate) fn fetch(
    directory: &Path,
    url: &str,
    asked: &str,
    checksum: &str,
) -> Result<PathBuf, ArchiveError> {
    let path = directory.join(checksum);
    let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.map_err(cannot("make the directory", directory))?;
    let mut file = NamedTempFile::new_in(directory).map_err(cannot("write in", directory))?;
    let mut hasher = Sha256::new();
    let (mut source, mut buffer) = (open(url, asked)?, vec![0; 64 * 1024]);
    loop {
        let count = source
            .read(&mut buffer)
            .map_err(|source| ArchiveError::Broken { url: url.to_owned(), source })?;
        if count == 0 {
            break;
        }
        hasher.update(&buffer[..count]);
        file.write_all(&buffer[..count]).map_err(cannot("write in", directory))?;
    }
    let found = ContentHash(hasher.finalize().into()).to_string();
    if found != checksum {
        return Err(ArchiveError::Checksum { url: url.to_owned(), expected: checksum.to_owned(), found });
    }
    file.persist(&path).map_err(|error| cannot("write", &path)(error.error))?;
    Ok(path)
}

fn open(url: &str, asked: &str) -> Result<Box<dyn Read>, ArchiveError> {
    if let Some(path) = asked.strip_prefix("file://").or_else(|| asked.starts_with('/').then_some(asked)) {
        let path = Path::new(path);
        return Ok(Box::new(File::open(path).map_err(cannot("open", path))?));
    }
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    let agent = ureq::Agent::config_builder()
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .tls_config(tls)
        .build()
        .new_agent();
    let failed = |source| ArchiveError::Fetch { url: url.to_owned(), source: Box::new(source) };
    let answer = agent.get(asked).call().map_err(failed)?;
    Ok(Box::new(answer.into_body().into_reader()))
}

/// Unpacks an archive: what it is, its first bytes say.
pub(crate) fn unpack(
    path: &Path,
    url: &str,
    strip: usize,
    contents: &Contents,
) -> Result<Vec<TreeEntry>, ArchiveError> {
    let mut file = File::open(path).map_err(cannot("open", path))?;
    let mut begin = Vec::new();
    (&mut file).take(262).read_to_end(&mut begin).map_err(cannot("read", path))?;
    file.rewind().map_err(cannot("read", path))?;
    let file = BufReader::new(file);
    match begin.as_slice() {
        [0x1f, 0x8b, ..] => tar(MultiGzDecoder::new(file), url, strip, contents),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => tar(XzReader::new(file, true), url, strip, contents),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let malformed = |error: &dyn std::error::Error| ArchiveError::Malformed {
                url: url.to_owned(),
                source: io::Error::other(error.to_string()),
            };
            let decoder = StreamingDecoder::new(file).map_err(|error| malformed(&error))?;
            tar(decoder, url, strip, contents)
        }
        [b'P', b'K', 3 | 5, ..] => zip(file, url, strip, contents),
        begin if begin.get(257..262) == Some(b"ustar") => tar(file, url, strip, contents),
        _ => Err(ArchiveError::Unknown { url: url.to_owned() }),
    }
}

/// Unpacks a tar archive.
pub(crate) fn tar(
    source: impl Read,
    url: &str,
    strip: usize,
    contents: &Contents,
) -> Result<Vec<TreeEntry>, ArchiveError> {
    let malformed = |source| ArchiveError::Malformed { url: url.to_owned(), source };
    let mut archive = Archive::new(source);
    let mut unpacked = Unpacked::new(url, strip);
    for entry in archive.entries().map_err(malformed)? {
        let mut entry = entry.map_err(malformed)?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let kind = entry.header().entry_type();
        let target = entry.link_name_bytes().map(|name| String::from_utf8_lossy(&name).into_owned());
        match kind {
            EntryType::Directory => unpacked.directory(&path)?,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let executable = entry.header().mode().map_err(malformed)? & 0o100 != 0;
                let content = contents.add(&mut entry)?;
                unpacked.file(&path, content, executable)?;
            }
            EntryType::Symlink => unpacked.link(&path, &target.unwrap_or_default())?,
            EntryType::Link => unpacked.name(&path, &target.unwrap_or_default())?,
            // Devices and pipes are no part of an app, and headers are none of a tree.
            _ => {}
        }
    }
    unpacked.end()
}

fn zip(
    source: impl Read + Seek,
    url: &str,
    strip: usize,
    contents: &Contents,
) -> Result<Vec<TreeEntry>, ArchiveError> {
    let malformed = |error: zip::result::ZipError| ArchiveError::Malformed {
        url: url.to_owned(),
        source: io::Error::other(error),
    };
    let mut archive = ZipArchive::new(source).map_err(malformed)?;
    let mut unpacked = Unpacked::new(url, strip);
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(malformed)?;
        let path = String::from_utf8_lossy(entry.name_raw()).into_owned();
        let mode = entry.unix_mode().unwrap_or(0o644);
        if entry.is_dir() {
            unpacked.directory(&path)?;
        } else if entry.is_symlink() {
            let mut target = String::new();
            let read = entry.read_to_string(&mut target);
            read.map_err(|source| ArchiveError::Malformed { url: url.to_owned(), source })?;
            unpacked.link(&path, &target)?;
        } else {
            let content = contents.add(&mut entry)?;
            unpacked.file(&path, content, mode & 0o100 != 0)?;
        }
    }
    unpacked.end()
}

/// What comes out of an archive.
struct Unpacked<'u> {
    url: &'u str,
    strip: usize,
    tree: Tree,
}

impl<'u> Unpacked<'u> {
    fn new(url: &'u str, strip: usize) -> Self {
        Unpacked { url, strip, tree: Tree::default() }
    }

    /// Where an entry belongs; nowhere if nothing of its path is left.
    fn place(&self, path: &str) -> Result<Option<String>, ArchiveError> {
        let outside = || ArchiveError::Outside { url: self.url.to_owned(), path: path.to_owned() };
        let path = below(path).ok_or_else(outside)?;
        let rest: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).skip(self.strip).collect();
        Ok((!rest.is_empty()).then(|| rest.join("/")))
    }

    fn directory(&mut self, path: &str) -> Result<(), ArchiveError> {
        if let Some(path) = self.place(path)? {
            self.tree.add(TreeEntry::Directory { path });
        }
        Ok(())
    }

    fn file(
        &mut self,
        path: &str,
        (hash, size): (ContentHash, u64),
        executable: bool,
    ) -> Result<(), ArchiveError> {
        if let Some(path) = self.place(path)? {
            self.tree.add(TreeEntry::File { path, hash, size, executable });
        }
        Ok(())
    }

    fn link(&mut self, path: &str, to: &str) -> Result<(), ArchiveError> {
        if let Some(path) = self.place(path)? {
            self.tree.add(TreeEntry::Link { path, to: to.to_owned() });
        }
        Ok(())
    }

    /// Another name of a file that came before.
    fn name(&mut self, path: &str, of: &str) -> Result<(), ArchiveError> {
        if let (Some(path), Some(of)) = (self.place(path)?, self.place(of)?)
            && let Some(TreeEntry::File { hash, size, executable, .. }) = self.tree.get(&of).cloned()
        {
            self.tree.add(TreeEntry::File { path, hash, size, executable });
        }
        Ok(())
    }

    fn end(self) -> Result<Vec<TreeEntry>, ArchiveError> {
        let entries = self.tree.into_entries();
        if entries.is_empty() && self.strip > 0 {
            return Err(ArchiveError::Empty { url: self.url.to_owned(), strip: self.strip });
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests;
