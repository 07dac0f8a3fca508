//! What is mounted and what is swapped to, as the kernel says it.

use std::fs;

use super::StorageError;

/// A mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounted {
    /// Where.
    pub mount_point: String,
    /// Type of the file system.
    pub filesystem: String,
    /// What: a device, or what the file system takes.
    pub source: String,
}

/// All mounts of this node, oldest first.
pub fn mounts() -> Result<Vec<Mounted>, StorageError> {
    const PATH: &str = "/proc/self/mountinfo";
    let bytes = fs::read(PATH).map_err(|source| StorageError::Read { path: PATH.to_owned(), source })?;
    Ok(parse_mounts(&String::from_utf8_lossy(&bytes)))
}

/// Reads `mountinfo` (proc_pid_mountinfo(5)).
pub fn parse_mounts(text: &str) -> Vec<Mounted> {
    let mount = |line: &str| {
        let (place, rest) = line.split_once(" - ")?;
        let mut rest = rest.split(' ');
        Some(Mounted {
            mount_point: unescape(place.split(' ').nth(4)?),
            filesystem: rest.next()?.to_owned(),
            source: unescape(rest.next()?),
        })
    };
    text.lines().filter_map(mount).collect()
}

/// Paths of the swap files and devices in use.
pub fn swaps() -> Result<Vec<String>, StorageError> {
    const PATH: &str = "/proc/swaps";
    match fs::read(PATH) {
        Ok(bytes) => Ok(parse_swaps(&String::from_utf8_lossy(&bytes))),
        // A kernel without swap.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(StorageError::Read { path: PATH.to_owned(), source }),
    }
}

/// Reads `/proc/swaps` (proc_swaps(5)).
pub fn parse_swaps(text: &str) -> Vec<String> {
    text.lines().skip(1).filter_map(|line| line.split_whitespace().next()).map(unescape).collect()
}

/// Undoes the octal escapes of space, tab, line feed and backslash.
pub fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) if *first == b'\\' => {
                bytes.push(byte);
                rest = &after[3..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Escapes what would end a field.
pub fn escape(text: &str) -> String {
    let octal = |character: char| match character {
        ' ' => "\\040".to_owned(),
        '\t' => "\\011".to_owned(),
        '\n' => "\\012".to_owned(),
        '\\' => "\\134".to_owned(),
        character => character.to_string(),
    };
    text.chars().map(octal).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Linux 6.18.
    const MOUNTINFO: &str = "\
22 27 0:20 / /proc rw,nosuid,nodev,noexec,relatime shared:5 - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 27 254:16 / /srv/with\\040space rw,relatime - ext4 /dev/vdb rw,errors=remount-ro
41 27 0:35 / /run/user rw master:3 propagate_from:1 - tmpfs tmpfs rw,size=1024k
";

    #[test]
    fn mounts_are_read_with_their_spaces() {
        let mounts = parse_mounts(MOUNTINFO);
        assert_eq!(mounts.len(), 4);
        assert_eq!(mounts[2].mount_point, "/srv/with space");
        assert_eq!((mounts[3].filesystem.as_str(), mounts[3].source.as_str()), ("tmpfs", "tmpfs"));
    }

    #[test]
    fn swaps_are_read() {
        let text = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n\
                    /swap\\040file                               file\t\t65532\t\t0\t\t-2\n";
        assert_eq!(parse_swaps(text), ["/swap file"]);
        assert!(parse_swaps("Filename Type Size Used Priority\n").is_empty());
    }

    #[test]
    fn escapes_are_undone() {
        for text in ["/srv/a b", "a\tb", "a\\b", "a\\040b", "\u{fc}"] {
            assert_eq!(unescape(&escape(text)), text);
        }
    }
}
