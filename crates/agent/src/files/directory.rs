//! The provider of directories.

use std::{
    os::fd::{AsFd, OwnedFd},
    rc::Rc,
};

use engine_protocol::{Action, Mode, Resource, resource::DirectorySpec};
use rustix::{
    fs::{AtFlags, Dir, FileType, OFlags, mkdirat, openat, statat, unlinkat},
    io::Errno,
    path::Arg,
    process::{getegid, geteuid},
};

use super::{
    FileError,
    attributes::{self, Attributes, Owner},
    failed,
    mount::Mount,
    split,
    state::{State, look, parent, wrong_kind},
    write,
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
        (Action::Delete, State::Directory { fresh, .. }) => check_delete(spec, *fresh, context)?,
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

fn make(context: &mut Context<'_>, path: &str, attributes: &Attributes) -> Result<(), FileError> {
    let directory = parent_of(context, path)?;
    let name = split(path).1;
    match mkdirat(&*directory, name, rustix::fs::Mode::from_raw_mode(0o700)) {
        Ok(()) => {}
        Err(Errno::EXIST) => return Err(FileError::Changed { path: path.to_owned() }),
        Err(errno) => return Err(failed("make the directory", path)(errno)),
    }
    attributes::set(open(&*directory, name, path)?, path, attributes)?;
    write::sync_directory(&*directory, path)
}

fn parent_of(context: &mut Context<'_>, path: &str) -> Result<Rc<OwnedFd>, FileError> {
    parent(context, path)?.map_err(|missing| FileError::NoParent { path: path.to_owned(), missing })
}

fn open_existing(context: &mut Context<'_>, path: &str) -> Result<OwnedFd, FileError> {
    let directory = parent_of(context, path)?;
    let name = match split(path).1 {
        "" => ".",
        name => name,
    };
    open(&*directory, name, path)
}

fn open(directory: impl AsFd, name: impl Arg, path: &str) -> Result<OwnedFd, FileError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(directory, name, flags, rustix::fs::Mode::empty()).map_err(failed("open the directory", path))
}

fn check_delete<'r>(
    spec: &'r DirectorySpec,
    fresh: bool,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let path = &spec.path;
    if path == "/" {
        return Err(FileError::Root.into());
    }
    if !spec.recursive
        && let Some(entry) = first_entry(context, path, fresh)?
    {
        return Err(FileError::NotEmpty { path: path.clone(), entry }.into());
    }
    if spec.recursive && !fresh {
        let (handle, mount) = open_tree(context, path)?;
        match (nothing_mounted(&handle, path, mount), context.opaque()) {
            // A command before it may unmount it.
            (Err(FileError::Mounted { .. }), Some(because)) => return Ok(Check::Unknown(because)),
            (looked, _) => looked?,
        }
    }
    let prediction = Prediction::Path(path.clone(), State::Absent);
    Ok(Check::differs(vec![done("deleted")], vec![prediction], move |context| {
        if spec.recursive {
            let (handle, mount) = open_tree(context, path)?;
            empty(&handle, path, mount)?;
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
    let names = names(&handle, path)?;
    let gone: Vec<&str> = if planning {
        context.overlay.entries(path).filter(|(_, present)| !present).map(|(name, _)| name).collect()
    } else {
        Vec::new()
    };
    let left = names.into_iter().map(|name| name.to_string_lossy().into_owned());
    Ok(left.into_iter().find(|name| !gone.contains(&name.as_str())))
}

fn names(handle: &OwnedFd, path: &str) -> Result<Vec<std::ffi::CString>, FileError> {
    let mut names = Vec::new();
    for entry in Dir::read_from(handle).map_err(failed("list", path))? {
        let entry = entry.map_err(failed("list", path))?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names)
}

/// Calls `visit` with every entry: its name, its path and its status.
fn each(
    handle: &OwnedFd,
    path: &str,
    mut visit: impl FnMut(&std::ffi::CStr, &str, &rustix::fs::Stat) -> Result<(), FileError>,
) -> Result<(), FileError> {
    for name in names(handle, path)? {
        let below = format!("{path}/{}", name.to_string_lossy());
        let stat = statat(handle, &name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed("look at", &below))?;
        visit(&name, &below, &stat)?;
    }
    Ok(())
}

fn is_directory(stat: &rustix::fs::Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

/// Opens a directory in another one, unless something is mounted on it: the handle stays where it is,
/// whatever is mounted later.
fn open_within(directory: impl AsFd, name: impl Arg, path: &str, mount: Mount) -> Result<OwnedFd, FileError> {
    let handle = open(directory, name, path)?;
    if mount.holds(&handle).map_err(failed("look at", path))? {
        Ok(handle)
    } else {
        Err(FileError::Mounted { path: path.to_owned() })
    }
}

/// Opens a directory to be deleted with all that is in it, and the mount to stay on.
fn open_tree(context: &mut Context<'_>, path: &str) -> Result<(OwnedFd, Mount), FileError> {
    let directory = parent_of(context, path)?;
    let mount = Mount::of(&*directory).map_err(failed("look at", path))?;
    Ok((open_within(&*directory, split(path).1, path, mount)?, mount))
}

/// Refuses a tree with a mount point in it before anything is deleted.
fn nothing_mounted(handle: &OwnedFd, path: &str, mount: Mount) -> Result<(), FileError> {
    each(handle, path, |name, below, stat| {
        if is_directory(stat) {
            return nothing_mounted(&open_within(handle, name, below, mount)?, below, mount);
        }
        if mount.holds_entry(handle, name).map_err(failed("look at", below))? {
            Ok(())
        } else {
            Err(FileError::Mounted { path: below.to_owned() })
        }
    })
}

/// Deletes what is in a directory. A file on which another is mounted the system itself does not delete.
fn empty(handle: &OwnedFd, path: &str, mount: Mount) -> Result<(), FileError> {
    each(handle, path, |name, below, stat| {
        let flags = if is_directory(stat) {
            empty(&open_within(handle, name, below, mount)?, below, mount)?;
            AtFlags::REMOVEDIR
        } else {
            AtFlags::empty()
        };
        unlinkat(handle, name, flags).map_err(failed("delete", below))
    })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    #[test]
    fn what_comes_to_be_mounted_after_the_look_is_not_emptied() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("sub")).unwrap();
        fs::write(root.path().join("sub/kept"), "").unwrap();
        let path = root.path().display().to_string();
        // As seen from another mount, `sub` is a mounted one.
        let elsewhere = Mount::of(File::open("/proc").unwrap()).unwrap();
        let handle = OwnedFd::from(File::open(root.path()).unwrap());
        let result = empty(&handle, &path, elsewhere);
        assert!(
            matches!(result, Err(FileError::Mounted { path: mounted }) if mounted == format!("{path}/sub"))
        );
        assert!(root.path().join("sub/kept").exists());
    }
}
