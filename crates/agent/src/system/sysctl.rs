//! The provider of kernel parameters: now in `/proc/sys`, and at boot from a file of its own.

use std::{collections::BTreeMap, fs, io::Write, path::Path};

use engine_protocol::{Action, Mode, Resource, resource::SysctlSpec};
use rustix::fs::{StatVfsMountFlags, statvfs};

use super::{SystemError, sysctl_text as text};
use crate::{
    files::{
        FileError,
        managed::{self, Managed},
        state::State,
    },
    overlay::Prediction,
    provider::{Check, Context, Error, property, unsupported},
};

/// Where the files of an operator are.
const DIRECTORY: &str = "/etc/sysctl.d";

/// Where files are read from; of those of one name the first counts.
const DIRECTORIES: [&str; 5] =
    [DIRECTORY, "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d"];

/// Read last by `sysctl --system`.
const LAST: &str = "/etc/sysctl.conf";

/// Why a parameter could not be checked or applied.
#[derive(Debug, thiserror::Error)]
pub enum SysctlError {
    /// There is no such parameter.
    #[error(
        "the kernel has no parameter `{key}` (no {path}); is it spelled right, or does a kernel module bring it?"
    )]
    NoKey {
        /// The parameter.
        key: String,
        /// Its file.
        path: String,
    },
    /// A container sees it, but must not change it.
    #[error(
        "`{key}` cannot be changed here: {path} is read-only, as in a container; set it on the host of the container"
    )]
    ReadOnly {
        /// The parameter.
        key: String,
        /// Its file.
        path: String,
    },
    /// It cannot be read or written.
    #[error("`{key}` cannot be {done}: {source}")]
    Kernel {
        /// The parameter.
        key: String,
        /// `read` or `set to …`.
        done: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The kernel made something else of it.
    #[error(
        "`{key}` was set to `{wanted}`, but the kernel says `{found}` now; write the value as the kernel does, or one that it can keep"
    )]
    Otherwise {
        /// The parameter.
        key: String,
        /// What was set.
        wanted: String,
        /// What the kernel says.
        found: String,
    },
    /// Another file would win at boot.
    #[error("at boot `{path}` sets `{key}` to `{value}` after engine's file; take it out there")]
    Overridden {
        /// The parameter.
        key: String,
        /// The other file.
        path: String,
        /// Its value.
        value: String,
    },
}

/// Checks a parameter.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r SysctlSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let path = format!("{DIRECTORY}/{}", text::file_name(&spec.key));
    match action {
        Action::Apply => check_apply(spec, &path, context),
        Action::Remove => check_remove(spec, &path, context),
        _ => Err(unsupported(resource, action)),
    }
}

fn sysctl_error(error: SysctlError) -> Error {
    SystemError::from(error).into()
}

fn check_remove<'r>(spec: &'r SysctlSpec, path: &str, context: &mut Context<'_>) -> Result<Check<'r>, Error> {
    let old = at_boot(path, &spec.key, context)?;
    let file = Managed::absent(path);
    let Some((_, predictions)) = file.compare(context)? else { return Ok(Check::UpToDate) };
    Ok(Check::differs(vec![property("value at boot", old, None)], predictions, move |context| {
        file.put(context)?;
        Ok(Vec::new())
    }))
}

fn check_apply<'r>(spec: &'r SysctlSpec, path: &str, context: &mut Context<'_>) -> Result<Check<'r>, Error> {
    let (key, wanted) = (spec.key.as_str(), text::normal(&spec.value));
    let kernel = format!("/proc/sys/{}", text::path(key));
    let now = match running(key, &kernel, context) {
        Err(Error::System(SystemError::Sysctl(SysctlError::NoKey { .. }))) if context.opaque().is_some() => {
            return Ok(Check::Unknown(context.opaque().unwrap_or_default()));
        }
        now => now?,
    };
    let (mut changes, mut predictions) = (Vec::new(), Vec::new());
    let differs = now != wanted;
    if differs {
        let flags = statvfs(&*kernel).map(|stat| stat.f_flag);
        if flags.is_ok_and(|flags| flags.contains(StatVfsMountFlags::RDONLY)) {
            return Err(sysctl_error(SysctlError::ReadOnly { key: key.to_owned(), path: kernel }));
        }
        changes.push(property("value", Some(now), Some(wanted.clone())));
        predictions.push(Prediction::Value(value_key(key), Some(wanted.clone())));
    }
    refuse_override(key, &wanted, context)?;
    let old = at_boot(path, key, context)?;
    let file = Managed::present(path, text::render(key, &wanted), 0o644).with_directory();
    if let Some((own, more)) = file.compare(context)? {
        if old.as_deref() == Some(&wanted) {
            changes.extend(own);
        } else {
            changes.push(property("value at boot", old, Some(wanted.clone())));
        }
        predictions.extend(more);
    }
    if changes.is_empty() {
        return Ok(Check::UpToDate);
    }
    Ok(Check::differs(changes, predictions, move |context| {
        if differs {
            set(key, &kernel, &wanted)?;
        }
        file.put(context)?;
        Ok(Vec::new())
    }))
}

