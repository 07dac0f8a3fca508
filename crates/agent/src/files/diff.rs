//! Differences in content.

use std::{
    collections::HashMap,
    fmt::Write,
    time::{Duration, Instant},
};

use engine_protocol::Change;
use similar::{
    DiffOp, DiffTag,
    algorithms::{Capture, Compact, Replace, myers},
    group_diff_ops,
    udiff::UnifiedHunkHeader,
};

use super::{FileError, body::Body};
use crate::provider::digest;

/// A diff is cut beyond this length.
pub const DIFF_BYTES: usize = 64 * 1024;

/// Content beyond this length is described by its size and digest, whether it is text or not.
pub const TEXT_BYTES: u64 = 1024 * 1024;

/// How many digits of a digest are shown: enough to tell any two contents apart.
const DIGITS: usize = 12;

/// Lines around a difference.
const CONTEXT: usize = 3;

/// How long a diff may be looked for before a coarser one is taken.
const PATIENCE: Duration = Duration::from_millis(200);

/// The change from old content, `None` for a new file, to new content.
pub fn change(path: &str, old: Option<&Body>, new: &Body) -> Result<Change, FileError> {
    let old_text = old.map_or(Ok(Some(String::new())), |old| text(path, old))?;
    if let Some(old) = old_text
        && let Some(new) = text(path, new)?
    {
        let (unified, truncated) = unified(&old, &new);
        return Ok(Change::Diff { unified, truncated });
    }
    let old = old.map(|old| describe(path, old)).transpose()?;
    Ok(Change::Binary { old, new: Some(describe(path, new)?) })
}

fn text(path: &str, body: &Body) -> Result<Option<String>, FileError> {
    if body.size()? > TEXT_BYTES {
        return Ok(None);
    }
    let bytes = body.read(path, TEXT_BYTES)?;
    Ok(if bytes.contains(&0) { None } else { String::from_utf8(bytes).ok() })
}

fn describe(path: &str, body: &Body) -> Result<String, FileError> {
    let (size, digest) = (body.size()?, body.sha256(path)?);
    let unit = if size == 1 { "byte" } else { "bytes" };
    Ok(format!("{size} {unit}, sha256 {}…", &digest[..DIGITS]))
}

/// A unified diff of lines, cut if it is long.
fn unified(old: &str, new: &str) -> (String, bool) {
    let (old, new) = (lines(old), lines(new));
    let mut unified = String::new();
    for hunk in group_diff_ops(differences(&old, &new), CONTEXT) {
        let _ = writeln!(unified, "{}", UnifiedHunkHeader::new(&hunk));
        for difference in hunk {
            let (tag, gone, come) = difference.as_tag_tuple();
            if tag == DiffTag::Equal {
                add(&mut unified, ' ', &old[gone]);
            } else {
                add(&mut unified, '-', &old[gone]);
                add(&mut unified, '+', &new[come]);
            }
        }
    }
    if unified.len() <= DIFF_BYTES {
        return (unified, false);
    }
    // The rest is not shown, and yet tells two diffs apart.
    let last = format!("\\ {} bytes in all, {:016x}\n", unified.len(), digest(&unified));
    let room = unified.floor_char_boundary(DIFF_BYTES - last.len());
    let end = unified[..room].rfind('\n').map_or(0, |index| index + 1);
    unified.truncate(end);
    (unified + &last, true)
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

fn add(unified: &mut String, sign: char, lines: &[&str]) {
    for line in lines {
        unified.push(sign);
        unified.push_str(line);
        if !line.ends_with('\n') {
            unified.push_str("\n\\ No newline at end of file\n");
        }
    }
}

/// The differences by Myers's algorithm alone: `TextDiff` brings the code of all others with it.
fn differences(old: &[&str], new: &[&str]) -> Vec<DiffOp> {
    // Numbers instead of lines: they are compared often.
    let mut numbers = HashMap::new();
    let mut numbered = |lines: &[&str]| -> Vec<u32> {
        let mut number = |line: &str| {
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            *numbers.entry(line.to_owned()).or_insert(next)
        };
        lines.iter().map(|line| number(line)).collect()
    };
    let (old, new) = (numbered(old), numbered(new));
    let mut hook = Compact::new(Replace::new(Capture::new()), &old, &new);
    let deadline = Instant::now().checked_add(PATIENCE);
    let Ok(()) = myers::diff_deadline(&mut hook, &old, 0..old.len(), &new, 0..new.len(), deadline);
    hook.into_inner().into_inner().into_ops()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(old: Option<&[u8]>, new: &[u8]) -> Change {
        let body = |bytes: &[u8]| Body::Bytes(bytes.into());
        super::change("a", old.map(body).as_ref(), &body(new)).unwrap()
    }

    #[test]
    fn text_is_shown_as_a_unified_diff_without_file_headers() {
        let Change::Diff { unified, truncated } = change(Some(b"a\nb\nc\n"), b"a\nB\nc\n") else {
            panic!("not a diff");
        };
        assert_eq!(unified, "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n");
        assert!(!truncated);
        let many: Vec<String> = (1..=20).map(|line| format!("{line}\n")).collect();
        let (mut new, old) = (many.clone(), many.concat());
        new[1] = "two\n".into();
        new.pop();
        new.push("20".into());
        new.push("1\n".into());
        let Change::Diff { unified, .. } = change(Some(old.as_bytes()), new.concat().as_bytes()) else {
            panic!("not a diff");
        };
        assert_eq!(
            unified,
            "@@ -1,5 +1,5 @@\n 1\n-2\n+two\n 3\n 4\n 5\n@@ -17,4 +17,4 @@\n 17\n 18\n 19\n-20\n+201\n"
        );
        let Change::Diff { unified, .. } = change(Some(b"a\nb"), b"a\nb\n") else { panic!("not a diff") };
        assert_eq!(unified, "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n");
    }

    #[test]
    fn what_is_not_text_is_described_by_its_size_and_digest() {
        let expected = Change::Binary {
            old: Some("2 bytes, sha256 ffe9aaeaa2a2…".into()),
            new: Some("3 bytes, sha256 ba7816bf8f01…".into()),
        };
        assert_eq!(change(Some(b"a\0"), b"abc"), expected);
        let expected = Change::Binary { old: None, new: Some("1 byte, sha256 a8100ae6aa19…".into()) };
        assert_eq!(change(None, b"\xff"), expected);
    }

    #[test]
    fn a_long_diff_is_cut_at_a_line() {
        let long = "0123456789\n".repeat(20_000);
        let Change::Diff { unified, truncated } = change(None, long.as_bytes()) else {
            panic!("not a diff");
        };
        assert!(truncated && unified.len() <= DIFF_BYTES && unified.ends_with('\n'));
    }

    #[test]
    fn a_huge_text_is_described_as_well() {
        let huge = vec![b'a'; usize::try_from(TEXT_BYTES).unwrap() + 1];
        let Change::Binary { new: Some(new), .. } = change(Some(b"a"), &huge) else {
            panic!("not described");
        };
        assert!(new.starts_with("1048577 bytes, sha256 "), "{new}");
    }
}
