//! What was done on this node, one file a run, in lines of fields with tabs between them.
//!
//! A run that changes nothing leaves no file: lines are held back until the first change or failure.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Runs that are kept.
pub const KEEP: usize = 30;

/// Why the journal cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("the journal {path} cannot be written: {source}", path = path.display())]
pub struct JournalError {
    path: PathBuf,
    source: io::Error,
}

/// The journal of one event.
#[derive(Debug)]
pub struct Journal {
    directory: PathBuf,
    path: PathBuf,
    held: Vec<u8>,
    file: Option<File>,
}

impl Journal {
    /// A journal that exists in memory so far.
    pub fn new(state_dir: &Path, run: &str, event: &str) -> Self {
        let directory = state_dir.join("journal");
        let safe: String = run
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' })
            .take(100)
            .collect();
        let path = directory.join(format!("{safe}.journal"));
        let mut journal = Self { directory, path, held: Vec::new(), file: None };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        journal.hold(&["begin", run, event, &now.as_secs().to_string(), &std::process::id().to_string()]);
        journal
    }

    /// Whether there is a file.
    pub fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// What the run wrote here before this, if it did.
    pub fn before(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap_or_default()
    }

    /// Adds a line that is written with the next one that must be.
    pub fn hold(&mut self, fields: &[&str]) {
        for (index, field) in fields.iter().enumerate() {
            if index > 0 {
                self.held.push(b'\t');
            }
            let escaped = field.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n");
            self.held.extend(escaped.as_bytes());
        }
        self.held.push(b'\n');
    }

    /// Writes all lines, and makes sure that they are on disk if that is asked for.
    pub fn write(&mut self, sync: bool) -> Result<(), JournalError> {
        let failed = |source| JournalError { path: self.path.clone(), source };
        if self.file.is_none() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.directory).map_err(failed)?;
            let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path);
            let mut file = file.map_err(failed)?;
            // A line that was cut short by a crash must not swallow the next one.
            if !self.before().ends_with(b"\n") && file.metadata().map_err(failed)?.len() > 0 {
                file.write_all(b"\n").map_err(failed)?;
            }
            self.file = Some(file);
            prune(&self.directory);
        }
        if let Some(file) = &mut self.file {
            file.write_all(&self.held).map_err(failed)?;
            self.held.clear();
            if sync {
                file.sync_data().map_err(failed)?;
            }
        }
        Ok(())
    }
}

/// Deletes all but the newest journals.
fn prune(directory: &Path) {
    let mut journals: Vec<(SystemTime, PathBuf)> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "journal"))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    journals.sort();
    let excess = journals.len().saturating_sub(KEEP);
    for (_, path) in journals.drain(..excess) {
        let _ = fs::remove_file(path);
    }
}

/// The run in whose journal this process wrote last, if it changed something.
pub fn run_of(state_dir: &Path, pid: u32) -> Option<String> {
    let entries = fs::read_dir(state_dir.join("journal")).ok()?.flatten();
    let newest = entries.max_by_key(|entry| entry.metadata().and_then(|data| data.modified()).ok())?;
    let text = fs::read_to_string(newest.path()).ok()?;
    let line = text.lines().rfind(|line| line.starts_with("begin\t"))?;
    let fields: Vec<&str> = line.split('\t').collect();
    (fields.get(4)?.parse() == Ok(pid)).then(|| fields[1].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_before_it_must_be() {
        let state = tempfile::tempdir().unwrap();
        let mut journal = Journal::new(state.path(), "r/1", "setup");
        journal.hold(&["started", "a\tb\n"]);
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);
        journal.write(true).unwrap();
        let text = fs::read_to_string(state.path().join("journal/r_1.journal")).unwrap();
        assert!(text.starts_with("begin\tr/1\tsetup\t") && text.ends_with("\nstarted\ta\\tb\\n\n"), "{text}");
        assert_eq!(run_of(state.path(), std::process::id()), Some("r/1".to_owned()));
    }

    #[test]
    fn only_the_newest_are_kept() {
        let state = tempfile::tempdir().unwrap();
        for run in 0..KEEP + 5 {
            Journal::new(state.path(), &format!("r{run}"), "setup").write(false).unwrap();
        }
        assert_eq!(fs::read_dir(state.path().join("journal")).unwrap().count(), KEEP);
    }
}
