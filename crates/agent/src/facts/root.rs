//! The files that facts are read from.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

/// A directory that paths are read below; `/`, except in tests.
#[derive(Debug, Clone)]
pub struct Root(PathBuf);

impl Default for Root {
    fn default() -> Self {
        Root::at("/")
    }
}

impl Root {
    /// Another root than `/`.
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Root(directory.into())
    }

    /// A path below the root.
    pub fn path(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    /// What a file has in it; nothing if it cannot be read.
    pub fn read(&self, path: &str) -> String {
        let bytes = read_all(&self.path(path)).unwrap_or_default();
        String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    /// A file of one value, without the spaces around it.
    pub fn line(&self, path: &str) -> String {
        self.read(path).trim().to_owned()
    }

    /// A file of one number.
    pub fn number<T: std::str::FromStr>(&self, path: &str) -> Option<T> {
        self.line(path).parse().ok()
    }

    /// Whether there is something at a path.
    pub fn exists(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    /// Where a symbolic link leads.
    pub fn link(&self, path: &str) -> Option<PathBuf> {
        fs::read_link(self.path(path)).ok()
    }

    /// Names in a directory, in the order of people: `sd2` before `sd10`.
    pub fn names(&self, directory: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path(directory))
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort_by(|one, other| natural(one).cmp(&natural(other)));
        names
    }
}

impl AsRef<Path> for Root {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

/// Most files here are the kernel's, which say nothing of their sizes: one buffer takes nearly all of
/// them whole, where the library would begin with 32 bytes.
fn read_all(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut buffer = [0; 16 * 1024];
    let mut bytes = Vec::new();
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(bytes),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

/// A name's texts and numbers in turn.
fn natural(name: &str) -> Vec<(&str, u64)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (text, after) = rest.split_at(digits);
        let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let (number, after) = after.split_at(end);
        parts.push((text, number.parse().unwrap_or(0)));
        rest = after;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_are_counted() {
        let mut names = ["nvme10n1", "sda", "nvme2n1", "nvme2n1p1", "sdaa", "sdb"];
        names.sort_by(|one, other| natural(one).cmp(&natural(other)));
        assert_eq!(names, ["nvme2n1", "nvme2n1p1", "nvme10n1", "sda", "sdaa", "sdb"]);
    }

    #[test]
    fn what_is_not_there_is_empty() {
        let root = Root::at("/nowhere");
        assert_eq!((root.read("x"), root.names("x").len(), root.exists("x")), (String::new(), 0, false));
    }
}
