//! What the node fetches from elsewhere.

use self::git::GitError;
use crate::{
    network::http::{HttpError, Shown},
    provider::Error,
};

pub mod git;
mod known;
pub mod remote_file;

/// Why something could not be checked or applied.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// It could not be asked for.
    #[error(transparent)]
    Http(HttpError),
    /// The server does not give it.
    #[error("{url} answers with status {status}{hint}")]
    Status {
        /// The URL that answered.
        url: Shown,
        /// The status.
        status: u16,
        /// What it may need.
        hint: &'static str,
    },
    /// What came is not what the recipe expects.
    #[error("what {url} gives has the SHA-256 {found}, but {expected} is expected; nothing was put in place")]
    Checksum {
        /// The URL.
        url: Shown,
        /// What the recipe says.
        expected: String,
        /// That of what came.
        found: String,
    },
    /// Git.
    #[error(transparent)]
    Git(GitError),
}

impl DownloadError {
    /// Whether the message may quote what a sensitive resource hides.
    pub fn may_quote(&self) -> bool {
        match self {
            DownloadError::Http(_)
            | DownloadError::Status { .. }
            | DownloadError::Checksum { .. }
            | DownloadError::Git(_) => true,
        }
    }
}

impl From<HttpError> for Error {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Stopped => Error::Stopped,
            error => Error::Download(DownloadError::Http(error)),
        }
    }
}
