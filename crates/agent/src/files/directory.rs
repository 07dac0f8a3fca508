//! The provider of directories.

use std::{os::fd::OwnedFd, rc::Rc};

use engine_protocol::{Action, Mode, Resource, resource::DirectorySpec};
use rustix::{
    fs::{AtFlags, mkdirat, unlinkat},
    io::Errno,
    process::{getegid, geteuid},
};

use super::{
    FileError,
    attributes::{self, Attributes, Owner},
    failed,
    mount::Mount,
    split,
    state::{State, look, parent, wrong_kind},
    tree, write,
};
use crate::{
    overlay::Prediction,
    provider::{Check, Context, Error, done, unsupported},
};

/// Checks a directory.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r DirectorySpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    check_spec(spec, action, context)?.ok_or_else(|| unsupported(resource, action))
}

/// Checks what a directory shall be; nothing if directories have no such action.
pub(super) fn check_spec<'r>(
    spec: &'r DirectorySpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Option<Check<'r>>, Error> {
    let state = look(context, &spec.path)?;
    Ok(Some(match (action, &state) {
        (Action::Create | Action::CreateIfMissing, State::NoParent(_))
            if !spec.recursive && context.opaque().is_some() =>
        {
            Check::Unknown(context.opaque().unwrap_or_default())
        }
        (Action::CreateIfMissing, State::Directory { .. })
        | (Action::Delete, State::Absent | State::NoParent(_)) => Check::UpToDate,
        (Action::Create, State::Directory { attributes, fresh }) => {
            check_existing(spec, attributes, *fresh, context)?
        }
        (Action::Create | Action::CreateIfMissing, State::Absent) => check_new(spec, None, context)?,
        (Action::Create | Action::CreateIfMissing, State::NoParent(missing)) if spec.recursive => {
            check_new(spec, Some(missing), context)?
        }
        (Action::Delete, State::Directory { fresh, .. }) => {
            check_delete(&spec.path, spec.recursive, *fresh, context)?
        }
        (Action::Create | Action::CreateIfMissing | Action::Delete, _) => {
            return Err(wrong_kind(&spec.path, &state, "directory").into());
        }
        _ => return Ok(None),
    }))
}

fn check_existing<'r>(
    spec: &'r DirectorySpec,
    present: &Attributes,
    fresh: bool,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let wanted =
        attributes::wanted(context, &spec.path, &spec.access, Some(present), context.default_mode(0o777))?;
    let changes = attributes::compare(context, &spec.access, Some(present), &wanted);
    if changes.is_empty() {
        return Ok(Check::UpToDate);
    }
    let predicted = State::Directory { attributes: wanted.clone(), fresh };
    Ok(Check::differs(changes, vec![Prediction::Path(spec.path.clone(), predicted)], move |context| {
        let handle = open_existing(context, &spec.path)?;
        attributes::set(handle, &spec.path, &wanted)?;
        Ok(Vec::new())
    }))
}

fn check_new<'r>(
    spec: &'r DirectorySpec,
    missing: Option<&str>,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let path = &spec.path;
    let wanted = attributes::wanted(context, path, &spec.access, None, context.default_mode(0o777))?;
    // The parents that recursion adds are the agent's own with the default mode, as in Chef.
    let parent_attributes = Attributes {
        owner: Owner::Id(geteuid().as_raw()),
        group: Owner::Id(getegid().as_raw()),
        mode: context.default_mode(0o777),
    };
    let mut to_make: Vec<(String, Attributes)> = missing
        .map(|missing| {
            path.match_indices('/')
                .map(|(index, _)| &path[..index])
                .filter(|directory| directory.len() >= missing.len())
                .map(|directory| (directory.to_owned(), parent_attributes.clone()))
                .collect()
        })
        .unwrap_or_default();
    let mut changes: Vec<_> =
        to_make.iter().map(|(directory, _)| done(&format!("created {directory}"))).collect();
    changes.push(done("created"));
    changes.extend(attributes::compare(context, &spec.access, None, &wanted));
    to_make.push((path.clone(), wanted));
    let predictions = to_make
        .iter()
        .map(|(directory, attributes)| {
            let state = State::Directory { attributes: attributes.clone(), fresh: true };
            Prediction::Path(directory.clone(), state)
        })
        .collect();
    Ok(Check::differs(changes, predictions, move |context| {
        for (directory, attributes) in &to_make {
            make(context, directory, attributes)?;
        }
        Ok(Vec::new())
    }))
}

