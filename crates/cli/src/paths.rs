//! Where things are kept.

use std::path::{Path, PathBuf};

use crate::{arguments::GlobalOptions, errors::Failure};

/// The directory of compiled cookbooks.
pub(crate) fn cache_directory(global: &GlobalOptions) -> Result<PathBuf, Failure> {
    if let Some(directory) = &global.cache_dir {
        return Ok(directory.clone());
    }
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("engine").join("components"))
        .ok_or_else(|| {
            Failure::usage("HOME is not set, so there is no cache directory").hint("give --cache-dir")
        })
}

/// The directory of what apps are made of.
pub(crate) fn sources_directory(global: &GlobalOptions) -> Result<PathBuf, Failure> {
    let cookbooks = cache_directory(global)?;
    Ok(match &global.cache_dir {
        Some(directory) => directory.join("apps"),
        None => cookbooks.with_file_name("apps"),
    })
}

/// The file with the live state, unless it is said to be elsewhere: `.engine/state.db` in the directory that holds
/// `stacks`.
pub(crate) fn state_file(stack_file: &Path) -> PathBuf {
    let directory = stack_file.parent().unwrap_or(Path::new(""));
    let above = match directory.file_name() {
        Some(name) if name == "stacks" => directory.parent().unwrap_or(Path::new("")),
        _ => directory,
    };
    above.join(".engine").join("state.db")
}
