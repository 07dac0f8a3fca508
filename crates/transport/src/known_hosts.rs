//! The known_hosts format: reading lines, finding a host's, and adding one.

use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use ring::hmac;
use russh::keys::PublicKey;

use crate::pattern;

/// What a line says of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    /// It is the host's.
    None,
    /// It signs the host's.
    CertAuthority,
    /// It must never be accepted.
    Revoked,
}

/// A line that speaks of the host in question.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) marker: Marker,
    pub(crate) key: PublicKey,
    pub(crate) path: PathBuf,
    pub(crate) line: usize,
}

/// The name a host has in known_hosts.
pub(crate) fn host_name(host: &str, port: u16) -> String {
    if port == 22 { host.to_lowercase() } else { format!("[{}]:{port}", host.to_lowercase()) }
}

/// The lines of `paths` that speak of `name`. Files that do not exist have none.
pub(crate) fn find(paths: &[PathBuf], name: &str) -> Result<Vec<Entry>, (PathBuf, std::io::Error)> {
    let mut entries = Vec::new();
    for path in paths {
        match std::fs::read(path) {
            Ok(bytes) => find_in(path, &String::from_utf8_lossy(&bytes), name, &mut entries),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err((path.clone(), error)),
        }
    }
    Ok(entries)
}

/// Adds the lines of `text` that speak of `name`. Lines that make no sense, or hold keys of unknown kinds, are passed
/// over, as OpenSSH does: they can make a host unknown, never trusted.
pub(crate) fn find_in(path: &Path, text: &str, name: &str, entries: &mut Vec<Entry>) {
    for (index, line) in text.lines().enumerate() {
        let mut words = line.split_ascii_whitespace().peekable();
        let marker = match words.peek() {
            None => continue,
            Some(word) if word.starts_with('#') => continue,
            Some(&"@cert-authority") => Marker::CertAuthority,
            Some(&"@revoked") => Marker::Revoked,
            // A marker of the future may restrict what the key is good for.
            Some(word) if word.starts_with('@') => continue,
            Some(_) => Marker::None,
        };
        if marker != Marker::None {
            words.next();
        }
        let (Some(hosts), Some(kind), Some(blob)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        if !hosts_match(hosts, name) {
            continue;
        }
        let Ok(key) = PublicKey::from_openssh(&format!("{kind} {blob}")) else {
            tracing::debug!(path = %path.display(), line = index + 1, kind, "passing over a key of an unknown kind");
            continue;
        };
        entries.push(Entry { marker, key, path: path.to_owned(), line: index + 1 });
    }
}

fn hosts_match(hosts: &str, name: &str) -> bool {
    match hosts.strip_prefix("|1|") {
        Some(hashed) => hashed_matches(hashed, name),
        None => pattern::list_matches(hosts.split(','), name),
    }
}

fn hashed_matches(hashed: &str, name: &str) -> bool {
    let Some((salt, hash)) = hashed.split_once('|') else { return false };
    let (Ok(salt), Ok(hash)) = (BASE64.decode(salt.as_bytes()), BASE64.decode(hash.as_bytes())) else {
        return false;
    };
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    hmac::verify(&key, name.as_bytes(), &hash).is_ok()
}

/// `name` as HashKnownHosts wants it.
fn hash(name: &str, salt: &[u8; 20]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
    let hash = hmac::sign(&key, name.as_bytes());
    format!("|1|{}|{}", BASE64.encode(salt), BASE64.encode(hash.as_ref()))
}

/// What came of adding a key.
#[derive(Debug)]
pub(crate) enum Added {
    /// The line is there now.
    Yes,
    /// Meanwhile somebody else has recorded keys for the host; these.
    Already(Vec<Entry>),
}

/// Adds a line to `path` with the file locked, unless by now there is one for `name`. Blocks.
pub(crate) fn add(path: &Path, name: &str, key: &PublicKey, hashed: bool) -> std::io::Result<Added> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)?;
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    let mut entries = Vec::new();
    find_in(path, &String::from_utf8_lossy(&bytes), name, &mut entries);
    entries.retain(|entry| entry.marker == Marker::None);
    if !entries.is_empty() {
        return Ok(Added::Already(entries));
    }
    let shown = if hashed {
        let random = ring::rand::generate::<[u8; 20]>(&ring::rand::SystemRandom::new())
            .map_err(|_| std::io::Error::other("no random numbers"))?;
        hash(name, &random.expose())
    } else {
        name.to_owned()
    };
    let key = PublicKey::new(key.key_data().clone(), "").to_openssh().map_err(std::io::Error::other)?;
    let start = if bytes.last().is_some_and(|&byte| byte != b'\n') { "\n" } else { "" };
    // One write: readers without the lock see the line or do not.
    file.write_all(format!("{start}{shown} {}\n", key.trim()).as_bytes())?;
    Ok(Added::Yes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILagOJFgwaMNhBWQINinKOXmqS4Gh5NgxgriXwdOoINJ";

    fn markers(text: &str, name: &str) -> Vec<(usize, Marker)> {
        let mut entries = Vec::new();
        find_in(Path::new("kh"), text, name, &mut entries);
        entries.into_iter().map(|entry| (entry.line, entry.marker)).collect()
    }

    #[test]
    fn lines_of_a_host() {
        let text = format!(
            "# comment\n\na,b {KEY} note\n[a]:2222 {KEY}\n@revoked * {KEY}\n@cert-authority *.x {KEY}\n@new a {KEY}\n\
             a ssh-new AAAA\nbroken\na {KEY}"
        );
        assert_eq!(markers(&text, "a"), [(3, Marker::None), (5, Marker::Revoked), (10, Marker::None)]);
        assert_eq!(markers(&text, "[a]:2222"), [(4, Marker::None), (5, Marker::Revoked)]);
        assert_eq!(markers(&text, "h.x"), [(5, Marker::Revoked), (6, Marker::CertAuthority)]);
    }

    #[test]
    fn names() {
        assert_eq!(host_name("A.example", 22), "a.example");
        assert_eq!(host_name("A.example", 2222), "[a.example]:2222");
    }

    #[test]
    fn hashed_by_openssh() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("known_hosts");
        std::fs::write(&path, format!("example.com {KEY}\n[example.com]:2222 {KEY}\n")).unwrap();
        let output = std::process::Command::new("ssh-keygen").args(["-H", "-f"]).arg(&path).output();
        assert!(output.expect("install openssh-client").status.success());
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("|1|"), "{text}");
        assert_eq!(markers(&text, "example.com"), [(1, Marker::None)]);
        assert_eq!(markers(&text, "[example.com]:2222"), [(2, Marker::None)]);
        assert_eq!(markers(&text, "example.org"), []);
    }

    #[test]
    fn adding() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/known_hosts");
        let key = PublicKey::from_openssh(KEY).unwrap();
        assert!(matches!(add(&path, "a", &key, false).unwrap(), Added::Yes));
        assert!(matches!(add(&path, "a", &key, false).unwrap(), Added::Already(_)));
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("a {KEY}\n"));
        std::fs::write(&path, text.trim_end()).unwrap();
        assert!(matches!(add(&path, "b", &key, true).unwrap(), Added::Yes));
        assert!(matches!(add(&path, "b", &key, true).unwrap(), Added::Already(_)));
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(!text.contains("b ssh"));
    }

    proptest! {
        #[test]
        fn never_panics(text in "(\\PC{0,30}\n?){0,4}", name in "\\PC{0,10}") {
            markers(&text, &name);
        }

        #[test]
        fn what_is_hashed_is_found(name in "[a-z0-9.\\[\\]:]{1,20}", salt in any::<[u8; 20]>()) {
            let line = format!("{} {KEY}", hash(&name, &salt));
            prop_assert_eq!(markers(&line, &name), [(1, Marker::None)]);
            let other = format!("{name}x");
            prop_assert_eq!(markers(&line, &other), []);
        }

        #[test]
        fn noise_around_a_line_changes_nothing(before in "[ -~]{0,20}", after in "[ -~]{0,20}") {
            prop_assume!(!before.contains("ssh-") && !after.contains("ssh-"));
            let text = format!("{before}\nhost {KEY}\n{after}\n");
            prop_assert_eq!(markers(&text, "host"), [(2, Marker::None)]);
        }
    }
}
