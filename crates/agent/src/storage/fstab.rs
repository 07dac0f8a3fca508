//! `/etc/fstab`: one line a mount; all others are kept byte by byte.

use super::table::{escape, unescape};

/// Where it is.
pub const PATH: &str = "/etc/fstab";

/// A line of fstab(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What is mounted.
    pub device: String,
    /// Where, or `none`.
    pub mount_point: String,
    /// Type of the file system.
    pub filesystem: String,
    /// Options with commas between them.
    pub options: String,
    /// For dump(8).
    pub dump: u32,
    /// In which order fsck(8) looks at it; 0 for not at all.
    pub pass: u32,
}

impl Entry {
    /// The line, without its end.
    pub fn line(&self) -> String {
        let Entry { device, mount_point, filesystem, options, dump, pass } = self;
        format!("{} {} {filesystem} {options} {dump} {pass}", escape(device), escape(mount_point))
    }

    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split_ascii_whitespace();
        let device = fields.next().filter(|field| !field.starts_with('#'))?;
        let (mount_point, filesystem) = (fields.next()?, fields.next()?);
        let options = fields.next().unwrap_or("defaults").to_owned();
        let mut number = || fields.next().and_then(|field| field.parse().ok()).unwrap_or(0);
        Some(Entry {
            device: unescape(device),
            mount_point: unescape(mount_point),
            filesystem: filesystem.to_owned(),
            options,
            dump: number(),
            pass: number(),
        })
    }

    /// Whether both are lines for the same thing: a mount point, or for swap the file or device.
    fn rivals(&self, other: &Self) -> bool {
        if self.filesystem == "swap" || other.filesystem == "swap" {
            return self.filesystem == other.filesystem && self.device == other.device;
        }
        self.mount_point == other.mount_point
    }
}

/// The line for the same mount point, or for swap the same device.
pub fn find(text: &[u8], like: &Entry) -> Option<Entry> {
    lines(text).filter_map(parse).find(|entry| entry.rivals(like))
}

/// The text with this entry in the place of its rivals, or at the end.
pub fn set(text: &[u8], entry: &Entry) -> Vec<u8> {
    edit(text, entry, Some(entry))
}

/// The text without the lines for the same thing.
pub fn remove(text: &[u8], like: &Entry) -> Vec<u8> {
    edit(text, like, None)
}

fn edit(text: &[u8], like: &Entry, mut new: Option<&Entry>) -> Vec<u8> {
    let mut edited = Vec::with_capacity(text.len() + 80);
    for line in lines(text) {
        if !parse(line).is_some_and(|entry| entry.rivals(like)) {
            edited.extend_from_slice(line);
        } else if let Some(entry) = new.take() {
            edited.extend_from_slice(format!("{}\n", entry.line()).as_bytes());
        }
    }
    if let Some(entry) = new {
        if !edited.is_empty() && !edited.ends_with(b"\n") {
            edited.push(b'\n');
        }
        edited.extend_from_slice(format!("{}\n", entry.line()).as_bytes());
    }
    edited
}

/// What a line says. It may be in any encoding; only what is not edited must come out as it went in.
fn parse(line: &[u8]) -> Option<Entry> {
    Entry::parse(&String::from_utf8_lossy(line))
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(device: &str, mount_point: &str) -> Entry {
        Entry {
            device: device.into(),
            mount_point: mount_point.into(),
            filesystem: "ext4".into(),
            options: "defaults".into(),
            dump: 0,
            pass: 2,
        }
    }

    const FSTAB: &str = "# <file system> <mount point>   <type>  <options>       <dump>  <pass>\n\
        UUID=0a1b /               ext4    errors=remount-ro 0       1\n\n\
        \t/dev/vdb\t/srv/a\\040b ext4 noatime\n/swapfile none swap sw 0 0";

    fn shown(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_is_found_changed_added_and_removed_and_the_others_are_kept() {
        let text = FSTAB.as_bytes();
        let found = find(text, &entry("", "/srv/a b")).unwrap();
        assert_eq!((found.device.as_str(), found.options.as_str(), found.pass), ("/dev/vdb", "noatime", 0));
        let changed = set(text, &entry("/dev/vdc", "/srv/a b"));
        let changed = shown(&changed);
        assert!(changed.contains("\n/dev/vdc /srv/a\\040b ext4 defaults 0 2\n/swapfile"), "{changed}");
        let added = set(text, &entry("/dev/vdd", "/srv/d"));
        assert_eq!(shown(&added), format!("{FSTAB}\n/dev/vdd /srv/d ext4 defaults 0 2\n"));
        assert_eq!(shown(&remove(&added, &entry("", "/srv/d"))), format!("{FSTAB}\n"));
        let swap = Entry { filesystem: "swap".into(), ..entry("/swapfile", "none") };
        assert_eq!(find(text, &swap).map(|entry| entry.options), Some("sw".into()));
        assert_eq!(find(text, &Entry { device: "/other".into(), ..swap }), None);
    }

    #[test]
    fn lines_in_another_encoding_are_kept() {
        let latin1 = b"# gro\xdfe Platte\n/dev/vdb /srv/b\xfccher ext4 defaults 0 2\r\n".as_slice();
        let new = entry("/dev/vdc", "/srv/c");
        let added = set(latin1, &new);
        assert_eq!(added, [latin1, b"/dev/vdc /srv/c ext4 defaults 0 2\n"].concat());
        assert_eq!(remove(&added, &new), latin1);
    }

    fn line() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            prop::collection::vec(any::<u8>().prop_filter("one line", |byte| *byte != b'\n'), 0..40),
            "[ -~]{0,40}".prop_map(String::into_bytes),
            "/dev/[x-z] /[a-c] ext4 [a-z]{1,5}\\PC?".prop_map(String::into_bytes),
        ]
    }

    proptest! {
        #[test]
        fn an_edit_is_done_once_and_touches_nothing_else(
            lines in prop::collection::vec(line(), 0..8),
            mount_point in "/[a-z \\\\#]{1,8}",
        ) {
            let text = lines.join(&b'\n');
            let entry = entry("/dev/x y", &mount_point);
            let once = set(&text, &entry);
            prop_assert_eq!(find(&once, &entry), Some(entry.clone()));
            prop_assert_eq!(&set(&once, &entry), &once);
            let without = remove(&once, &entry);
            prop_assert_eq!(find(&without, &entry), None);
            let rest = |text: &[u8]| remove(text, &entry).trim_ascii_end().to_vec();
            prop_assert_eq!(rest(&without), rest(&text));
            // Every other line is there, byte by byte and in order.
            let others = lines.iter().filter(|line| !parse(line).is_some_and(|other| other.rivals(&entry)));
            let kept: Vec<&[u8]> = others.map(Vec::as_slice).collect();
            let kept = kept.join(&b'\n');
            prop_assert_eq!(rest(&without), kept.trim_ascii_end());
        }
    }
}
