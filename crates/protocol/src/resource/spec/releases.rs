//! Releases of apps.

use serde::{Deserialize, Serialize};

use crate::content::ContentHash;

/// The releases of an app on a node, and one step in the life of one of them.
///
/// The layout is that of OpsWorks and of Chef's `deploy`: below `path`, `releases/NAME` for each release, the link
/// `current` to one of them, and `shared` for what outlives them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseSpec {
    /// The app's directory, for example `/srv/www/shop`.
    pub path: String,
    /// What is to be done.
    pub step: ReleaseStep,
}

/// A step in the life of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseStep {
    /// Put a new release beside the others, unless the current one is the same.
    Put(NewRelease),
    /// Make it the current one.
    Activate {
        /// Its name.
        release: String,
    },
    /// All is done: the release may be gone back to. Those that are too many go.
    Settle {
        /// Its name.
        release: String,
        /// How many releases stay, at least one.
        keep: u32,
    },
    /// It came to nothing: take it away, if it is not the current one.
    Discard {
        /// Its name.
        release: String,
    },
    /// Make an earlier release the current one.
    Rollback {
        /// Its name; the newest before the current one that was ever whole, if nothing.
        to: Option<String>,
    },
    /// Take all releases away.
    Remove {
        /// What they shared as well.
        shared: bool,
    },
}

/// A release to be put on a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewRelease {
    /// Its name: a time, so that later ones have greater names.
    pub name: String,
    /// What it was made of, for people: a commit for example.
    pub revision: String,
    /// Tells it from releases that are not the same, in content or in anything else that matters.
    pub digest: ContentHash,
    /// What is in it.
    pub content: ReleaseContent,
    /// Who owns it; root where `None`. A name or a number.
    pub owner: Option<String>,
    /// Its group; root where `None`. A name or a number.
    pub group: Option<String>,
    /// What all releases share.
    pub shared: Vec<Shared>,
}

/// What is in a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseContent {
    /// This tree. The controller has its files: the agent asks for those that no kept release has.
    Tree(Vec<TreeEntry>),
    /// What is in a directory of the node, without `.git`.
    Directory(String),
}

/// Something in a tree. Paths are relative; a directory comes before what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TreeEntry {
    /// A directory.
    Directory {
        /// Where.
        path: String,
    },
    /// A regular file.
    File {
        /// Where.
        path: String,
        /// Its content.
        hash: ContentHash,
        /// How long that is, in bytes.
        size: u64,
        /// Whether it may be run.
        executable: bool,
    },
    /// A symbolic link.
    Link {
        /// Where.
        path: String,
        /// What it says.
        to: String,
    },
}

impl TreeEntry {
    /// Where it is.
    pub fn path(&self) -> &str {
        match self {
            TreeEntry::Directory { path } | TreeEntry::File { path, .. } | TreeEntry::Link { path, .. } => {
                path
            }
        }
    }
}

/// Something that all releases share: it is in `shared`, and each release has a link to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shared {
    /// Its path in `shared`.
    pub name: String,
    /// Where the link is in a release; none is made where `None`.
    pub link: Option<String>,
    /// Whether it is a file, which must be there; a directory is made if it is missing.
    pub file: bool,
}
