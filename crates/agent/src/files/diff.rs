//! Differences in content.

use std::time::Duration;

use engine_protocol::Change;
use similar::{Algorithm, TextDiff};

/// A diff is cut beyond this length.
pub const DIFF_BYTES: usize = 64 * 1024;

/// Content beyond this length is described by its size, whether it is text or not.
pub const TEXT_BYTES: u64 = 1024 * 1024;

/// How long a diff may be looked for before a coarser one is taken.
const PATIENCE: Duration = Duration::from_millis(200);

/// The change from old content, `None` for a new file, to new content. Content may be cut at
/// [`TEXT_BYTES`] plus one; the true sizes come beside it.
pub fn change(old: Option<(&[u8], u64)>, new: &[u8]) -> Change {
    let text = |bytes, size| if size > TEXT_BYTES { None } else { text(bytes) };
    let (old_bytes, old_size) = old.unwrap_or_default();
    match (text(old_bytes, old_size), text(new, new.len() as u64)) {
        (Some(old), Some(new)) => {
            let (unified, truncated) = unified(old, new);
            Change::Diff { unified, truncated }
        }
        _ => Change::Binary {
            old: old.map(|(_, size)| format!("{size} bytes")),
            new: Some(format!("{} bytes", new.len())),
        },
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    if bytes.contains(&0) { None } else { std::str::from_utf8(bytes).ok() }
}

fn unified(old: &str, new: &str) -> (String, bool) {
    let diff = TextDiff::configure().algorithm(Algorithm::Myers).timeout(PATIENCE).diff_lines(old, new);
    let mut unified = diff.unified_diff().context_radius(3).to_string();
    if unified.len() <= DIFF_BYTES {
        return (unified, false);
    }
    let end = unified[..unified.floor_char_boundary(DIFF_BYTES)].rfind('\n').map_or(0, |index| index + 1);
    unified.truncate(end);
    (unified, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shown_as_a_unified_diff_without_file_headers() {
        let Change::Diff { unified, truncated } = change(Some((b"a\nb\nc\n", 6)), b"a\nB\nc\n") else {
            panic!("not a diff");
        };
        assert_eq!(unified, "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n");
        assert!(!truncated);
    }

    #[test]
    fn what_is_not_text_is_described_by_its_size() {
        let expected = Change::Binary { old: Some("2 bytes".into()), new: Some("3 bytes".into()) };
        assert_eq!(change(Some((b"a\0", 2)), b"abc"), expected);
        assert_eq!(change(None, b"\xff"), Change::Binary { old: None, new: Some("1 bytes".into()) });
    }

    #[test]
    fn a_long_diff_is_cut_at_a_line() {
        let long = "0123456789\n".repeat(20_000);
        let Change::Diff { unified, truncated } = change(None, long.as_bytes()) else {
            panic!("not a diff");
        };
        assert!(truncated && unified.len() <= DIFF_BYTES && unified.ends_with('\n'));
    }
}