fn value_key(key: &str) -> String {
    format!("sysctl:{}", text::path(key))
}

fn running(key: &str, kernel: &str, context: &Context<'_>) -> Result<String, Error> {
    if context.mode == Mode::Plan
        && let Some(Some(planned)) = context.overlay.value(&value_key(key))
    {
        return Ok(planned.to_owned());
    }
    fs::read_to_string(kernel).map(|value| text::normal(&value)).map_err(|source| {
        sysctl_error(match source.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::IsADirectory => {
                SysctlError::NoKey { key: key.to_owned(), path: kernel.to_owned() }
            }
            _ => SysctlError::Kernel { key: key.to_owned(), done: "read".to_owned(), source },
        })
    })
}

/// Sets it, and looks at what the kernel made of it: otherwise the next run would find a difference again.
fn set(key: &str, kernel: &str, wanted: &str) -> Result<(), Error> {
    let written = fs::OpenOptions::new()
        .write(true)
        .open(kernel)
        .and_then(|mut file| file.write_all(format!("{wanted}\n").as_bytes()));
    let read = written.and_then(|()| fs::read_to_string(kernel));
    let found = read.map_err(|source| {
        sysctl_error(SysctlError::Kernel { key: key.to_owned(), done: format!("set to `{wanted}`"), source })
    })?;
    let found = text::normal(&found);
    if found == wanted {
        return Ok(());
    }
    Err(sysctl_error(SysctlError::Otherwise { key: key.to_owned(), wanted: wanted.to_owned(), found }))
}

fn at_boot(path: &str, key: &str, context: &mut Context<'_>) -> Result<Option<String>, Error> {
    let found = managed::read(context, path)?;
    Ok(found.and_then(|found| text::value(&String::from_utf8_lossy(&found), key)))
}

/// Refuses a parameter that a file read later gives another value.
fn refuse_override(key: &str, wanted: &str, context: &mut Context<'_>) -> Result<(), Error> {
    let own = text::file_name(key);
    let mut later: BTreeMap<String, String> = BTreeMap::new();
    for directory in DIRECTORIES {
        for name in names(directory, context) {
            let read = Path::new(&name).extension().is_some_and(|extension| extension == "conf");
            if read && name > own {
                later.entry(name.clone()).or_insert_with(|| format!("{directory}/{name}"));
            }
        }
    }
    for path in later.into_values().chain([LAST.to_owned()]) {
        let Some(found) = read_through_link(&path, context)? else { continue };
        if let Some(value) =
            text::value(&String::from_utf8_lossy(&found), key).filter(|value| value != wanted)
        {
            return Err(sysctl_error(SysctlError::Overridden { key: key.to_owned(), path, value }));
        }
    }
    Ok(())
}

/// Names in a directory of the system, as earlier resources would leave it.
fn names(directory: &str, context: &Context<'_>) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    if context.mode == Mode::Plan {
        for (name, present) in context.overlay.entries(directory) {
            names.retain(|known| known != name);
            if present {
                names.push(name.to_owned());
            }
        }
    }
    names
}

/// The content of a file, or of the file that a link leads to: `99-sysctl.conf` is one on many distributions.
fn read_through_link(path: &str, context: &mut Context<'_>) -> Result<Option<Vec<u8>>, Error> {
    match managed::look(context, path)? {
        State::Link(_) => {
            let Ok(target) = fs::canonicalize(Path::new(path)) else { return Ok(None) };
            match managed::read(context, &target.to_string_lossy()) {
                // A mask: `/dev/null`.
                Err(FileError::WrongKind { .. }) => Ok(None),
                read => Ok(read?),
            }
        }
        State::File { body, .. } => Ok(Some(body.read(path, u64::MAX)?)),
        _ => Ok(None),
    }
}
