//! Puts a new release beside the others.

use std::{collections::HashMap, io::Read};

use engine_protocol::{
    ContentHash, FromAgent, Mode, Piece,
    content::{BATCH_BYTES, BATCH_PIECES},
    resource::{Access, NewRelease, ReleaseContent, Shared, TreeEntry},
    shown_size,
};
use flate2::read::ZlibDecoder;
use rustix::fs::{renameat, syncfs};

use super::{
    ReleaseError,
    build::{self, Draft, SHARED, Writing},
    index::{self, ABOUT, Known, RELEASES, Release, Standing, partial},
    key,
    source::{self, Amount, Sources},
};
use crate::{
    files::{
        FileError,
        attributes::{self, Attributes, Owner},
        directory, failed,
        state::{self, State},
        tree::{self, Root},
    },
    overlay::Prediction,
    provider::{Check, Context, Error, done, property},
};

/// Checks whether a release is the current one already.
pub fn check<'r>(
    path: &'r str,
    new: &'r NewRelease,
    known: Known,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let (owner, group) = owners(path, new, context)?;
    build::check_paths(
        new.shared.iter().flat_map(|shared| [Some(shared.name.as_str()), shared.link.as_deref()]).flatten(),
    )?;
    let (entries, directory) = match &new.content {
        ReleaseContent::Tree(entries) => (entries.clone(), None),
        ReleaseContent::Directory(directory) => {
            if context.mode == Mode::Plan
                && let Some(because) = context.overlay.tree(directory)
            {
                return Ok(Check::Unknown(because.to_owned()));
            }
            (source::walk(&mut Root::open(context, directory)?)?, Some(directory.as_str()))
        }
    };
    build::check_paths(build::paths(&entries))?;
    let digest = match directory {
        Some(_) => with_tree(new.digest, &entries),
        None => new.digest,
    };
    if known
        .current()
        .is_some_and(|current| current.digest == digest && current.standing == Standing::Settled)
    {
        return Ok(Check::UpToDate);
    }
    if known.find(&new.name).is_some_and(|put| put.digest == digest) {
        return Ok(Check::Skipped("an earlier attempt of the run has put it".to_owned()));
    }
    let (all, missing) = match directory {
        Some(_) => (Amount::of(&entries, &Sources::default()).0, Amount::default()),
        None => Amount::of(&entries, &Sources::of(known.releases.iter())),
    };
    let changes = vec![
        done(&format!("put release {}", new.name)),
        property("revision", known.current().map(|old| old.revision.clone()), Some(new.revision.clone())),
        done(&format!(
            "{} files, {}; {} files, {} to send",
            all.files,
            shown_size(all.bytes),
            missing.files,
            shown_size(missing.bytes)
        )),
    ];
    let predictions = predict(path, &new.name, context)?;
    let release = Release {
        name: new.name.clone(),
        revision: new.revision.clone(),
        digest,
        standing: Standing::Put,
        entries,
    };
    Ok(Check::differs(changes, predictions, move |context| {
        let put = Put { path, shared: &new.shared, release, owner, group, directory };
        match put.apply(known, context) {
            Ok(()) => Ok(Vec::new()),
            Err(error) => {
                // What is left is taken away before the next release at the latest.
                let _ = clear(context, path, &new.name);
                Err(error)
            }
        }
    }))
}

/// What would be there: directories, and a release of which nobody knows what hooks make of it.
fn predict(path: &str, name: &str, context: &mut Context<'_>) -> Result<Vec<Prediction>, FileError> {
    let release = format!("{path}/{RELEASES}/{name}");
    let mut predictions = vec![Prediction::Value(key(path, name), None)];
    let ends = path.match_indices('/').map(|(index, _)| index).skip(1).chain([path.len()]);
    let above = ends.map(|end| path[..end].to_owned());
    for directory in above.chain([format!("{path}/{RELEASES}"), format!("{path}/{SHARED}"), release.clone()])
    {
        if matches!(state::look(context, &directory)?, State::Absent | State::NoParent(_)) {
            let attributes = Attributes { owner: agent().0, group: agent().1, mode: 0o755 };
            predictions.push(Prediction::Path(directory, State::Directory { attributes, fresh: true }));
        }
    }
    predictions.push(Prediction::Tree(release));
    Ok(predictions)
}

/// A digest of what is wanted and of a tree that only the node knows.
fn with_tree(digest: ContentHash, entries: &[TreeEntry]) -> ContentHash {
    use sha2::{Digest, Sha256};
    let text = serde_json::to_vec(entries).unwrap_or_default();
    ContentHash(Sha256::new().chain_update(digest.0).chain_update(text).finalize().into())
}

fn owners(path: &str, new: &NewRelease, context: &mut Context<'_>) -> Result<(Owner, Owner), FileError> {
    let access = Access { owner: new.owner.clone(), group: new.group.clone(), mode: None };
    let Attributes { owner, group, .. } = attributes::wanted(context, path, &access, None, 0o755)?;
    Ok((owner, group))
}

