//! Why an archive is not unpacked.

use std::io;

/// Why an archive is not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It is not there.
    #[error("it does not exist; declare what brings it before, a `remote_file` for example")]
    Missing,
    /// What it is cannot be told from its first bytes, or is nothing that can be read.
    #[error("{0}; a tar archive, plain or with gzip, xz or zstd, or a zip archive belongs here")]
    Format(&'static str),
    /// It cannot be read to its end.
    #[error("it is damaged or incomplete: {0}")]
    Damaged(io::Error),
    /// An entry that is not unpacked, whatever its archive says.
    #[error("its entry `{name}` {problem}; nothing was unpacked")]
    Entry {
        /// The entry's name in the archive.
        name: String,
        /// What is wrong with it.
        problem: Problem,
    },
    /// More than what a sane archive has.
    #[error("it has more than {limit} {what}, which is the limit; nothing was unpacked")]
    TooMuch {
        /// The limit.
        limit: u64,
        /// Of what.
        what: &'static str,
    },
    /// There is no room for it.
    #[error(
        "what is to be written needs more than the {free} bytes that the file system has; nothing was unpacked"
    )]
    NoRoom {
        /// Bytes that are free.
        free: u64,
    },
    /// The resource's time is over.
    #[error("there was no time left to read it to its end; give the resource a longer `timeout`")]
    NoTime,
    /// It changed while it was read.
    #[error("it changed while it was read; run again when nothing else writes it")]
    Changed,
}

/// What is wrong with an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// An absolute path.
    #[error("has an absolute path")]
    Absolute,
    /// `..` in its path.
    #[error("has `..` in its path")]
    Dots,
    /// Not UTF-8, or a NUL byte in it.
    #[error("has a name that is not UTF-8")]
    Name,
    /// Longer than a file system takes.
    #[error("has a name that is too long")]
    Length,
    /// A link out of the directory.
    #[error(
        "is a link to `{0}`; only links to what is inside are unpacked, and `..` stands at the beginning alone"
    )]
    LinksOutside(String),
    /// A hard link to nothing that the archive brings.
    #[error("is a hard link to `{0}`, which is no file of the archive")]
    LinksToNothing(String),
    /// A device, a pipe, or something that only one program knows.
    #[error("is neither a file nor a directory nor a link")]
    Kind,
    /// It lies below something that is no directory.
    #[error("lies below `{0}`, which is no directory in the archive")]
    Below(String),
    /// Compressed in a way that cannot be read.
    #[error("is compressed with method {0}; only deflate and none can be read")]
    Method(u16),
    /// Encrypted.
    #[error("is encrypted")]
    Encrypted,
}
