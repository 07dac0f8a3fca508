//! Owner, group and mode.

use std::os::fd::AsFd;

use engine_protocol::{Change, resource::Access};
use rustix::{
    fs::{Gid, Mode, Uid, fchmod, fchown, fstat},
    process::{getegid, geteuid},
};

use super::{FileError, failed};
use crate::provider::{Context, property};

/// Who owns something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// Somebody who exists, or a number.
    Id(u32),
    /// Somebody whom an earlier resource would make.
    Predicted(String),
}

/// Owner, group and mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributes {
    /// The user.
    pub owner: Owner,
    /// The group.
    pub group: Owner,
    /// Permission bits.
    pub mode: u32,
}

/// What something shall have: what is asked for, else what it has, else the agent's own identity.
pub fn wanted(
    context: &mut Context<'_>,
    path: &str,
    access: &Access,
    present: Option<&Attributes>,
    default_mode: u32,
) -> Result<Attributes, FileError> {
    let owner = match (&access.owner, present) {
        (Some(name), _) => resolve(context, path, name, true)?,
        (None, Some(present)) => present.owner.clone(),
        (None, None) => Owner::Id(geteuid().as_raw()),
    };
    let group = match (&access.group, present) {
        (Some(name), _) => resolve(context, path, name, false)?,
        (None, Some(present)) => present.group.clone(),
        (None, None) => Owner::Id(getegid().as_raw()),
    };
    let mode = access.mode.map(|mode| mode & 0o7777).or(present.map(|present| present.mode));
    Ok(Attributes { owner, group, mode: mode.unwrap_or(default_mode) })
}

fn resolve(context: &mut Context<'_>, path: &str, name: &str, user: bool) -> Result<Owner, FileError> {
    if let Ok(id) = name.parse() {
        return Ok(Owner::Id(id));
    }
    let predicted = if user { context.overlay.user(name) } else { context.overlay.group(name) };
    let accounts = context.node.accounts();
    let id = if user { accounts.user_id(name) } else { accounts.group_id(name) };
    match (id, predicted) {
        (Some(id), None | Some(true)) => Ok(Owner::Id(id)),
        (None, Some(true)) => Ok(Owner::Predicted(name.to_owned())),
        _ => Err(FileError::NoSuchOwner {
            path: path.to_owned(),
            what: if user { "user" } else { "group" },
            name: name.to_owned(),
        }),
    }
}

/// The differences; for something new, what was asked for and the mode.
pub fn compare(
    context: &mut Context<'_>,
    access: &Access,
    present: Option<&Attributes>,
    wanted: &Attributes,
) -> Vec<Change> {
    let mut changes = Vec::new();
    let differs = |asked: bool, same: Option<bool>| same.map_or(asked, |same| !same);
    if differs(access.owner.is_some(), present.map(|present| present.owner == wanted.owner)) {
        let old = present.map(|present| show(context, &present.owner, true));
        changes.push(property("owner", old, Some(show(context, &wanted.owner, true))));
    }
    if differs(access.group.is_some(), present.map(|present| present.group == wanted.group)) {
        let old = present.map(|present| show(context, &present.group, false));
        changes.push(property("group", old, Some(show(context, &wanted.group, false))));
    }
    if differs(true, present.map(|present| present.mode == wanted.mode)) {
        let old = present.map(|present| format!("{:04o}", present.mode));
        changes.push(property("mode", old, Some(format!("{:04o}", wanted.mode))));
    }
    changes
}

fn show(context: &mut Context<'_>, owner: &Owner, user: bool) -> String {
    match owner {
        Owner::Predicted(name) => name.clone(),
        Owner::Id(id) => {
            let accounts = context.node.accounts();
            let name = if user { accounts.user_name(*id) } else { accounts.group_name(*id) };
            name.unwrap_or_else(|| id.to_string())
        }
    }
}

/// Gives an open file or directory its owner and then its mode, in this order because a change of
/// owner clears bits of the mode.
pub fn set(handle: impl AsFd, path: &str, wanted: &Attributes) -> Result<(), FileError> {
    let handle = handle.as_fd();
    let stat = fstat(handle).map_err(failed("look at", path))?;
    let (uid, gid) = (id(&wanted.owner, path, "user")?, id(&wanted.group, path, "group")?);
    if stat.st_uid != uid || stat.st_gid != gid {
        let user = (stat.st_uid != uid).then(|| Uid::from_raw(uid));
        let group = (stat.st_gid != gid).then(|| Gid::from_raw(gid));
        fchown(handle, user, group).map_err(failed("change the owner of", path))?;
    }
    fchmod(handle, Mode::from_raw_mode(wanted.mode)).map_err(failed("change the mode of", path))
}

fn id(owner: &Owner, path: &str, what: &'static str) -> Result<u32, FileError> {
    match owner {
        Owner::Id(id) => Ok(*id),
        Owner::Predicted(name) => {
            Err(FileError::NoSuchOwner { path: path.to_owned(), what, name: name.clone() })
        }
    }
}