/// Deletes what is left of drafts, and the release of this name unless it is the current one.
pub fn clear(context: &mut Context<'_>, path: &str, name: &str) -> Result<(), ReleaseError> {
    let known = Known::read(context, path)?;
    let Some(mut app) = index::open(context, path)? else { return Ok(()) };
    for tree in &known.debris.trees {
        build::delete(&mut app, RELEASES, tree)?;
    }
    for file in &known.debris.files {
        index::forget_file(&mut app, file)?;
    }
    if known.find(name).is_some() && known.current.as_deref() != Some(name) {
        build::take_away(&mut app, name)?;
    }
    Ok(())
}

struct Put<'r> {
    path: &'r str,
    shared: &'r [Shared],
    release: Release,
    owner: Owner,
    group: Owner,
    /// From where on the node it comes, if not from the controller.
    directory: Option<&'r str>,
}

impl Put<'_> {
    fn apply(self, mut known: Known, context: &mut Context<'_>) -> Result<(), Error> {
        let (path, name) = (self.path, &self.release.name);
        make_all(context, path)?;
        clear(context, path, name)?;
        known.releases.retain(|release| release.name != *name);
        let mut app = Root::open(context, path)?;
        self.lay_out(&mut app)?;
        let draft = format!("{RELEASES}/{}", partial(name));
        app.make(&draft)?;
        let root = Root::open(context, &app.full(&draft))?;
        let mut draft = Draft { root, owner: self.owner.clone(), group: self.group.clone() };
        self.fill(&mut draft, &known, context)?;
        for shared in self.shared {
            if let Some(link) = &shared.link {
                draft.link(link, &app.full(&format!("{SHARED}/{}", shared.name)))?;
            }
        }
        draft.open_up()?;
        let handle = tree::open(index::handle(&app, path)?, c".", path)?;
        syncfs(&handle).map_err(failed("sync", path))?;
        index::write(&mut app, &self.release)?;
        let releases =
            app.directory(RELEASES)?.ok_or_else(|| FileError::Changed { path: app.full(RELEASES) })?;
        renameat(&*releases, partial(name), &*releases, name.as_str())
            .map_err(failed("put in place", &app.full(&format!("{RELEASES}/{name}"))))?;
        crate::files::write::sync_directory(tree::open(&*releases, c".", path)?, path)?;
        // Their files could be of use until now.
        for failed in known.releases.iter().filter(|release| known.never_served(release)) {
            build::take_away(&mut app, &failed.name)?;
        }
        Ok(())
    }

    /// Makes the directories that all releases are in or share.
    fn lay_out(&self, app: &mut Root) -> Result<(), ReleaseError> {
        let root = |mode| Attributes { owner: agent().0, group: agent().1, mode };
        build::ensure(app, RELEASES, &root(0o755))?;
        build::ensure(app, ABOUT, &root(0o700))?;
        build::ensure(app, SHARED, &root(0o755))?;
        let own = Attributes { owner: self.owner.clone(), group: self.group.clone(), mode: 0o755 };
        for shared in self.shared {
            let path = format!("{SHARED}/{}", shared.name);
            if !shared.file {
                build::ensure(app, &path, &own)?;
                continue;
            }
            build::ensure(app, path.rsplit_once('/').map_or(SHARED, |(above, _)| above), &own)?;
            let (directory, file) = path.rsplit_once('/').unwrap_or((SHARED, &shared.name));
            let names = app.names(directory)?;
            if !names.iter().any(|name| name.as_bytes() == file.as_bytes()) {
                return Err(ReleaseError::NotShared { path: app.full(&path) });
            }
        }
        Ok(())
    }

    /// Puts all entries in the draft.
    fn fill(&self, draft: &mut Draft, known: &Known, context: &mut Context<'_>) -> Result<(), Error> {
        let mut missing = Missing::default();
        let mut roots = Vec::new();
        let sources = if let Some(directory) = self.directory {
            roots.push(Root::open(context, directory)?);
            Sources::of(std::iter::once(&self.release))
        } else {
            // The current release first: most is in it.
            let (current, others): (Vec<_>, Vec<_>) = known
                .releases
                .iter()
                .rev()
                .partition(|release| known.current.as_deref() == Some(&release.name));
            let kept = || current.iter().chain(&others).copied();
            for release in kept() {
                roots.push(Root::open(context, &format!("{}/{RELEASES}/{}", self.path, release.name))?);
            }
            Sources::of(kept())
        };
        for entry in &self.release.entries {
            if (context.stopping)() {
                return Err(Error::Stopped);
            }
            match entry {
                TreeEntry::Directory { path } => draft.directory(path)?,
                TreeEntry::Link { path, to } => draft.link(path, to)?,
                TreeEntry::File { path, hash, size, executable } => {
                    let content = (*hash, *size);
                    let mut copied = *size == 0 && {
                        let empty = draft.begin(path, *executable)?;
                        draft.end(empty, *hash, 0)?
                    };
                    for (position, source) in sources.find(*hash) {
                        copied = copied
                            || draft.copy(&mut roots[*position], source, path, *executable, content)?;
                    }
                    if !copied {
                        missing.add(content, path, *executable);
                    }
                }
            }
        }
        match self.directory {
            Some(directory) if !missing.wanted.is_empty() => {
                Err(FileError::Changed { path: directory.to_owned() }.into())
            }
            _ => missing.fetch(draft, context),
        }
    }
}

