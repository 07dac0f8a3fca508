//! Files by their content: what is the same is kept once, whichever app and revision it is of.

use std::{
    fs::{self, DirBuilder, File},
    io::{Read, Write},
    os::unix::fs::{DirBuilderExt, FileExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use engine_protocol::{ContentHash, Piece};
use flate2::{Compression, write::ZlibEncoder};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::{FileFailure, cannot};

/// Content that no run has used for so long is deleted.
const UNUSED: Duration = Duration::from_hours(30 * 24);

/// Why content cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContentError {
    #[error(transparent)]
    File(#[from] FileFailure),
    #[error("the source cannot be read: {0}")]
    Source(std::io::Error),
    #[error("the content {hash} is no longer kept below {}; make the plan anew", directory.display())]
    Forgotten { hash: ContentHash, directory: PathBuf },
}

/// A directory of files that are named by their SHA-256.
#[derive(Debug)]
pub(crate) struct Contents {
    directory: PathBuf,
}

impl Contents {
    pub(crate) fn new(directory: PathBuf) -> Self {
        Contents { directory }
    }

    /// Makes the directory, for its user alone, and deletes what has not been used for long.
    pub(crate) fn make(&self) -> Result<(), ContentError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.directory);
        made.map_err(cannot("make the directory", &self.directory))?;
        self.prune(SystemTime::now());
        Ok(())
    }

    fn path(&self, hash: ContentHash) -> PathBuf {
        let name = hash.to_string();
        self.directory.join(&name[..2]).join(&name[2..])
    }

    /// Keeps all that can be read; gives its hash and its size.
    pub(crate) fn add(&self, source: &mut impl Read) -> Result<(ContentHash, u64), ContentError> {
        let mut file = NamedTempFile::new_in(&self.directory).map_err(cannot("write in", &self.directory))?;
        let (mut hasher, mut size, mut buffer) = (Sha256::new(), 0, vec![0; 64 * 1024]);
        loop {
            let count = match source.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(ContentError::Source(error)),
            };
            hasher.update(&buffer[..count]);
            file.write_all(&buffer[..count]).map_err(cannot("write in", &self.directory))?;
            size += count as u64;
        }
        let hash = ContentHash(hasher.finalize().into());
        let path = self.path(hash);
        if let Some(above) = path.parent() {
            fs::create_dir_all(above).map_err(cannot("make the directory", above))?;
        }
        // One that is there may be damaged, and is new again by this.
        file.persist(&path).map_err(|error| cannot("write", &path)(error.error))?;
        Ok((hash, size))
    }

    /// Pieces, one behind the other, packed with zlib.
    pub(crate) fn read(&self, pieces: &[Piece]) -> Result<Vec<u8>, ContentError> {
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
        let mut buffer = Vec::new();
        for piece in pieces {
            let path = self.path(piece.hash);
            let forgotten =
                || ContentError::Forgotten { hash: piece.hash, directory: self.directory.clone() };
            let file = File::open(&path).map_err(|_| forgotten())?;
            buffer.resize(piece.length as usize, 0);
            file.read_exact_at(&mut buffer, piece.offset).map_err(cannot("read", &path))?;
            packed.write_all(&buffer).map_err(ContentError::Source)?;
        }
        packed.finish().map_err(ContentError::Source)
    }

    /// Deletes what has not been used for long. What cannot be deleted is in nobody's way.
    fn prune(&self, now: SystemTime) {
        for file in entries(&self.directory).flat_map(|below| entries(&below).collect::<Vec<_>>()) {
            let modified = fs::metadata(&file).and_then(|metadata| metadata.modified());
            if modified.is_ok_and(|modified| now.duration_since(modified).is_ok_and(|age| age > UNUSED)) {
                let _ = fs::remove_file(&file);
            }
        }
    }
}

fn entries(directory: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use flate2::read::ZlibDecoder;

    use super::*;

    fn unpacked(packed: &[u8]) -> String {
        let mut text = String::new();
        ZlibDecoder::new(packed).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn what_is_kept_is_read_in_pieces() {
        let directory = tempfile::tempdir().unwrap();
        let contents = Contents::new(directory.path().join("content"));
        contents.make().unwrap();
        let (one, size) = contents.add(&mut "hello".as_bytes()).unwrap();
        assert_eq!((size, contents.add(&mut "hello".as_bytes()).unwrap().0), (5, one));
        let (two, _) = contents.add(&mut "world".as_bytes()).unwrap();
        let pieces = [Piece { hash: two, offset: 1, length: 3 }, Piece { hash: one, offset: 0, length: 5 }];
        assert_eq!(unpacked(&contents.read(&pieces).unwrap()), "orlhello");
    }

    #[test]
    fn what_nobody_uses_goes_and_is_missed_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let contents = Contents::new(directory.path().to_owned());
        let (hash, _) = contents.add(&mut "hello".as_bytes()).unwrap();
        contents.prune(SystemTime::now());
        contents.read(&[Piece { hash, offset: 0, length: 5 }]).unwrap();
        contents.prune(SystemTime::now() + 2 * UNUSED);
        let error = contents.read(&[Piece { hash, offset: 0, length: 5 }]).unwrap_err().to_string();
        assert!(error.contains(&hash.to_string()) && error.contains("make the plan anew"), "{error}");
    }
}
