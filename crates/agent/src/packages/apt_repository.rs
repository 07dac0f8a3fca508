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
        if wanted && spec.key.is_some() {
            directory(context, KEYRINGS)?;
        }
        for (_, file) in &files {
            file.put(context)?;
        }
        apt::wait_for_lock(resource, context)?;
        apt::update(context)?;
        Ok(Vec::new())
    }))
}

/// The changes of one of the files, which a line before them names.
fn named(label: &str, changes: Vec<Change>) -> Vec<Change> {
    [done(label)].into_iter().chain(changes).collect()
}

fn files(spec: &AptRepositorySpec, wanted: bool, codename: &str) -> Vec<(&'static str, Managed)> {
    let path = format!("{SOURCES}/{}.sources", spec.name);
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
    use engine_protocol::resource::Content;

    use super::*;

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