/// A content, its size, and the paths that it belongs at, with whether it may be run there.
type Wanted = (ContentHash, u64, Vec<(String, bool)>);

/// Content that is to come from the controller.
#[derive(Default)]
struct Missing {
    /// In order, each once.
    wanted: Vec<Wanted>,
    position: HashMap<ContentHash, usize>,
}

impl Missing {
    fn add(&mut self, (hash, size): (ContentHash, u64), path: &str, executable: bool) {
        let place = (path.to_owned(), executable);
        if let Some(position) = self.position.get(&hash) {
            self.wanted[*position].2.push(place);
        } else {
            self.position.insert(hash, self.wanted.len());
            self.wanted.push((hash, size, vec![place]));
        }
    }

    /// Asks for all of it, a batch at a time, and puts it in the draft.
    fn fetch(&self, draft: &mut Draft, context: &mut Context<'_>) -> Result<(), Error> {
        let mut writing: Option<Writing> = None;
        for batch in self.batches() {
            if (context.stopping)() {
                return Err(Error::Stopped);
            }
            let content = ask(&batch, context)?;
            let mut rest = content.as_slice();
            for piece in &batch {
                let (bytes, left) = rest.split_at(piece.length as usize);
                rest = left;
                let (_, size, places) = &self.wanted[self.position[&piece.hash]];
                let (path, executable) = &places[0];
                let mut file = match writing.take() {
                    Some(file) if piece.offset > 0 => file,
                    _ => draft.begin(path, *executable)?,
                };
                draft.add(&mut file, bytes)?;
                if piece.offset + u64::from(piece.length) < *size {
                    writing = Some(file);
                    continue;
                }
                let damaged = || ReleaseError::Damaged { path: path.clone() };
                if !draft.end(file, piece.hash, *size)? {
                    return Err(damaged().into());
                }
                for (copy, executable) in &places[1..] {
                    if !draft.copy_within(path, copy, *executable, (piece.hash, *size))? {
                        return Err(damaged().into());
                    }
                }
            }
        }
        Ok(())
    }

    /// Cuts all that is missing in questions.
    fn batches(&self) -> Vec<Vec<Piece>> {
        let mut batches: Vec<Vec<Piece>> = Vec::new();
        let mut room = 0;
        for (hash, size, _) in &self.wanted {
            let mut offset = 0;
            while offset < *size {
                if room == 0 || batches.last().is_none_or(|batch| batch.len() >= BATCH_PIECES) {
                    batches.push(Vec::new());
                    room = BATCH_BYTES;
                }
                let length = room.min(size - offset);
                if let (Some(batch), Ok(length)) = (batches.last_mut(), u32::try_from(length)) {
                    batch.push(Piece { hash: *hash, offset, length });
                }
                room -= length;
                offset += length;
            }
        }
        batches
    }
}

fn ask(pieces: &[Piece], context: &mut Context<'_>) -> Result<Vec<u8>, Error> {
    let expected: u64 = pieces.iter().map(|piece| u64::from(piece.length)).sum();
    let question = FromAgent::Wanted { pieces: pieces.to_vec() };
    let packed = context.reporter.ask(&question, context.stopping)?;
    let mut content = Vec::new();
    let read = ZlibDecoder::new(packed.as_slice()).take(expected + 1).read_to_end(&mut content);
    match read {
        Ok(_) if content.len() as u64 == expected => Ok(content),
        _ => Err(ReleaseError::NotSent { reason: "what came cannot be unpacked".to_owned() }.into()),
    }
}

/// The agent's own identity.
fn agent() -> (Owner, Owner) {
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    (Owner::Id(user.as_raw()), Owner::Id(group.as_raw()))
}

/// Makes a directory with those above it.
fn make_all(context: &mut Context<'_>, path: &str) -> Result<(), FileError> {
    let attributes = Attributes { owner: agent().0, group: agent().1, mode: 0o755 };
    for end in path.match_indices('/').map(|(index, _)| index).skip(1).chain([path.len()]) {
        let directory = &path[..end];
        if matches!(state::look(context, directory)?, State::Absent) {
            directory::make(context, directory, &attributes)?;
        }
    }
    Ok(())
}
