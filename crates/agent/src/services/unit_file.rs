//! Unit files of systemd, as earlier resources of a plan would leave them.

use std::{fs, path::PathBuf};

use crate::{
    files::{
        FileError, managed,
        state::{Body, State},
    },
    provider::Context,
};

/// Where the operator's unit files are.
pub const OWN: &str = "/etc/systemd/system";

/// Directories of unit files; the first that has one counts. From systemd.unit(5).
const DIRECTORIES: [&str; 5] = [
    OWN,
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/lib/systemd/system",
    "/usr/lib/systemd/system",
];

/// Bytes of a unit file that are read.
const BYTES: u64 = 1024 * 1024;

/// What would be where systemd looks for a unit.
#[derive(Debug, PartialEq, Eq)]
pub enum UnitFile {
    /// Nothing.
    Missing,
    /// This path, which is a link to nothing, so that the unit cannot be started.
    Mask(String),
    /// A unit file.
    Text(String),
}

/// The unit's file, if an earlier resource of the plan would have changed it.
pub fn foreseen(unit: &str, context: &mut Context<'_>) -> Result<Option<UnitFile>, FileError> {
    let paths: Vec<String> = paths(unit).collect();
    if paths.iter().all(|path| context.overlay.path(path).is_none()) {
        return Ok(None);
    }
    for path in paths {
        if let Some(file) = file(path, context)? {
            return Ok(Some(file));
        }
    }
    Ok(Some(UnitFile::Missing))
}

/// Whether the system has a unit of this name, its own one aside.
pub fn has_other(unit: &str, context: &mut Context<'_>) -> Result<bool, FileError> {
    for path in paths(unit).filter(|path| !path.starts_with(OWN)) {
        if matches!(file(path, context)?, Some(UnitFile::Text(_))) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Where a unit's file may be, its template's included.
fn paths(unit: &str) -> impl Iterator<Item = String> {
    let template = unit.split_once('@').and_then(|(stem, rest)| {
        let kind = rest.rsplit_once('.')?.1;
        Some(format!("{stem}@.{kind}"))
    });
    let names: Vec<String> = [unit.to_owned()].into_iter().chain(template).collect();
    let of_name = |name: &String| DIRECTORIES.map(|directory| format!("{directory}/{name}"));
    names.iter().flat_map(of_name).collect::<Vec<_>>().into_iter()
}

fn file(path: String, context: &mut Context<'_>) -> Result<Option<UnitFile>, FileError> {
    Ok(match managed::look(context, &path)? {
        State::Link(to) if to == "/dev/null" => Some(UnitFile::Mask(path)),
        State::Link(to) => match managed::look(context, &to)? {
            State::File { body, .. } => Some(UnitFile::Text(text(&body, &to)?)),
            _ => None,
        },
        State::File { body, .. } if body.size()? == 0 => Some(UnitFile::Mask(path)),
        State::File { body, .. } => Some(UnitFile::Text(text(&body, &path)?)),
        _ => None,
    })
}

/// A unit file's text.
pub fn text(body: &Body, path: &str) -> Result<String, FileError> {
    Ok(String::from_utf8_lossy(&body.read(path, BYTES)?).into_owned())
}

/// Whether a unit file says what enabling it means.
pub fn can_be_enabled(text: &str) -> bool {
    let mut section = "";
    text.lines().map(str::trim).any(|line| {
        if line.starts_with('[') {
            section = line;
        }
        let set = line.split_once('=').filter(|(_, value)| !value.trim().is_empty());
        section == "[Install]"
            && set.is_some_and(|(key, _)| {
                matches!(key.trim(), "WantedBy" | "RequiredBy" | "UpheldBy" | "Alias")
            })
    })
}

/// Whether links of targets and other units make it start at boot.
pub fn is_wanted(unit: &str) -> bool {
    let entries = fs::read_dir(OWN).into_iter().flatten().filter_map(Result::ok);
    let wants = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "wants" || kind == "requires");
    let mut directories = entries.map(|entry| entry.path()).filter(wants);
    directories.any(|directory| fs::symlink_metadata(directory.join(unit)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_want_can_be_enabled() {
        assert!(can_be_enabled("[Service]\nExecStart=/bin/true\n\n[Install]\nWantedBy=multi-user.target\n"));
        assert!(can_be_enabled("[Install]\r\nAlias = dbus-x.service\r\n"));
        assert!(!can_be_enabled("[Service]\nExecStart=/bin/true\n"));
        assert!(!can_be_enabled("[Install]\nAlso=cron.socket\n#WantedBy=x.target\nWantedBy=\n"));
        assert!(!can_be_enabled("[Install]\n[Unit]\nWantedBy=x.target\n"));
    }

    #[test]
    fn an_instance_has_the_file_of_its_template() {
        let paths: Vec<String> = paths("getty@tty1.service").collect();
        assert!(paths.contains(&"/lib/systemd/system/getty@.service".to_owned()));
        assert_eq!(paths[0], "/etc/systemd/system/getty@tty1.service");
    }
}
