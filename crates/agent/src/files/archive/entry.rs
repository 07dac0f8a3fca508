//! Entries of an archive, with paths that can only mean something inside of the directory.

use super::error::Problem;

/// The longest path below the directory, and the longest name in it.
const PATH_BYTES: usize = 4096;
const NAME_BYTES: usize = 255;

/// An entry that may be unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Relative path in normal form.
    pub(super) path: String,
    pub(super) kind: Kind,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Directory {
        /// Permission bits, where the archive knows them.
        mode: Option<u32>,
    },
    File {
        size: u64,
        mode: Option<u32>,
        /// Seconds since 1970 at which it was last changed.
        modified: Option<i64>,
    },
    /// A symbolic link that stays inside.
    Link { to: String },
    /// Another name of a file of the archive, by its path below the directory.
    HardLink { to: String },
}

/// The path below the directory of a name in an archive, without its first parts; nothing if no part is left.
pub(super) fn place(name: &[u8], strip: usize) -> Result<Option<String>, Problem> {
    let name = std::str::from_utf8(name).map_err(|_| Problem::Name)?;
    if name.contains('\0') {
        return Err(Problem::Name);
    }
    if name.starts_with('/') {
        return Err(Problem::Absolute);
    }
    let parts: Vec<&str> = name.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.contains(&"..") {
        return Err(Problem::Dots);
    }
    let path = parts.get(strip..).unwrap_or_default().join("/");
    if path.len() > PATH_BYTES || parts.iter().any(|part| part.len() > NAME_BYTES) {
        return Err(Problem::Length);
    }
    Ok((!path.is_empty()).then_some(path))
}

/// The target of a symbolic link, if it stays inside wherever other links in it lead.
///
/// That holds when `..` stands at its beginning alone and does not lead above the directory: the link's own directory
/// is a real one, for nothing is unpacked through links. After a name, `..` would lead back from wherever that name
/// leads, which another link decides.
pub(super) fn target(path: &str, to: &[u8]) -> Result<String, Problem> {
    let text = String::from_utf8_lossy(to).into_owned();
    let depth = path.matches('/').count();
    let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let up = parts.iter().take_while(|part| **part == "..").count();
    let inside = !text.starts_with('/') && up <= depth && !parts[up..].contains(&"..");
    let sane = !text.is_empty() && text.len() <= PATH_BYTES && !text.contains('\0') && text.as_bytes() == to;
    if inside && sane { Ok(text) } else { Err(Problem::LinksOutside(text)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_stay_below_the_directory() {
        let of = |name: &str, strip| place(name.as_bytes(), strip);
        assert_eq!(of("./a//b/./c/", 0), Ok(Some("a/b/c".into())));
        assert_eq!(of("tool-1.2/bin/tool", 1), Ok(Some("bin/tool".into())));
        for (name, strip) in [("./", 0), ("tool-1.2/", 1), ("tool-1.2", 3), ("", 0)] {
            assert_eq!(of(name, strip), Ok(None), "{name}");
        }
        assert_eq!(of("/etc/passwd", 0), Err(Problem::Absolute));
        assert_eq!(of("a/../../etc/passwd", 0), Err(Problem::Dots));
        // What is stripped must be sane as well.
        assert_eq!(of("../etc/passwd", 1), Err(Problem::Dots));
        assert_eq!(of("a\0b", 0), Err(Problem::Name));
        assert_eq!(place(b"caf\xe9", 0), Err(Problem::Name));
        assert_eq!(of(&"x".repeat(256), 0), Err(Problem::Length));
        assert_eq!(of(&"x/".repeat(2100), 0), Err(Problem::Length));
    }

    #[test]
    fn links_stay_below_the_directory() {
        for (path, to) in [("a", "b"), ("a/b", "../c"), ("a/b/c", "../../d/e"), ("a", "./b/c"), ("a/b", "..")]
        {
            assert_eq!(target(path, to.as_bytes()).as_deref(), Ok(to));
        }
        for (path, to) in
            [("a", "/etc"), ("a", ".."), ("a/b", "../.."), ("a/b", "c/../d"), ("a", ""), ("a", "b\0")]
        {
            assert_eq!(target(path, to.as_bytes()), Err(Problem::LinksOutside(to.into())));
        }
        assert!(target("a", b"\xff").is_err());
    }

    proptest! {
        #[test]
        fn any_name_is_a_normal_path_or_refused(name in "[./a\0é]{0,12}", strip in 0usize..3) {
            if let Ok(Some(path)) = place(name.as_bytes(), strip) {
                prop_assert!(path.split('/').all(|part| !matches!(part, "" | "." | "..")));
            }
        }
    }
}
