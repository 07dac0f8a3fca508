//! The provider of the releases of apps, which only engine itself declares.
//!
//! A release is put together beside the others under a name that is none, from files that kept releases have and from
//! what the controller sends ([`put`]), and renamed when all of it is on disk. Root owns the directory of releases and
//! what is known of them ([`index`]), so that the app's own user can neither forge a release nor lead the agent astray.

use engine_protocol::{
    Mode,
    resource::{ReleaseSpec, ReleaseStep},
};

use crate::{
    files::FileError,
    overlay::Prediction,
    provider::{Check, Context, Error, done, property},
    reporter::Unanswered,
};

mod build;
mod index;
mod put;
mod source;

use index::{ABOUT, CURRENT, Known, RELEASES, Release, Standing};

/// Why a release could not be put, made current, gone back to or taken away.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// A file or directory.
    #[error(transparent)]
    File(#[from] FileError),
    /// `current` is not ours to replace.
    #[error("`{path}` is no symbolic link, so no release can become the current one; move it away")]
    CurrentIsNoLink {
        /// The path.
        path: String,
    },
    /// There is no such release.
    #[error("`{path}` keeps no release `{name}` that was deployed whole; it keeps {kept}")]
    NoSuchRelease {
        /// The app's directory.
        path: String,
        /// The name.
        name: String,
        /// Those that are there.
        kept: String,
    },
    /// There is nothing before the current release.
    #[error(
        "`{path}` keeps no release before the current one to go back to{current}; nothing was changed. It keeps {kept}"
    )]
    NoEarlierRelease {
        /// The app's directory.
        path: String,
        /// The current one.
        current: String,
        /// Those that are there.
        kept: String,
    },
    /// A path in a tree leads out of it.
    #[error("the app has a file `{path}`, which is no path below its directory")]
    Outside {
        /// The path.
        path: String,
    },
    /// A file that is to be shared is not there.
    #[error(
        "`{path}` is missing, which the releases share; put it there first, for example in a setup recipe"
    )]
    NotShared {
        /// Where it is to be.
        path: String,
    },
    /// The controller has not what it promised.
    #[error("the controller cannot send the files of the release: {reason}; nothing was put in place")]
    NotSent {
        /// Why.
        reason: String,
    },
    /// What came is not what was asked for.
    #[error(
        "what the controller sent of `{path}` is not the file that it announced; nothing was put in place"
    )]
    Damaged {
        /// The file.
        path: String,
    },
}

impl ReleaseError {
    /// Whether the message may quote what a sensitive resource hides.
    pub fn may_quote(&self) -> bool {
        match self {
            ReleaseError::File(error) => error.may_quote(),
            _ => false,
        }
    }
}

impl From<Unanswered> for Error {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Stopped => Error::Stopped,
            Unanswered::Refused(reason) => ReleaseError::NotSent { reason }.into(),
        }
    }
}

/// Checks a step in the life of a release.
pub fn check<'r>(spec: &'r ReleaseSpec, context: &mut Context<'_>) -> Result<Check<'r>, Error> {
    let path = &spec.path;
    let known = Known::read(context, path)?;
    match &spec.step {
        ReleaseStep::Put(new) => put::check(path, new, known, context),
        ReleaseStep::Activate { release } => activate(path, release, &known, context),
        ReleaseStep::Settle { release, keep } => Ok(settle(path, release, *keep, known)),
        ReleaseStep::Discard { release } => Ok(discard(path, release, &known)),
        ReleaseStep::Rollback { to } => rollback(path, to.as_deref(), &known),
        ReleaseStep::Remove { shared } => remove(path, *shared, &known, context),
    }
}

/// What plans remember of a release that would be put.
fn key(path: &str, release: &str) -> String {
    format!("release:{path}/{release}")
}

fn activate<'r>(
    path: &'r str,
    name: &'r str,
    known: &Known,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let planned = context.mode == Mode::Plan && context.overlay.value(&key(path, name)).is_some();
    if known.current.as_deref() == Some(name) {
        return Ok(Check::UpToDate);
    }
    if known.find(name).is_none() && !planned {
        return Err(no_such_release(path, name, known).into());
    }
    let changes = vec![property(CURRENT, known.current.clone(), Some(name.to_owned()))];
    let link = Prediction::Tree(format!("{path}/{CURRENT}"));
    Ok(Check::differs(changes, vec![link], move |context| {
        switch(context, path, name, Standing::Active)?;
        Ok(Vec::new())
    }))
}

/// Makes a release the current one, which all see at once.
fn switch(context: &mut Context<'_>, path: &str, name: &str, standing: Standing) -> Result<(), Error> {
    let known = Known::read(context, path)?;
    let mut release = known.find(name).cloned().ok_or_else(|| no_such_release(path, name, &known))?;
    let mut app = index::open(context, path)?.ok_or_else(|| FileError::Changed { path: path.to_owned() })?;
    let link = app.full(CURRENT);
    crate::files::write::replace_link(index::handle(&app, path)?, &link, &format!("{RELEASES}/{name}"))?;
    release.standing = standing;
    index::write(&mut app, &release)?;
    Ok(())
}

