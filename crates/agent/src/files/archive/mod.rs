//! The provider of archives.
//!
//! Whether an archive is unpacked is seen by comparing all of it with what is there, content included: there is no mark
//! that somebody could forget to remove. What is compared is what is written, by the same reader ([`read`]), so an
//! archive with anything in it that must not be unpacked changes nothing at all.

use engine_protocol::{Action, Mode, Resource, resource::ArchiveSpec};

use super::{
    FileError,
    attributes::{self, Attributes},
    body::Body,
    state::{State, look, wrong_kind},
    tree::{self, Root},
};
use crate::{
    overlay::Prediction,
    provider::{Check, Context, Error, digest, done, unsupported},
};

mod compare;
mod entry;
mod error;
mod read;
mod unpack;
mod zip;
mod zstd;

use compare::{Compared, Item, Work, compare};
use entry::Kind;
pub use error::{ArchiveError, Problem};
use read::Archive;

/// So many of the entries that are written are named.
const NAMED: usize = 5;

/// Checks it.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r ArchiveSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    if action != Action::Extract {
        return Err(unsupported(resource, action));
    }
    let body = match look(context, &spec.source)? {
        State::File { body, .. } => body,
        State::Absent | State::NoParent(_) => return missing_source(spec, context),
        other => return Err(wrong_kind(&spec.source, &other, "file").into()),
    };
    let state = look(context, &spec.path)?;
    let (mut root, new) = match &state {
        State::Directory { fresh: false, .. } => (Root::open(context, &spec.path)?, None),
        State::Directory { fresh: true, .. } => (Root::fresh(&spec.path), None),
        State::Absent => {
            let default = context.default_mode(0o777);
            let attributes = attributes::wanted(context, &spec.path, &spec.access, None, default)?;
            (Root::fresh(&spec.path), Some(attributes))
        }
        State::NoParent(_) if context.opaque().is_some() => {
            return Ok(Check::Unknown(context.opaque().unwrap_or_default()));
        }
        other => return Err(wrong_kind(&spec.path, other, "directory").into()),
    };
    let compared = compare(&archive(spec, &body, context), spec, &mut root, context)?;
    let mut changes = Vec::new();
    if new.is_some() {
        changes.push(done("created"));
    }
    changes.extend(told(&compared).map(|told| done(&told)));
    if changes.is_empty() {
        return Ok(Check::UpToDate);
    }
    let (predictions, hidden) = if context.mode == Mode::Plan {
        let predictions = predictions(&resource.to_string(), spec, &compared, new.as_ref());
        (predictions, Some(hidden(&compared, &body.sha256(&spec.source)?)))
    } else {
        (Vec::new(), None)
    };
    Ok(Check::differs(changes, predictions, move |context| {
        let archive = archive(spec, &body, context);
        unpack::unpack(&archive, spec, &compared, new.as_ref(), context)?;
        Ok(Vec::new())
    })
    .hiding(hidden))
}

/// What of the archive is to be written: not only the entries that are named.
fn hidden(compared: &Compared, archive: &str) -> u64 {
    let work: Vec<_> =
        compared.items.iter().map(|(path, item)| (path, item.work, &item.attributes)).collect();
    digest(format!("{archive} {work:?}"))
}

fn archive<'a>(spec: &'a ArchiveSpec, body: &'a Body, context: &Context<'_>) -> Archive<'a> {
    let strip = usize::try_from(spec.strip_components).unwrap_or(usize::MAX);
    Archive { path: &spec.source, body, strip, deadline: context.deadline }
}

/// Who could bring an archive that is not there.
fn missing_source<'r>(spec: &ArchiveSpec, context: &mut Context<'_>) -> Result<Check<'r>, Error> {
    match context.opaque() {
        Some(because) => Ok(Check::Unknown(because)),
        None => Err(FileError::Archive { path: spec.source.clone(), error: ArchiveError::Missing }.into()),
    }
}

/// How many entries are written, and the first of them.
fn told(compared: &Compared) -> Option<String> {
    let names: Vec<&str> = compared
        .items
        .iter()
        .filter(|(_, item)| item.work.is_some())
        .map(|(path, _)| path.as_str())
        .chain(compared.above.iter().map(|(path, _)| path.as_str()))
        .collect();
    let named = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    let more = if names.len() > NAMED { ", …" } else { "" };
    let all = compared.items.len().max(names.len());
    (!names.is_empty()).then(|| format!("unpacked {} of {all} entries: {named}{more}", names.len()))
}

fn predictions(
    resource: &str,
    spec: &ArchiveSpec,
    compared: &Compared,
    new: Option<&Attributes>,
) -> Vec<Prediction> {
    let at = |path: &str, state| Prediction::Path(tree::full(&spec.path, path), state);
    let made = |attributes: &Attributes| State::Directory { attributes: attributes.clone(), fresh: true };
    let top = new.map(|attributes| at("", made(attributes)));
    let above = compared.above.iter().map(|(path, attributes)| at(path, made(attributes)));
    let changed = compared.items.iter().filter(|(_, item)| item.work.is_some());
    let items = changed.filter_map(|(path, item)| Some(at(path, predicted(resource, item, compared)?)));
    top.into_iter().chain(above).chain(items).collect()
}

/// What would be there of an item.
fn predicted(resource: &str, item: &Item, compared: &Compared) -> Option<State> {
    match &item.kind {
        Kind::Directory { .. } => {
            let fresh = matches!(item.work, Some(Work::Make { .. }));
            Some(State::Directory { attributes: item.attributes.clone()?, fresh })
        }
        Kind::File { .. } => {
            let body = match &item.content {
                Some(content) => Body::Bytes(content.as_slice().into()),
                None => Body::Unforeseen(resource.into()),
            };
            Some(State::File { attributes: item.attributes.clone()?, body, links: 1 })
        }
        Kind::Link { to } => Some(State::Link(to.clone())),
        Kind::HardLink { to } => match predicted(resource, compared.items.get(to)?, compared)? {
            State::File { attributes, body, .. } => Some(State::File { attributes, body, links: 2 }),
            _ => None,
        },
    }
}
