//! What a server said of content that it gave, so that it can be asked only for what is new.

use std::{
    fmt::Write as _,
    fs::{self, DirBuilder, File},
    os::{fd::OwnedFd, unix::fs::DirBuilderExt},
    path::{Path, PathBuf},
    rc::Rc,
};

use data_encoding::HEXLOWER;
use engine_protocol::resource::RemoteFileSpec;
use rustix::process::{getegid, geteuid};
use sha2::{Digest, Sha256};

use crate::{
    files::{
        attributes::{Attributes, Owner},
        write::Draft,
    },
    network::http::Response,
};

/// Of what is at a path now, what the server said when it gave it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The header `ETag`.
    pub etag: Option<String>,
    /// The header `Last-Modified`.
    pub modified: Option<String>,
    /// SHA-256 of the content in hexadecimal digits.
    pub sha256: String,
}

impl Known {
    /// What this answer says of content with this digest.
    pub fn of(response: &Response, sha256: String) -> Self {
        let header = |name| response.header(name).map(ToOwned::to_owned);
        Self { etag: header("etag"), modified: header("last-modified"), sha256 }
    }

    /// The headers with which a server says whether there is something else by now.
    pub fn conditions(&self) -> Vec<(&'static str, String)> {
        let etag = self.etag.iter().map(|etag| ("if-none-match", etag.clone()));
        let modified = self.modified.iter().map(|modified| ("if-modified-since", modified.clone()));
        etag.chain(modified).collect()
    }

    /// What is known of a file. Nothing of another URL, or of what was asked for with other headers.
    pub fn read(state_dir: &Path, spec: &RemoteFileSpec) -> Option<Self> {
        let text = fs::read_to_string(place(state_dir, spec)).ok()?;
        let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let owned = |name| line(name).map(ToOwned::to_owned);
        (line("request") == Some(&request(spec)))
            .then(|| {
                Some(Self { etag: owned("etag"), modified: owned("modified"), sha256: owned("sha256")? })
            })
            .flatten()
    }

    /// Keeps it. If it cannot be kept, the next run fetches the content once more, and nothing else is different.
    pub fn keep(&self, state_dir: &Path, spec: &RemoteFileSpec) {
        let mut text = format!("path {}\nrequest {}\nsha256 {}\n", spec.path, request(spec), self.sha256);
        for (name, value) in [("etag", &self.etag), ("modified", &self.modified)] {
            if let Some(value) = value {
                let _ = writeln!(text, "{name} {value}");
            }
        }
        let path = place(state_dir, spec);
        let _ = path.parent().map(|directory| write(directory, &path, &text));
    }
}

fn write(directory: &Path, path: &Path, text: &str) -> Option<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory).ok()?;
    let directory = Rc::new(OwnedFd::from(File::open(directory).ok()?));
    let mut draft = Draft::new(&directory, path.to_str()?).ok()?;
    draft.add(text.as_bytes()).ok()?;
    let (owner, group) = (Owner::Id(geteuid().as_raw()), Owner::Id(getegid().as_raw()));
    draft.complete(&Attributes { owner, group, mode: 0o600 }).ok()?;
    draft.place().ok()
}

/// One file a path: what was known of another URL is of no use any more.
fn place(state_dir: &Path, spec: &RemoteFileSpec) -> PathBuf {
    state_dir.join("downloads").join(HEXLOWER.encode(&Sha256::digest(&spec.path)))
}

/// Tells requests from one another, without saying the passwords in them.
fn request(spec: &RemoteFileSpec) -> String {
    let mut hash = Sha256::new_with_prefix(&spec.source);
    for (name, value) in &spec.headers {
        hash.update(format!("\n{name}: {value}"));
    }
    HEXLOWER.encode(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_known_for_the_same_request_alone() {
        let state = tempfile::tempdir().unwrap();
        let spec = RemoteFileSpec {
            path: "/srv/a".into(),
            source: "https://example.org/?token=secret".into(),
            headers: vec![("Authorization".into(), "Bearer secret".into())],
            ..RemoteFileSpec::default()
        };
        let known = Known { etag: Some("W/\"a b\"".into()), modified: None, sha256: "00ff".into() };
        assert_eq!(Known::read(state.path(), &spec), None);
        known.keep(state.path(), &spec);
        assert_eq!(Known::read(state.path(), &spec), Some(known.clone()));
        let other = RemoteFileSpec { headers: vec![], ..spec.clone() };
        assert_eq!(Known::read(state.path(), &other), None);
        let other = RemoteFileSpec { source: "https://example.org/".into(), ..spec.clone() };
        assert_eq!(Known::read(state.path(), &other), None);
        let newer = Known { modified: Some("Tue, 01 Jul 2025 00:00:00 GMT".into()), ..known };
        newer.keep(state.path(), &other);
        assert_eq!(Known::read(state.path(), &other), Some(newer));
        let entries: Vec<_> = fs::read_dir(state.path().join("downloads")).unwrap().collect();
        assert_eq!(entries.len(), 1);
        let text = fs::read_to_string(entries[0].as_ref().unwrap().path()).unwrap();
        assert!(!text.contains("secret"), "{text}");
    }
}
