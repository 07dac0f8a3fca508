//! The newest configure of each stack that this node has seen. It refuses older ones.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Why a configure is not taken.
#[derive(Debug, thiserror::Error)]
pub enum GenerationError {
    /// There was a later one.
    #[error(
        "configure {generation} of stack `{stack}` is older than configure {seen}, which this node has done; somebody else has changed the stack since: run configure again"
    )]
    Old {
        /// The stack.
        stack: String,
        /// What was asked for.
        generation: u64,
        /// What was done.
        seen: u64,
    },
    /// It cannot be remembered.
    #[error("the generation in {path} cannot be kept: {source}", path = path.display())]
    System {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Goes on to a generation; the same one may come again. It is on disk when this returns.
pub fn advance(state_dir: &Path, stack: &str, generation: u64) -> Result<(), GenerationError> {
    // Names of stacks are such that they name a file; whatever else comes is no path either.
    let safe: String =
        stack.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    let directory = state_dir.join("generations");
    let path = directory.join(&safe);
    // What cannot be read was not written to its end, and so was never gone on to.
    let seen = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    if generation < seen {
        return Err(GenerationError::Old { stack: stack.to_owned(), generation, seen });
    }
    if generation == seen {
        return Ok(());
    }
    let write = || {
        DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        let new = directory.join(format!(".{safe}"));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        writeln!(file, "{generation}")?;
        file.sync_all()?;
        fs::rename(&new, &path)
    };
    write().map_err(|source| GenerationError::System { path: path.clone(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_ones_are_refused_and_stacks_are_kept_apart() {
        let state = tempfile::tempdir().unwrap();
        for generation in [1, 3, 3, 7] {
            advance(state.path(), "demo", generation).unwrap();
        }
        let error = advance(state.path(), "demo", 6).unwrap_err();
        assert!(matches!(&error, GenerationError::Old { seen: 7, .. }), "{error}");
        advance(state.path(), "other", 1).unwrap();
        advance(state.path(), "demo", 8).unwrap();
    }

    #[test]
    fn what_was_cut_short_was_never_gone_on_to() {
        let state = tempfile::tempdir().unwrap();
        advance(state.path(), "demo", 5).unwrap();
        fs::write(state.path().join("generations/demo"), "").unwrap();
        advance(state.path(), "demo", 5).unwrap();
        assert!(advance(state.path(), "demo", 4).is_err());
    }
}
