//! Versions of files that were replaced or deleted, kept in the state directory.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::{fd::OwnedFd, unix::fs::DirBuilderExt},
    path::Path,
    rc::Rc,
    time::{Duration, SystemTime},
};

use rustix::process::{getegid, geteuid};

use super::{
    FileError,
    attributes::{Attributes, Owner},
    body::Body,
    split,
    write::Draft,
};

/// Keeps the content that is at `path` as `backup/PATH.STAMP` in the state directory, readable for the agent's own
/// user alone, and deletes the oldest versions beyond `count`.
pub fn keep(state_dir: &Path, path: &str, body: &Body, count: u32) -> Result<(), FileError> {
    if count == 0 {
        return Ok(());
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (parent, name) = split(path);
    let directory = state_dir.join("backup").join(parent.trim_start_matches('/'));
    let kept = format!("{}/{name}.{}", directory.display(), stamp(now));
    let failed = |source| FileError::System { what: "keep the old version as", path: kept.clone(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(&directory).map_err(failed)?;
    let handle = Rc::new(OwnedFd::from(File::open(&directory).map_err(failed)?));
    let mut draft = Draft::new(&handle, &kept)?;
    draft.add_from(&mut body.reader())?;
    let owner = Owner::Id(geteuid().as_raw());
    draft.complete(&Attributes { owner, group: Owner::Id(getegid().as_raw()), mode: 0o600 })?;
    draft.place()?;
    prune(&directory, name, count).map_err(failed)
}

/// Deletes the oldest versions of a file beyond `count`.
fn prune(directory: &Path, name: &str, count: u32) -> Result<(), io::Error> {
    let mut stamps = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?.file_name();
        let version = entry.to_str().and_then(|entry| entry.strip_prefix(name)?.strip_prefix('.'));
        stamps.extend(version.filter(|text| is_stamp(text)).map(ToOwned::to_owned));
    }
    stamps.sort_unstable();
    let excess = stamps.len().saturating_sub(usize::try_from(count).unwrap_or(usize::MAX));
    stamps[..excess].iter().try_for_each(|stamp| fs::remove_file(directory.join(format!("{name}.{stamp}"))))
}

/// UTC to the microsecond, in ISO 8601's basic format, whose order as text is that of time.
fn stamp(since_1970: Duration) -> String {
    let seconds = since_1970.as_secs();
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let micros = since_1970.subsec_micros();
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}.{micros:06}Z")
}

fn is_stamp(text: &str) -> bool {
    let form = b"00000000T000000.000000Z";
    text.len() == form.len()
        && text
            .bytes()
            .zip(form)
            .all(|(byte, form)| if *form == b'0' { byte.is_ascii_digit() } else { byte == *form })
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
fn date(mut days: u64) -> (u64, u64, u64) {
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn stamps_are_utc() {
        // As `date -u -d @SECONDS` of coreutils 9.1 says it.
        for (seconds, expected) in [
            (0, "19700101T000000.000000Z"),
            (951_825_599, "20000229T115959.000000Z"),
            (1_735_689_599, "20241231T235959.000000Z"),
            (4_107_542_400, "21000301T000000.000000Z"),
        ] {
            assert_eq!(stamp(Duration::from_secs(seconds)), expected);
            assert!(is_stamp(expected));
        }
        assert!(!is_stamp("d.20000229T115959.000000Z"));
    }

    #[test]
    fn the_newest_versions_are_kept_and_readable_for_their_owner_alone() {
        let state = tempfile::tempdir().unwrap();
        let keep = |path: &str, content: &str| {
            keep(state.path(), path, &Body::Bytes(content.as_bytes().into()), 2).unwrap();
        };
        for content in ["one", "two", "three"] {
            keep("/etc/motd", content);
        }
        keep("/etc/motd.d", "another file");
        let mut kept: Vec<_> = fs::read_dir(state.path().join("backup/etc"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| !path.to_str().unwrap().contains("motd.d"))
            .collect();
        kept.sort();
        let contents: Vec<_> = kept.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
        assert_eq!(contents, ["two", "three"]);
        assert!(kept.iter().all(|path| fs::metadata(path).unwrap().mode() & 0o777 == 0o600));
        assert_eq!(fs::metadata(state.path().join("backup")).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(state.path().join("backup/etc")).unwrap().count(), 3);
    }
}
