//! The content of a file: predicted, or on the node.

use std::{
    io::{self, Read},
    os::fd::OwnedFd,
    rc::Rc,
};

use data_encoding::HEXLOWER;
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::FileError;

/// Large enough that the number of system calls does not matter.
const CHUNK_BYTES: usize = 64 * 1024;

/// The content of a file.
#[derive(Debug, Clone)]
pub enum Body {
    /// Predicted.
    Bytes(Rc<[u8]>),
    /// On the node, with its size.
    OnDisk(Rc<OwnedFd>, u64),
    /// Predicted to be there, by this resource; what it will be, nobody can know. Who asks for it gets
    /// [`FileError::Unforeseen`].
    Unforeseen(Rc<str>),
}

impl Body {
    /// Size in bytes.
    pub fn size(&self) -> Result<u64, FileError> {
        match self {
            Body::Bytes(bytes) => Ok(bytes.len() as u64),
            Body::OnDisk(_, size) => Ok(*size),
            Body::Unforeseen(because) => Err(FileError::Unforeseen { because: because.to_string() }),
        }
    }

    /// The content, at most `limit` bytes of it.
    pub fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, FileError> {
        let length = self.size()?.min(limit);
        let mut content = Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1);
        self.reader().take(limit).read_to_end(&mut content).map_err(unread(path))?;
        Ok(content)
    }

    /// Whether the content is this: sizes first, then bytes.
    pub fn equals(&self, path: &str, wanted: &[u8]) -> Result<bool, FileError> {
        if self.size()? != wanted.len() as u64 {
            return Ok(false);
        }
        if let Body::Bytes(bytes) = self {
            return Ok(**bytes == *wanted);
        }
        let mut content = vec![0; wanted.len()];
        match self.reader().read_exact(&mut content) {
            Ok(()) => Ok(content == wanted),
            // It became shorter.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(unread(path)(error)),
        }
    }

    /// Its SHA-256 in hexadecimal digits.
    pub fn sha256(&self, path: &str) -> Result<String, FileError> {
        self.size()?;
        let (mut reader, mut hash, mut chunk) = (self.reader(), Sha256::new(), vec![0; CHUNK_BYTES]);
        loop {
            match reader.read(&mut chunk).map_err(unread(path))? {
                0 => break,
                count => hash.update(&chunk[..count]),
            }
        }
        Ok(HEXLOWER.encode(&hash.finalize()))
    }

    /// Reads it from its beginning; what cannot be foreseen is an error to read.
    pub fn reader(&self) -> Reader<'_> {
        Reader { body: self, offset: 0 }
    }
}

fn unread(path: &str) -> impl Fn(io::Error) -> FileError {
    move |source| FileError::System { what: "read", path: path.to_owned(), source }
}

/// Reads a body. Several can read the same one.
#[derive(Debug)]
pub struct Reader<'b> {
    body: &'b Body,
    offset: u64,
}

impl Reader<'_> {
    /// Goes to a place, counted from the beginning.
    pub fn seek_to(&mut self, offset: u64) {
        self.offset = offset;
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match self.body {
            Body::Bytes(bytes) => {
                let begin = usize::try_from(self.offset).unwrap_or(usize::MAX).min(bytes.len());
                let count = buffer.len().min(bytes.len() - begin);
                buffer[..count].copy_from_slice(&bytes[begin..begin + count]);
                count
            }
            Body::OnDisk(file, _) => loop {
                match rustix::io::pread(file, &mut *buffer, self.offset) {
                    Err(Errno::INTR) => {}
                    result => break result?,
                }
            },
            Body::Unforeseen(because) => return Err(io::Error::other(because.to_string())),
        };
        self.offset += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Write};

    use super::*;

    #[test]
    fn a_body_says_the_same_from_memory_and_from_disk() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"abc").unwrap();
        let shared = Rc::new(OwnedFd::from(file));
        for body in [Body::Bytes(b"abc".as_slice().into()), Body::OnDisk(Rc::clone(&shared), 3)] {
            assert_eq!(body.read("a", 2).unwrap(), b"ab");
            assert_eq!(body.read("a", u64::MAX).unwrap(), b"abc");
            assert!(body.equals("a", b"abc").unwrap());
            assert!(!body.equals("a", b"abd").unwrap() && !body.equals("a", b"ab").unwrap());
            // FIPS 180-2, appendix B.1.
            let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
            assert_eq!(body.sha256("a").unwrap(), expected);
        }
        File::from(shared.try_clone().unwrap()).set_len(1).unwrap();
        assert!(!Body::OnDisk(shared, 3).equals("a", b"abc").unwrap());
    }
}