/// Makes a directory, with its owner and mode.
pub(crate) fn make(context: &mut Context<'_>, path: &str, attributes: &Attributes) -> Result<(), FileError> {
    let directory = parent_of(context, path)?;
    let name = split(path).1;
    match mkdirat(&*directory, name, rustix::fs::Mode::from_raw_mode(0o700)) {
        Ok(()) => {}
        Err(Errno::EXIST) => return Err(FileError::Changed { path: path.to_owned() }),
        Err(errno) => return Err(failed("make the directory", path)(errno)),
    }
    attributes::set(tree::open(&*directory, name, path)?, path, attributes)?;
    write::sync_directory(&*directory, path)
}

fn parent_of(context: &mut Context<'_>, path: &str) -> Result<Rc<OwnedFd>, FileError> {
    parent(context, path)?.map_err(|missing| FileError::NoParent { path: path.to_owned(), missing })
}

/// Opens a directory that is there.
pub(crate) fn open_existing(context: &mut Context<'_>, path: &str) -> Result<OwnedFd, FileError> {
    let directory = parent_of(context, path)?;
    let name = match split(path).1 {
        "" => ".",
        name => name,
    };
    tree::open(&*directory, name, path)
}

/// Checks the deletion of a directory that is there.
pub(super) fn check_delete<'r>(
    path: &'r str,
    recursive: bool,
    fresh: bool,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    if path == "/" {
        return Err(FileError::Root.into());
    }
    if !recursive && let Some(entry) = first_entry(context, path, fresh)? {
        return Err(FileError::NotEmpty { path: path.to_owned(), entry }.into());
    }
    if recursive && !fresh {
        let (handle, mount) = open_tree(context, path)?;
        match (tree::nothing_mounted(&handle, path, mount), context.opaque()) {
            // A command before it may unmount it.
            (Err(FileError::Mounted { .. }), Some(because)) => return Ok(Check::Unknown(because)),
            (looked, _) => looked?,
        }
    }
    let prediction = Prediction::Path(path.to_owned(), State::Absent);
    Ok(Check::differs(vec![done("deleted")], vec![prediction], move |context| {
        if recursive {
            let (handle, mount) = open_tree(context, path)?;
            tree::empty(&handle, path, mount)?;
        }
        let directory = parent_of(context, path)?;
        unlinkat(&*directory, split(path).1, AtFlags::REMOVEDIR)
            .map_err(failed("delete the directory", path))?;
        write::sync_directory(&*directory, path)?;
        Ok(Vec::new())
    }))
}

/// An entry that is, or is predicted to be, in a directory.
fn first_entry(context: &mut Context<'_>, path: &str, fresh: bool) -> Result<Option<String>, FileError> {
    let planning = context.mode == Mode::Plan;
    if planning && let Some((name, _)) = context.overlay.entries(path).find(|(_, present)| *present) {
        return Ok(Some(name.to_owned()));
    }
    if fresh {
        return Ok(None);
    }
    let handle = open_existing(context, path)?;
    let names = tree::names(&handle, path)?;
    let gone: Vec<&str> = if planning {
        context.overlay.entries(path).filter(|(_, present)| !present).map(|(name, _)| name).collect()
    } else {
        Vec::new()
    };
    let left = names.into_iter().map(|name| name.to_string_lossy().into_owned());
    Ok(left.into_iter().find(|name| !gone.contains(&name.as_str())))
}

/// Opens a directory to be deleted with all that is in it, and the mount to stay on.
fn open_tree(context: &mut Context<'_>, path: &str) -> Result<(OwnedFd, Mount), FileError> {
    let directory = parent_of(context, path)?;
    let mount = Mount::of(&*directory).map_err(failed("look at", path))?;
    Ok((tree::open_within(&*directory, split(path).1, path, mount)?, mount))
}
