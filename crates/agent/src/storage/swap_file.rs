//! The provider of swap files.

use std::os::{fd::OwnedFd, unix::fs::MetadataExt};

use engine_protocol::{Action, Change, Mode, Resource, resource::SwapFileSpec};
use rustix::{
    fs::{AtFlags, FallocateFlags, Mode as FileMode, OFlags, fallocate, fstatvfs, fsync, openat, unlinkat},
    io::Errno,
};

use super::{
    StorageError,
    fstab::Entry,
    mount::{fstab_change, put_fstab},
    table, tool,
};
use crate::{
    command::Run,
    files::{self, FileError, state},
    overlay::Prediction,
    provider::{Check, Context, Error, property, unsupported},
};

const MIB: u64 = 1024 * 1024;

/// Bytes in the largest page of any machine.
const LARGEST_PAGE: usize = 65536;

/// Checks a swap file.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r SwapFileSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let wanted = match action {
        Action::Create => Some(spec.size_mib),
        Action::Remove => None,
        _ => return Err(unsupported(resource, action)),
    };
    let used = table::swaps()?.contains(&spec.path);
    let size = size(&spec.path, used, context)?;
    let used = match context.overlay.value(&key(&spec.path)) {
        Some(planned) if context.mode == Mode::Plan => planned.is_some(),
        _ => used,
    };
    let fstab = fstab_change(&entry(spec), wanted.is_some(), context)?;
    let mib = |size: u64| format!("{} MiB", size / MIB);
    let mut changes: Vec<Change> = Vec::new();
    if size != wanted.map(|mib| mib * MIB) {
        changes.push(property("size", size.map(mib), wanted.map(|wanted| mib(wanted * MIB))));
    }
    let remake = !changes.is_empty();
    if used != wanted.is_some() {
        let word = |used: bool| Some(if used { "in use" } else { "not in use" }.to_owned());
        changes.push(property("swap", word(used), word(wanted.is_some())));
    }
    let mut predictions = vec![Prediction::Value(key(&spec.path), wanted.map(|mib| mib.to_string()))];
    if let Some((file, old)) = &fstab {
        if let Some((_, parts)) = file.compare(context)? {
            predictions.extend(parts);
        }
        changes.push(property("at boot", old.clone(), wanted.map(|_| entry(spec).line())));
    }
    if changes.is_empty() {
        return Ok(Check::UpToDate);
    }
    Ok(Check::differs(changes, predictions, move |context| {
        let (path, now_used) = (spec.path.as_str(), table::swaps()?.contains(&spec.path));
        if let Some(size_mib) = wanted.filter(|_| remake) {
            check_room(path, size_mib, size, context)?;
        }
        if now_used && remake {
            Run::new(["swapoff", "--", path])
                .succeed()
                .map_err(tool(format!("`{path}` is in use as swap")))?;
        }
        if remake {
            remove(path, context)?;
        }
        if let Some(size_mib) = wanted {
            if remake {
                make(path, size_mib, context)?;
            }
            if remake || !now_used {
                let on = Run::new(["swapon", "--", path]).succeed();
                if on.is_err() && remake {
                    remove(path, context)?;
                }
                on.map_err(tool(format!("`{path}` cannot be used as swap")))?;
            }
        }
        if let Some((file, _)) = &fstab {
            put_fstab(file, context)?;
        }
        Ok(Vec::new())
    }))
}

fn key(path: &str) -> String {
    format!("swap:{path}")
}

fn entry(spec: &SwapFileSpec) -> Entry {
    Entry {
        device: spec.path.clone(),
        mount_point: "none".to_owned(),
        filesystem: "swap".to_owned(),
        options: "sw".to_owned(),
        dump: 0,
        pass: 0,
    }
}

/// The size in bytes of the file that is there, or would be. A file with something else in it is an error.
fn size(path: &str, used: bool, context: &mut Context<'_>) -> Result<Option<u64>, Error> {
    if context.mode == Mode::Plan
        && let Some(planned) = context.overlay.value(&key(path))
    {
        return Ok(planned.and_then(|mib| mib.parse::<u64>().ok()).map(|mib| mib * MIB));
    }
    let grants = context.grants.take();
    let found = state::look(context, path);
    context.grants = grants;
    match found? {
        state::State::File { body, .. } => {
            if !used && !is_swap(&body.read(path, LARGEST_PAGE as u64)?) {
                return Err(StorageError::NotSwap { path: path.to_owned() }.into());
            }
            Ok(Some(body.size()?))
        }
        state::State::Absent => Ok(None),
        state::State::NoParent(missing) => Err(FileError::NoParent { path: path.to_owned(), missing }.into()),
        other => Err(state::wrong_kind(path, &other, "file").into()),
    }
}

