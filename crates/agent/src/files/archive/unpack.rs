//! Writes what of an archive is not there yet.

use std::{collections::HashMap, io::Read};

use engine_protocol::resource::ArchiveSpec;

use super::{
    compare::{Compared, Work},
    entry::Kind,
    error::ArchiveError,
    read::{Archive, Content},
};
use crate::{
    files::{
        attributes::{self, Attributes},
        body::Body,
        directory,
        state::{State, wrong_kind},
        tree::Root,
        write::{Batch, Draft},
    },
    provider::{Context, Error},
};

/// Content is written in pieces of this size.
const CHUNK_BYTES: usize = 64 * 1024;

/// Makes what is below the directory as it is in the archive. The directory itself is made if attributes are given.
pub(super) fn unpack(
    archive: &Archive<'_>,
    spec: &ArchiveSpec,
    compared: &Compared,
    new: Option<&Attributes>,
    context: &mut Context<'_>,
) -> Result<(), Error> {
    if let Some(attributes) = new {
        directory::make(context, &spec.path, attributes)?;
    }
    let mut root = Root::open(context, &spec.path)?;
    make_directories(compared, &mut root)?;

    let work = compared.items.iter().filter(|(_, item)| item.work.is_some());
    let by_ordinal: HashMap<u64, _> = work.map(|(path, item)| (item.ordinal, (path, item))).collect();
    let mut batch = Batch::default();
    archive.each(&mut |ordinal, entry, content| {
        let Some((path, item)) = by_ordinal.get(&ordinal) else { return Ok(()) };
        if entry.path != **path || entry.kind != item.kind {
            return Err(archive.error(ArchiveError::Changed));
        }
        match (&item.kind, item.work, &item.attributes) {
            (Kind::File { modified, .. }, Some(Work::Write), Some(attributes)) => {
                let mut draft = Draft::new(&root.parent(path)?, &root.full(path))?;
                copy(archive, content, &mut draft)?;
                if let Some(seconds) = modified {
                    draft.set_modified(*seconds)?;
                }
                batch.add(draft, attributes)?;
            }
            (Kind::File { .. }, Some(Work::Give), Some(attributes)) => {
                give(&mut root, path, attributes, context)?;
            }
            (Kind::Link { to }, ..) => root.replace_link(path, to)?,
            _ => {}
        }
        Ok(())
    })?;
    batch.place()?;
    for (path, item) in by_ordinal.values() {
        if let Kind::HardLink { to } = &item.kind {
            root.replace_name(path, to)?;
        }
    }
    give_directories(compared, &mut root)?;
    root.finish(batch)?;
    Ok(())
}

fn make_directories(compared: &Compared, root: &mut Root) -> Result<(), Error> {
    let new = compared.items.iter().filter_map(|(path, item)| match item.work {
        Some(Work::Make { replaces }) => Some((path.as_str(), replaces)),
        _ => None,
    });
    let mut all: Vec<(&str, bool)> =
        compared.above.iter().map(|(path, _)| (path.as_str(), false)).chain(new).collect();
    // The outer ones first.
    all.sort_unstable();
    for (path, replaces) in all {
        if replaces {
            root.unlink(path)?;
        }
        root.make(path)?;
    }
    Ok(())
}

/// Gives directories owner and mode, the inner ones first: one may lose the permission to be worked in.
fn give_directories(compared: &Compared, root: &mut Root) -> Result<(), Error> {
    let listed = compared.items.iter().filter_map(|(path, item)| match (&item.kind, &item.work) {
        (Kind::Directory { .. }, Some(_)) => Some((path, item.attributes.as_ref()?)),
        _ => None,
    });
    let mut all: Vec<(&String, &Attributes)> =
        compared.above.iter().map(|(path, attributes)| (path, attributes)).chain(listed).collect();
    all.sort_unstable_by(|(one, _), (other, _)| other.cmp(one));
    for (path, attributes) in all {
        root.set_attributes(path, attributes)?;
    }
    Ok(())
}

fn copy(archive: &Archive<'_>, content: &mut Content<'_>, draft: &mut Draft) -> Result<(), Error> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match content.read(&mut chunk).map_err(archive.damaged())? {
            0 => return Ok(()),
            count => draft.add(&chunk[..count])?,
        }
    }
}

fn give(
    root: &mut Root,
    path: &str,
    attributes: &Attributes,
    context: &mut Context<'_>,
) -> Result<(), Error> {
    match root.look(context, path)? {
        State::File { body: Body::OnDisk(file, _), .. } => {
            attributes::set(&*file, &root.full(path), attributes)?;
            Ok(())
        }
        state => Err(wrong_kind(&root.full(path), &state, "file").into()),
    }
}
