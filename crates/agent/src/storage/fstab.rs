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
        let mut fields = line.split_whitespace();
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
pub fn find(text: &str, like: &Entry) -> Option<Entry> {
    text.lines().filter_map(Entry::parse).find(|entry| entry.rivals(like))
}

/// The text with this entry in the place of its rivals, or at the end.
pub fn set(text: &str, entry: &Entry) -> String {
    edit(text, entry, Some(entry))
}

/// The text without the lines for the same thing.
pub fn remove(text: &str, like: &Entry) -> String {
    edit(text, like, None)
}

fn edit(text: &str, like: &Entry, mut new: Option<&Entry>) -> String {
    let mut edited = String::with_capacity(text.len() + 80);
    for line in text.split_inclusive('\n') {
        if !Entry::parse(line).is_some_and(|entry| entry.rivals(like)) {
            edited.push_str(line);
        } else if let Some(entry) = new.take() {
            edited.push_str(&entry.line());
            edited.push('\n');
        }
    }
    if let Some(entry) = new {
        if !edited.is_empty() && !edited.ends_with('\n') {
            edited.push('\n');
        }
        edited.push_str(&entry.line());
        edited.push('\n');
    }
    edited
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

    #[test]
    fn a_line_is_found_changed_added_and_removed_and_the_others_are_kept() {
        let found = find(FSTAB, &entry("", "/srv/a b")).unwrap();
        assert_eq!((found.device.as_str(), found.options.as_str(), found.pass), ("/dev/vdb", "noatime", 0));
        let changed = set(FSTAB, &entry("/dev/vdc", "/srv/a b"));
        assert!(changed.contains("\n/dev/vdc /srv/a\\040b ext4 defaults 0 2\n/swapfile"), "{changed}");
        let added = set(FSTAB, &entry("/dev/vdd", "/srv/d"));
        assert_eq!(added, format!("{FSTAB}\n/dev/vdd /srv/d ext4 defaults 0 2\n"));
        assert_eq!(remove(&added, &entry("", "/srv/d")), format!("{FSTAB}\n"));
        let swap = Entry { filesystem: "swap".into(), ..entry("/swapfile", "none") };
        assert_eq!(find(FSTAB, &swap).map(|entry| entry.options), Some("sw".into()));
        assert_eq!(find(FSTAB, &Entry { device: "/other".into(), ..swap }), None);
    }

    proptest! {
        #[test]
        fn an_edit_is_done_once_and_touches_nothing_else(
            lines in proptest::collection::vec("[ -~]{0,40}", 0..8),
            mount_point in "/[a-z \\\\#]{1,8}",
        ) {
            let text = lines.join("\n");
            let entry = entry("/dev/x y", &mount_point);
            let once = set(&text, &entry);
            prop_assert_eq!(find(&once, &entry), Some(entry.clone()));
            prop_assert_eq!(set(&once, &entry), once.clone());
            let without = remove(&once, &entry);
            prop_assert_eq!(find(&without, &entry), None);
            let before = remove(&text, &entry);
            prop_assert_eq!(without.trim_end_matches('\n'), before.trim_end_matches('\n'));
        }
    }
}