/// Whether a file that begins like this is swap: what mkswap(8) writes at the end of the first page, which has another
/// size on other machines; or still zeros, as when its making broke off.
fn is_swap(head: &[u8]) -> bool {
    let magic = |page: usize| head.get(..page).is_some_and(|page| page.ends_with(b"SWAPSPACE2"));
    [4096, 8192, 16384, 32768, LARGEST_PAGE].into_iter().any(magic) || head.iter().all(|byte| *byte == 0)
}

/// Whether the new file has room in the place of the old one, before that is given up.
fn check_room(path: &str, size_mib: u64, old: Option<u64>, context: &mut Context<'_>) -> Result<(), Error> {
    let room = fstatvfs(&*directory(path, context)?).map_err(files::failed("find room for", path))?;
    if room.f_bfree * room.f_frsize + old.unwrap_or(0) < size_mib * MIB {
        return Err(StorageError::Full { path: path.to_owned(), size_mib }.into());
    }
    Ok(())
}

/// The directory of the file, whose way leads through nobody's links but root's.
fn directory(path: &str, context: &mut Context<'_>) -> Result<std::rc::Rc<OwnedFd>, Error> {
    let grants = context.grants.take();
    let parent = state::parent(context, path);
    context.grants = grants;
    Ok(parent?.map_err(|missing| FileError::NoParent { path: path.to_owned(), missing })?)
}

fn remove(path: &str, context: &mut Context<'_>) -> Result<(), Error> {
    let directory = directory(path, context)?;
    match unlinkat(&*directory, files::split(path).1, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(files::failed("delete", path)(errno).into()),
    }
}

/// Makes the file with all its blocks, which swapping needs, and what mkswap(8) writes.
fn make(path: &str, size_mib: u64, context: &mut Context<'_>) -> Result<(), Error> {
    let directory = directory(path, context)?;
    let name = files::split(path).1;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(&*directory, name, flags, FileMode::from_raw_mode(0o600))
        .map_err(files::failed("make", path))?;
    let filled = fill(&file, size_mib).map_err(|errno| match errno {
        Errno::NOSPC | Errno::DQUOT | Errno::FBIG => StorageError::Full { path: path.to_owned(), size_mib },
        errno => files::failed("fill", path)(errno).into(),
    });
    let made = filled.and_then(|()| {
        Run::new(["mkswap", "--", path]).succeed().map_err(tool(format!("`{path}` cannot become swap")))
    });
    if made.is_err() {
        let _ = unlinkat(&*directory, name, AtFlags::empty());
    }
    made?;
    Ok(())
}

fn fill(file: &OwnedFd, size_mib: u64) -> Result<(), Errno> {
    let size = size_mib * MIB;
    match fallocate(file, FallocateFlags::empty(), 0, size) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
        Err(errno) => return Err(errno),
        Ok(()) => {
            let allocated = std::fs::File::from(file.try_clone().map_err(|_| Errno::MFILE)?);
            // A file system may promise blocks without giving them, which leaves holes.
            let blocks = allocated.metadata().map_or(0, |metadata| metadata.blocks() * 512);
            if blocks >= size {
                return fsync(file);
            }
        }
    }
    let zeros = vec![0; usize::try_from(MIB).unwrap_or(1)];
    for index in 0..size_mib {
        let mut written = 0;
        while written < zeros.len() {
            written += rustix::io::pwrite(file, &zeros[written..], index * MIB + written as u64)?;
        }
    }
    fsync(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mkswap_wrote_is_swap_and_other_files_are_not() {
        let image = tempfile::NamedTempFile::new().unwrap();
        image.as_file().set_len(MIB).unwrap();
        assert!(is_swap(&std::fs::read(image.path()).unwrap()), "what broke off before mkswap");
        let mkswap = std::process::Command::new("/usr/sbin/mkswap").arg("-q").arg(image.path()).status();
        assert!(mkswap.unwrap().success());
        let bytes = std::fs::read(image.path()).unwrap();
        assert!(is_swap(&bytes[..LARGEST_PAGE]));
        assert!(!is_swap(&bytes[..4000]));
        assert!(!is_swap(b"a letter"));
    }
}
