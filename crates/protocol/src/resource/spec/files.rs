//! Files, directories, links, and parts of files.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Bytes of a file.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content(pub Vec<u8>);

impl fmt::Debug for Content {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(&self.0) {
            Ok(text) => write!(formatter, "{text:?}"),
            Err(_) => write!(formatter, "{} bytes", self.0.len()),
        }
    }
}

/// Who owns a file or directory and what its mode is; `None` leaves what is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// User name or numeric id.
    pub owner: Option<String>,
    /// Group name or numeric id.
    pub group: Option<String>,
    /// Permission bits, at most `0o7777`.
    pub mode: Option<u32>,
}

/// A format of text that can be checked without a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// TOML.
    Toml,
    /// Sections, keys and values.
    Ini,
    /// A unit file of systemd.
    Systemd,
}

impl Format {
    /// Every format and its name.
    pub const ALL: &'static [(&'static str, Format)] = &[
        ("json", Format::Json),
        ("yaml", Format::Yaml),
        ("toml", Format::Toml),
        ("ini", Format::Ini),
        ("systemd", Format::Systemd),
    ];
}

/// A regular file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSpec {
    /// Absolute path.
    pub path: String,
    /// Content; `None` leaves the content of an existing file alone and makes a missing one empty.
    pub content: Option<Content>,
    /// Owner and mode.
    pub access: Access,
    /// What new content must pass before it is put in place.
    pub verify: Verify,
    /// How many replaced versions are kept.
    pub backup: u32,
}

/// What content must pass before it replaces a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verify {
    /// A format that it must be well-formed in.
    pub format: Option<Format>,
    /// A command that must succeed; `{path}` in it stands for the new content's file. Empty for none.
    pub argv: Vec<String>,
}

/// A directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectorySpec {
    /// Absolute path.
    pub path: String,
    /// Make missing parents; with `Delete`, delete what is in it.
    pub recursive: bool,
    /// Owner and mode.
    pub access: Access,
}

/// A directory with files from the cookbook.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteDirectorySpec {
    /// Absolute path.
    pub path: String,
    /// Paths below it and their content, in order.
    pub files: Vec<(String, Content)>,
    /// Delete what is there and not in the cookbook.
    pub purge: bool,
    /// Owner, group and mode of directories; owner and group of files.
    pub access: Access,
    /// Mode of files.
    pub files_mode: Option<u32>,
}

/// A symbolic link.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkSpec {
    /// Absolute path of the link.
    pub path: String,
    /// What it points to.
    pub to: String,
}

/// A line in a file that others own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineInFileSpec {
    /// Absolute path of the file.
    pub path: String,
    /// The line, without its end.
    pub line: String,
    /// A regular expression; the last line that matches it is replaced; with `Delete`, all that match go.
    pub pattern: Option<String>,
    /// A regular expression; a new line is put after the last line that matches it.
    pub after: Option<String>,
    /// A regular expression; a new line is put before the first line that matches it.
    pub before: Option<String>,
    /// What new content must pass before it is put in place.
    pub verify: Verify,
    /// How many replaced versions are kept.
    pub backup: u32,
}

/// Lines between two marks in a file that others own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockInFileSpec {
    /// Name of the block, in its marks.
    pub name: String,
    /// Absolute path of the file.
    pub path: String,
    /// The lines.
    pub content: String,
    /// What begins a comment in the file, for the marks.
    pub comment: String,
    /// What ends a comment, for the marks; empty for the end of the line.
    pub comment_end: String,
    /// A regular expression; a new block is put after the last line that matches it.
    pub after: Option<String>,
    /// A regular expression; a new block is put before the first line that matches it.
    pub before: Option<String>,
    /// What new content must pass before it is put in place.
    pub verify: Verify,
    /// How many replaced versions are kept.
    pub backup: u32,
}

/// A setting in a file of sections, keys and values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IniSettingSpec {
    /// Absolute path of the file.
    pub path: String,
    /// The section; empty for what stands before the first one.
    pub section: String,
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
    /// What stands between key and value of a new line.
    pub separator: String,
    /// What new content must pass before it is put in place.
    pub verify: Verify,
    /// How many replaced versions are kept.
    pub backup: u32,
}

/// An archive that is unpacked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveSpec {
    /// Absolute path of the directory to unpack into.
    pub path: String,
    /// Absolute path of the archive on the node.
    pub source: String,
    /// How many leading parts of each path in the archive are dropped.
    pub strip_components: u32,
    /// Owner and group of all that is unpacked.
    pub access: Access,
}

/// A file from a URL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteFileSpec {
    /// Absolute path.
    pub path: String,
    /// The URL, `https` or `http`.
    pub source: String,
    /// SHA-256 of the content in hexadecimal digits.
    pub checksum: Option<String>,
    /// Headers of the request.
    pub headers: Vec<(String, String)>,
    /// Owner and mode.
    pub access: Access,
    /// What it must pass before it is put in place.
    pub verify: Verify,
    /// How many replaced versions are kept.
    pub backup: u32,
}

/// A checkout of a git repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitSpec {
    /// Absolute path of the checkout.
    pub path: String,
    /// Where the repository is.
    pub repository: String,
    /// Branch, tag or commit.
    pub revision: String,
    /// How many commits of history are fetched; all if `None`.
    pub depth: Option<u32>,
    /// Check out submodules as well.
    pub submodules: bool,
    /// User that runs git and owns the checkout.
    pub user: Option<String>,
}
