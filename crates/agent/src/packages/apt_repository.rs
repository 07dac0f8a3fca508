//! The provider of repositories for apt: a deb822 file (sources.list(5)) and the key that signs it.

use std::fmt::Write as _;

use engine_protocol::{Action, Change, Resource, resource::AptRepositorySpec};

use super::{PackageError, apt};
use crate::{
    files::managed::{Managed, directory},
    overlay::Prediction,
    provider::{Check, Context, Error, done, unsupported},
};

const SOURCES: &str = "/etc/apt/sources.list.d";
const KEYRINGS: &str = "/etc/apt/keyrings";

/// Checks a repository.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r AptRepositorySpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let manager = &context.node.facts.package_manager;
    if manager != "apt" {
        let manager = manager.clone();
        return Err(PackageError::OtherManager { kind: "apt_repository", wanted: "apt", manager }.into());
    }
    let wanted = match action {
        Action::Add => true,
        Action::Remove => false,
        _ => return Err(unsupported(resource, action)),
    };
    let files = files(spec, wanted, &context.node.facts.platform.codename);
    let (mut changes, mut predictions) = (Vec::new(), Vec::new());
    for (label, file) in &files {
        if let Some((parts, foreseen)) = file.compare(context)? {
            changes.extend(named(label, parts));
            predictions.extend(foreseen);
        }
    }
    if changes.is_empty() {
        return Ok(Check::UpToDate);
    }
    // Which versions there are from now on, nobody knows before the lists are fetched.
    predictions.push(Prediction::Anything);
    Ok(Check::differs(changes, predictions, move |context| {
        let files: Vec<Managed> = files.into_iter().map(|(_, file)| file).collect();
        if !wanted {
            // apt goes by no list of a repository that it does not have.
            return files.iter().try_for_each(|file| file.put(context)).map(|()| Vec::new());
        }
        if spec.key.is_some() {
            directory(context, KEYRINGS)?;
        }
        apt::wait_for_lock(resource, context)?;
        put_or_take_back(&files, context, |context| fetch(&spec.name, context))?;
        Ok(Vec::new())
    }))
}

/// Fetches the lists. Another repository that is down is no fault of this one: it was so before, and shall be no reason
/// to take this one back.
fn fetch(name: &str, context: &mut Context<'_>) -> Result<(), Error> {
    if apt::update(context).is_ok() {
        return Ok(());
    }
    let failed = |source| PackageError::Repository { name: name.to_owned(), source: Box::new(source) };
    Ok(apt::update_one(&path(name), context).map_err(failed)?)
}

