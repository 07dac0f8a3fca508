//! Secrets of a stack: their names, and where their values come from. Never the values.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::name::Name;

/// A value that only the controller may see, and the file on a node that it ends up in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// Name.
    pub name: Name,
    /// Where its value comes from.
    pub source: SecretSource,
}

/// Where the value of a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// An environment variable of the command.
    Environment(String),
    /// An entry of a file that is encrypted with age.
    File {
        /// The file.
        path: PathBuf,
        /// Name of the entry.
        key: String,
    },
    /// What a command prints. Program and arguments; no shell is involved.
    Command(Vec<String>),
}

/// The source for people, without anything of the value.
impl fmt::Display for SecretSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretSource::Environment(variable) => write!(formatter, "environment {variable}"),
            SecretSource::File { path, key } => write!(formatter, "file {} ({key})", path.display()),
            SecretSource::Command(argv) => write!(formatter, "command {}", argv.join(" ")),
        }
    }
}

/// How files with secrets are encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretFileSettings {
    /// Who can read them: public keys of age (`age1...`) or of SSH (`ssh-ed25519 ...`).
    pub recipients: Vec<String>,
    /// File with the private key of whoever runs this, unless they say otherwise.
    pub identity: Option<PathBuf>,
}
