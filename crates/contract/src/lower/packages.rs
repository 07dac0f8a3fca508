//! Packages and repositories.

use engine_protocol::{
    Action, Spec,
    resource::{AptRepositorySpec, Content, PackageSpec, PackageUpdateSpec, YumRepositorySpec},
};

use super::{Declared, Lowered, checks, invalid, missing, plain};
use crate::collector::Sources;

pub(super) fn package(declared: &Declared<'_>) -> Lowered<Spec> {
    let names = declared.identity_texts();
    if names.is_empty() {
        return Err(invalid("names", "name at least one package"));
    }
    names.iter().try_for_each(|name| plain("names", name))?;
    let (version, source) = (declared.plain("version")?, declared.absolute("source")?);
    for (property, set) in [("version", version.is_some()), ("source", source.is_some())] {
        if set && names.len() > 1 {
            return Err(invalid(property, format!("a {property} goes with one name only")));
        }
    }
    Ok(Spec::Package(PackageSpec { names, version, source }))
}

pub(super) fn package_update(declared: &Declared<'_>) -> Spec {
    Spec::PackageUpdate(PackageUpdateSpec { security_only: declared.boolean("security_only") })
}

/// A URL of a repository; unlike other URLs it may be of a directory of the node.
fn place(declared: &Declared<'_>, property: &str) -> Lowered<Option<String>> {
    let Some(text) = declared.text(property) else { return Ok(None) };
    match text.strip_prefix("file://") {
        Some(path) => checks::absolute(property, path.strip_suffix('/').unwrap_or(path))?,
        None => checks::url(property, &with_path(&text))?,
    }
    checks::line(property, &text)?;
    Ok(Some(with_path(&text)))
}

/// `https://example.org` is `https://example.org/`.
fn with_path(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    if rest.contains('/') { url.to_owned() } else { format!("{url}/") }
}

fn key(declared: &Declared<'_>, sources: &mut dyn Sources) -> Lowered<Option<Content>> {
    match (declared.text("key"), declared.text("key_source")) {
        (Some(_), Some(_)) => Err(missing("key", "set `key` or `key_source`, not both")),
        (Some(text), None) => Ok(Some(Content(text.into_bytes()))),
        (None, Some(path)) => Ok(Some(Content(sources.file(&path)?))),
        (None, None) => Ok(None),
    }
}

pub(super) fn apt_repository(declared: &Declared<'_>, sources: &mut dyn Sources) -> Lowered<Spec> {
    let uri = place(declared, "uri")?;
    if uri.is_none() && declared.does(&[Action::Add]) {
        return Err(missing("uri", "say where the repository is"));
    }
    let distribution = declared.text("distribution").unwrap_or_default();
    let words = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    if !words(&distribution) {
        return Err(invalid("distribution", "no space may be in it"));
    }
    let components = declared.plain_texts("components")?;
    let components = if components.is_empty() && !distribution.ends_with('/') {
        vec!["main".to_owned()]
    } else {
        components
    };
    Ok(Spec::AptRepository(AptRepositorySpec {
        name: declared.file_name()?,
        uri: uri.unwrap_or_default(),
        distribution,
        components,
        architectures: declared.plain_texts("architectures")?,
        key: key(declared, sources)?,
        trusted: declared.boolean("trusted"),
    }))
}

pub(super) fn yum_repository(declared: &Declared<'_>, sources: &mut dyn Sources) -> Lowered<Spec> {
    let (baseurl, mirrorlist) = (place(declared, "baseurl")?, place(declared, "mirrorlist")?);
    let metalink = place(declared, "metalink")?;
    let places = [&baseurl, &mirrorlist, &metalink].into_iter().flatten().count();
    if places != 1 && declared.does(&[Action::Create]) {
        return Err(missing("baseurl", "set one of `baseurl`, `mirrorlist` and `metalink`"));
    }
    let gpgkey = declared.lines("gpgkey")?;
    for url in gpgkey.iter().filter(|url| !url.starts_with("file:///")) {
        checks::url("gpgkey", url)?;
    }
    Ok(Spec::YumRepository(YumRepositorySpec {
        name: declared.file_name()?,
        description: declared.line("description")?,
        baseurl,
        mirrorlist,
        metalink,
        gpgkey,
        key: key(declared, sources)?,
        gpgcheck: declared.boolean_or("gpgcheck", true),
        enabled: declared.boolean_or("enabled", true),
        priority: declared.number("priority")?,
    }))
}