/// Puts files in place and uses them. What cannot be used is taken back, so that the next run finds the difference again.
fn put_or_take_back(
    files: &[Managed],
    context: &mut Context<'_>,
    uses: impl FnOnce(&mut Context<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut before = Vec::new();
    for file in files {
        before.push(file.before(context)?);
    }
    let put = || {
        files.iter().try_for_each(|file| file.put(context))?;
        uses(context)
    };
    let Err(error) = put() else { return Ok(()) };
    // What needs the key goes before it.
    before.iter().rev().try_for_each(|file| file.put(context))?;
    Err(error)
}

/// The changes of one of the files, which a line before them names.
fn named(label: &str, changes: Vec<Change>) -> Vec<Change> {
    [done(label)].into_iter().chain(changes).collect()
}

fn files(spec: &AptRepositorySpec, wanted: bool, codename: &str) -> Vec<(&'static str, Managed)> {
    let path = path(&spec.name);
    let (binary, armoured) = (key_path(spec, "gpg"), key_path(spec, "asc"));
    let mut files = Vec::new();
    let key = spec.key.as_ref().filter(|_| wanted);
    for (path, of_this_kind) in [(&binary, false), (&armoured, true)] {
        files.push(match key {
            Some(key) if is_armoured(&key.0) == of_this_kind => {
                ("key", Managed::present(path, key.0.clone(), 0o644))
            }
            _ => ("key", Managed::absent(path)),
        });
    }
    // The key before what needs it, and gone after it.
    let source =
        if wanted { Managed::present(&path, source(spec, codename), 0o644) } else { Managed::absent(&path) };
    if wanted {
        files.push(("source", source));
    } else {
        files.insert(0, ("source", source));
    }
    files
}

fn path(name: &str) -> String {
    format!("{SOURCES}/{name}.sources")
}

fn key_path(spec: &AptRepositorySpec, extension: &str) -> String {
    format!("{KEYRINGS}/{}.{extension}", spec.name)
}

fn is_armoured(key: &[u8]) -> bool {
    key.starts_with(b"-----BEGIN PGP")
}

/// The deb822 stanza.
fn source(spec: &AptRepositorySpec, codename: &str) -> String {
    let suite = if spec.distribution.is_empty() { codename } else { &spec.distribution };
    let mut text = format!("Types: deb\nURIs: {}\nSuites: {suite}\n", spec.uri);
    if !spec.components.is_empty() {
        let _ = writeln!(text, "Components: {}", spec.components.join(" "));
    }
    if !spec.architectures.is_empty() {
        let _ = writeln!(text, "Architectures: {}", spec.architectures.join(" "));
    }
    if let Some(key) = &spec.key {
        let extension = if is_armoured(&key.0) { "asc" } else { "gpg" };
        let _ = writeln!(text, "Signed-By: {}", key_path(spec, extension));
    }
    if spec.trusted {
        text += "Trusted: yes\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use engine_protocol::{Mode, resource::Content};

    use super::*;
    use crate::{overlay::Overlay, provider::tests::with_context};

    #[test]
    fn files_that_cannot_be_used_are_as_they_were() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name).display().to_string();
        let (key, other, source) = (path("key.gpg"), path("key.asc"), path("x.sources"));
        fs::write(&other, "old key").unwrap();
        fs::write(&source, "old").unwrap();
        let files = [
            Managed::present(&key, "key", 0o644),
            Managed::absent(&other),
            Managed::present(&source, "new", 0o644),
        ];
        let read = |path: &str| fs::read_to_string(path).ok();
        with_context(Mode::Apply, &Overlay::default(), |context| {
            for _ in 0..2 {
                let result = put_or_take_back(&files, context, |_| {
                    assert_eq!((read(&key).as_deref(), read(&other)), (Some("key"), None));
                    assert_eq!(read(&source).as_deref(), Some("new"));
                    Err(Error::Stopped)
                });
                assert!(matches!(result, Err(Error::Stopped)));
                assert_eq!((read(&key), read(&other).as_deref()), (None, Some("old key")));
                assert_eq!(read(&source).as_deref(), Some("old"));
                assert!(files[2].compare(context).unwrap().is_some());
            }
            put_or_take_back(&files, context, |_| Ok(())).unwrap();
            assert_eq!(read(&source).as_deref(), Some("new"));
        });
    }

    #[test]
    fn a_source_is_a_stanza_of_deb822() {
        let spec = AptRepositorySpec {
            name: "nginx".into(),
            uri: "https://nginx.org/packages/debian/".into(),
            components: vec!["nginx".into()],
            key: Some(Content(b"-----BEGIN PGP PUBLIC KEY BLOCK-----".to_vec())),
            ..AptRepositorySpec::default()
        };
        assert_eq!(
            source(&spec, "bookworm"),
            "Types: deb\nURIs: https://nginx.org/packages/debian/\nSuites: bookworm\nComponents: nginx\n\
             Signed-By: /etc/apt/keyrings/nginx.asc\n"
        );
        let flat = AptRepositorySpec {
            uri: "file:///srv/repo".into(),
            distribution: "./".into(),
            trusted: true,
            ..AptRepositorySpec::default()
        };
        assert_eq!(
            source(&flat, "bookworm"),
            "Types: deb\nURIs: file:///srv/repo\nSuites: ./\nTrusted: yes\n"
        );
    }
}
