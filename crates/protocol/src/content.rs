//! Content that travels beside resources, in pieces: an agent says which it has not, and gets them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Bytes that one answer has at the most, before they are packed: what both ends keep in memory of a tree.
pub const BATCH_BYTES: u64 = 4 * 1024 * 1024;

/// Pieces that one question asks for at the most.
pub const BATCH_PIECES: usize = 4096;

/// The SHA-256 of a file's content, by which it is known on both ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash(pub [u8; 32]);

/// A part of a file's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The content.
    pub hash: ContentHash,
    /// Where in it the piece begins, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub length: u32,
}

impl fmt::Display for ContentHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// A text that is no SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no SHA-256; it has 64 hexadecimal digits")]
pub struct ContentHashError(pub String);

impl FromStr for ContentHash {
    type Err = ContentHashError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ContentHashError(text.to_owned());
        let mut hash = [0; 32];
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(error());
        }
        for (index, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).map_err(|_| error())?;
        }
        Ok(ContentHash(hash))
    }
}

/// Digits where people read it, bytes on the wire.
impl Serialize for ContentHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for ContentHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
        } else {
            <[u8; 32]>::deserialize(deserializer).map(ContentHash)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let hash = ContentHash([0xa1; 32]);
        assert_eq!(hash.to_string(), "a1".repeat(32));
        assert_eq!(hash.to_string().parse(), Ok(hash));
        for wrong in [String::new(), "a1".repeat(31), "g1".repeat(32), "ä".repeat(32), "+1".repeat(32)] {
            assert_eq!(wrong.parse::<ContentHash>(), Err(ContentHashError(wrong)));
        }
    }
}
