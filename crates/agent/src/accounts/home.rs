//! What becomes of home directories when users are made and removed.

use std::{fs::File, os::fd::OwnedFd, rc::Rc};

use super::{
    AccountError,
    defaults::{LoginDefs, NewUser},
    known::{Account, GroupId},
};
use crate::{
    files::{
        attributes::{Attributes, Owner},
        managed,
        state::{self, Body, State},
    },
    overlay::Prediction,
    provider::{Context, Error},
};

/// Deeper than this no plan looks into what new home directories begin with.
const DEPTH: usize = 8;

/// What `useradd` would make: the directory, those above it that are missing, and copies of what is in the skeleton. A
/// directory that is there already is left alone.
pub fn predict_new(
    account: &Account,
    defs: LoginDefs,
    defaults: &NewUser,
    context: &mut Context<'_>,
) -> Result<Vec<Prediction>, Error> {
    let home = &account.home;
    let mut predictions = Vec::new();
    // The cookbook chose the place: no link of its own may lead there.
    let missing = match state::look(context, home)? {
        State::Absent => home.clone(),
        State::NoParent(missing) => missing,
        _ => return Ok(predictions),
    };
    let above = home.match_indices('/').map(|(index, _)| &home[..index]);
    for directory in above.filter(|directory| directory.len() >= missing.len()) {
        let root = Attributes { owner: Owner::Id(0), group: Owner::Id(0), mode: 0o755 };
        predictions.push(new_directory(directory, root));
    }
    let owner = account.uid.map_or_else(|| Owner::Predicted(account.name.clone()), Owner::Id);
    let group = match &account.group {
        GroupId::Gid(gid) => Owner::Id(*gid),
        GroupId::Named(name) => Owner::Predicted(name.clone()),
    };
    let own = |mode| Attributes { owner: owner.clone(), group: group.clone(), mode };
    predictions.push(new_directory(home, own(defs.home_mode)));
    copies(&defaults.skeleton, home, &own, DEPTH, &mut predictions);
    Ok(predictions)
}

fn new_directory(path: &str, attributes: Attributes) -> Prediction {
    Prediction::Path(path.to_owned(), State::Directory { attributes, fresh: true })
}

/// Refuses to touch a home directory that is not the account's own.
fn refuse_foreign(
    account: &Account,
    owner: &Owner,
    done: &'static str,
    context: &mut Context<'_>,
) -> Result<(), AccountError> {
    // A plan may know a new id already; what is on the node has the old one until then.
    let own = match owner {
        Owner::Id(uid) => {
            account.uid == Some(*uid)
                || context.node.accounts().user(&account.name).is_some_and(|user| user.uid == *uid)
        }
        Owner::Predicted(name) => *name == account.name,
    };
    if own { Ok(()) } else { Err(foreign(account, done)) }
}

fn foreign(account: &Account, done: &'static str) -> AccountError {
    AccountError::ForeignHome { done, name: account.name.clone(), home: account.home.clone() }
}

/// Copies of what is in a directory of root's.
fn copies(
    from: &str,
    to: &str,
    own: &dyn Fn(u32) -> Attributes,
    depth: usize,
    predictions: &mut Vec<Prediction>,
) {
    use std::os::unix::fs::MetadataExt;
    let Ok(entries) = std::fs::read_dir(from) else { return };
    for entry in entries.flatten() {
        let (Ok(name), Ok(metadata)) = (entry.file_name().into_string(), entry.metadata()) else { continue };
        let (from, to) = (format!("{from}/{name}"), format!("{to}/{name}"));
        let mode = metadata.mode() & 0o7777;
        if metadata.is_dir() {
            predictions.push(new_directory(&to, own(mode)));
            if depth > 0 {
                copies(&from, &to, own, depth - 1, predictions);
            }
        } else if metadata.is_symlink() {
            let target = std::fs::read_link(&from).unwrap_or_default();
            predictions.push(Prediction::Path(to, State::Link(target.to_string_lossy().into_owned())));
        } else if let Ok(file) = File::open(&from) {
            let body = Body::OnDisk(Rc::new(OwnedFd::from(file)), metadata.len());
            predictions.push(Prediction::Path(to, State::File { attributes: own(mode), body, links: 1 }));
        }
    }
}

/// What removing a home directory with its user would do. One that belongs to somebody else is not removed, and the
/// tool says so only when the user is gone already.
pub fn predict_removed(account: &Account, context: &mut Context<'_>) -> Result<Vec<Prediction>, Error> {
    let home = &account.home;
    match managed::look(context, home)? {
        State::Directory { attributes, .. } => {
            refuse_foreign(account, &attributes.owner, "removed with them", context)?;
            Ok(vec![Prediction::Path(home.clone(), State::Absent)])
        }
        _ => Ok(Vec::new()),
    }
}

/// What moving a home directory would do; the tool changes the account first and fails then. It would also move what
/// belongs to somebody else, whatever an earlier `home` named.
pub fn predict_moved(
    account: &Account,
    new: &str,
    context: &mut Context<'_>,
) -> Result<Vec<Prediction>, Error> {
    match managed::look(context, &account.home)? {
        State::Directory { attributes, .. } => refuse_foreign(account, &attributes.owner, "moved", context)?,
        State::Absent | State::NoParent(_) => return Ok(Vec::new()),
        // The tool follows a link and then moves the link itself.
        _ => return Err(foreign(account, "moved").into()),
    }
    let refuse =
        |found| AccountError::HomeInTheWay { name: account.name.clone(), home: new.to_owned(), found };
    // What is moved may have links in it.
    if context.grants.is_some_and(|grants| grants.trusted_below(new).is_some()) {
        return Err(refuse("a grant of files names a directory below it").into());
    }
    match state::look(context, new)? {
        State::Absent => {}
        State::NoParent(_) if context.opaque().is_some() => {}
        State::NoParent(_) => return Err(refuse("the directory above it is missing").into()),
        _ => return Err(refuse("it is there already").into()),
    }
    // What is in it then is what was in the old one.
    Ok(vec![
        Prediction::Path(account.home.clone(), State::Absent),
        Prediction::Created(new.to_owned()),
        Prediction::Anything,
    ])
}