fn settle<'r>(path: &'r str, name: &'r str, keep: u32, known: Known) -> Check<'r> {
    let excess = excess(&known, name, keep);
    let settled = known.is_settled(name);
    if settled && excess.is_empty() {
        return Check::UpToDate;
    }
    let mut changes: Vec<_> = excess.iter().map(|old| done(&format!("removed release {old}"))).collect();
    if !settled {
        changes.insert(0, done("deployed"));
    }
    Check::differs(changes, Vec::new(), move |context| {
        let mut app =
            index::open(context, path)?.ok_or_else(|| FileError::Changed { path: path.to_owned() })?;
        let mut release = known.find(name).cloned().ok_or_else(|| no_such_release(path, name, &known))?;
        release.standing = Standing::Settled;
        index::write(&mut app, &release)?;
        excess.iter().try_for_each(|old| build::take_away(&mut app, old))?;
        Ok(Vec::new())
    })
}

/// The releases that are too many: those that nobody can go back to first, then the oldest; never the current one, nor
/// this.
fn excess(known: &Known, name: &str, keep: u32) -> Vec<String> {
    let whole = |release: &Release| matches!(release.standing, Standing::Settled | Standing::Left);
    let mut all: Vec<(bool, &str)> =
        known.releases.iter().map(|release| (whole(release), release.name.as_str())).collect();
    if known.find(name).is_none() {
        all.push((true, name));
    }
    all.sort_unstable();
    let too_many = all.len().saturating_sub(usize::try_from(keep.max(1)).unwrap_or(usize::MAX));
    let stays = |other: &str| other == name || known.current.as_deref() == Some(other);
    let others = all.into_iter().map(|(_, other)| other).filter(|other| !stays(other));
    others.take(too_many).map(str::to_owned).collect()
}

fn discard<'r>(path: &'r str, name: &'r str, known: &Known) -> Check<'r> {
    let trace =
        known.find(name).is_some() || !known.debris.trees.is_empty() || !known.debris.files.is_empty();
    if !trace || known.current.as_deref() == Some(name) {
        return Check::UpToDate;
    }
    Check::differs(vec![done("removed, for it was not deployed whole")], Vec::new(), move |context| {
        put::clear(context, path, name)?;
        Ok(Vec::new())
    })
}

fn rollback<'r>(path: &'r str, to: Option<&str>, known: &Known) -> Result<Check<'r>, Error> {
    let target = if let Some(name) = to {
        let whole = |release: &&Release| matches!(release.standing, Standing::Settled | Standing::Left);
        known.find(name).filter(whole).ok_or_else(|| no_such_release(path, name, known))?
    } else {
        let current = known.current.as_deref();
        let mut earlier = known.releases.iter().rev().filter(|release| release.standing == Standing::Settled);
        let earlier = earlier.find(|release| current.is_some_and(|current| *release.name < *current));
        earlier.ok_or_else(|| ReleaseError::NoEarlierRelease {
            path: path.to_owned(),
            current: current.map(|current| format!(" ({current})")).unwrap_or_default(),
            kept: kept(known),
        })?
    };
    if known.current.as_deref() == Some(&target.name) {
        return Ok(Check::UpToDate);
    }
    let changes = vec![
        property(CURRENT, known.current.clone(), Some(target.name.clone())),
        property("revision", known.current().map(|old| old.revision.clone()), Some(target.revision.clone())),
    ];
    let (name, left) = (target.name.clone(), known.current().filter(|left| left.name > target.name).cloned());
    Ok(Check::differs(changes, Vec::new(), move |context| {
        switch(context, path, &name, Standing::Settled)?;
        if let (Some(left), Some(mut app)) = (left, index::open(context, path)?) {
            index::write(&mut app, &Release { standing: Standing::Left, ..left })?;
        }
        Ok(Vec::new())
    }))
}

/// What is below an app's directory and ours to take away.
fn remove<'r>(
    path: &'r str,
    shared: bool,
    known: &Known,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let Some(mut app) = index::open(context, path)? else { return Ok(Check::UpToDate) };
    let mut present = Vec::new();
    for name in [CURRENT, RELEASES, ABOUT].into_iter().chain(shared.then_some(build::SHARED)) {
        let there = if name == CURRENT { known.current.is_some() } else { app.directory(name)?.is_some() };
        present.extend(there.then_some(name));
    }
    if present.is_empty() {
        return Ok(Check::UpToDate);
    }
    let changes = present.iter().map(|name| done(&format!("removed {name}"))).collect();
    Ok(Check::differs(changes, Vec::new(), move |context| {
        let Some(mut app) = index::open(context, path)? else { return Ok(Vec::new()) };
        present.iter().try_for_each(|name| build::delete(&mut app, "", name))?;
        Ok(Vec::new())
    }))
}

fn no_such_release(path: &str, name: &str, known: &Known) -> ReleaseError {
    ReleaseError::NoSuchRelease { path: path.to_owned(), name: name.to_owned(), kept: kept(known) }
}

fn kept(known: &Known) -> String {
    let names: Vec<&str> = known.releases.iter().map(|release| release.name.as_str()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
