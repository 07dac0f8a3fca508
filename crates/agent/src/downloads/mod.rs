//! What the node fetches from elsewhere.

use crate::{command::CommandError, files::FileError, network::http::HttpError, provider::Error};

pub mod git;
mod known;
pub mod remote_file;

/// Why something could not be checked or applied.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// A file of the system.
    #[error(transparent)]
    File(#[from] FileError),
    /// It could not be asked for.
    #[error(transparent)]
    Http(HttpError),
    /// The server does not give it.
    #[error("{url} answers with status {status}{hint}")]
    Status {
        /// The URL that answered.
        url: crate::network::http::Shown,
        /// The status.
        status: u16,
        /// What it may need.
        hint: &'static str,
    },
    /// What came is not what the recipe expects.
    #[error("what {url} gives has the SHA-256 {found}, but {expected} is expected; nothing was put in place")]
    Checksum {
        /// The URL.
        url: crate::network::http::Shown,
        /// What the recipe says.
        expected: String,
        /// That of what came.
        found: String,
    },
    /// A program that the provider needs.
    #[error("{what}: {source}")]
    Tool {
        /// What was tried.
        what: String,
        /// What it says.
        source: CommandError,
    },
}

impl From<HttpError> for Error {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Stopped => Error::Stopped,
            error => Error::Download(DownloadError::Http(error)),
        }
    }
}
