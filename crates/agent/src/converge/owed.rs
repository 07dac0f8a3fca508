//! Notifications that are owed: written down before the change that causes them, struck out when the target has
//! acted. Between the two the agent, the connection, the controller or the whole node may die; the next run that
//! declares the target tells it, once.
//!
//! Once is all that can be had: if the change was not made after all, the resource changes in the next run and tells
//! its target itself, and both collapse into one. Only a target that dies while it acts may act twice.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use engine_protocol::{Action, Resource, Spec};

/// Debts that are kept; the oldest go first. Only targets that are never declared again keep any.
const KEEP: usize = 1000;

/// Why a debt cannot be written down or struck out.
#[derive(Debug, thiserror::Error)]
#[error("the list of owed notifications {path} cannot be written: {source}", path = path.display())]
pub struct OwedError {
    path: PathBuf,
    source: io::Error,
}

/// Somebody who is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debt {
    /// The [key](key) of who shall act.
    pub target: String,
    /// What it shall do.
    pub action: Action,
    /// The key of who changed.
    pub by: String,
}

/// All debts of a node.
#[derive(Debug)]
pub struct Owed {
    path: PathBuf,
    debts: Vec<Debt>,
    /// Those that were there when this was read.
    read: Vec<Debt>,
}

/// What names a resource from run to run: its name in Chef's form. A sensitive command is its own name, so a digest
/// of it stands in.
pub fn key(resource: &Resource) -> String {
    match resource.spec {
        Spec::Execute(_) if resource.common.sensitive => {
            format!("{}[sensitive {:016x}]", resource.kind, digest(&resource.name))
        }
        _ => format!("{}[{}]", resource.kind, resource.name),
    }
}

/// FNV-1a: tells commands apart, and keeps them from the disk.
fn digest(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

impl Owed {
    /// Reads what is owed. What cannot be read is not owed: half a line is left by a write that was cut short, and
    /// then the change it spoke of was not made.
    pub fn read(state_dir: &Path) -> Self {
        let path = state_dir.join("owed");
        let text =
            fs::read(&path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let debts = parse(&text);
        Self { path, read: debts.clone(), debts }
    }

    /// What is owed, oldest first.
    pub fn debts(&self) -> &[Debt] {
        &self.debts
    }

    /// What was owed already when this was read, and still is.
    pub fn inherited(&self) -> Vec<Debt> {
        self.read.iter().filter(|debt| self.debts.contains(debt)).cloned().collect()
    }

    /// Writes debts down; they are on disk when this returns.
    pub fn owe(&mut self, debts: Vec<Debt>) -> Result<(), OwedError> {
        let mut lines = String::new();
        for debt in debts {
            if !self.debts.contains(&debt) {
                lines += &line("owed", &[&debt.target, debt.action.name(), &debt.by]);
                self.debts.push(debt);
            }
        }
        if lines.is_empty() {
            return Ok(());
        }
        let excess = self.debts.len().saturating_sub(KEEP);
        self.debts.drain(..excess);
        self.append(&lines)
    }

    /// Strikes out all debts to a target that has acted.
    pub fn pay(&mut self, target: &str, action: Action) -> Result<(), OwedError> {
        let before = self.debts.len();
        self.debts.retain(|debt| debt.target != target || debt.action != action);
        if self.debts.len() == before {
            return Ok(());
        }
        if !self.debts.is_empty() {
            return self.append(&line("paid", &[target, action.name()]));
        }
        let removed = fs::remove_file(&self.path).and_then(|()| self.sync_directory());
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed(error)),
            _ => Ok(()),
        }
    }

    fn append(&self, lines: &str) -> Result<(), OwedError> {
        let write = || {
            let directory = self.path.parent().unwrap_or(Path::new("/"));
            fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            let new = !self.path.exists();
            let mut file: File = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)?;
            // A line that was cut short by a crash must not swallow this one.
            file.write_all(format!("\n{lines}").as_bytes())?;
            file.sync_data()?;
            if new { self.sync_directory() } else { Ok(()) }
        };
        write().map_err(|source| self.failed(source))
    }

    fn sync_directory(&self) -> io::Result<()> {
        match self.path.parent() {
            Some(directory) => File::open(directory)?.sync_all(),
            None => Ok(()),
        }
    }

    fn failed(&self, source: io::Error) -> OwedError {
        OwedError { path: self.path.clone(), source }
    }
}

fn line(word: &str, fields: &[&str]) -> String {
    let escape = |field: &&str| field.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n");
    let fields: Vec<String> = fields.iter().map(escape).collect();
    // The end says that the line is whole.
    format!("{word}\t{}\t.\n", fields.join("\t"))
}

fn unescape(field: &str) -> String {
    let mut text = String::with_capacity(field.len());
    let mut escaped = false;
    for character in field.chars() {
        match character {
            '\\' if !escaped => escaped = true,
            character => {
                text.push(match character {
                    't' if escaped => '\t',
                    'n' if escaped => '\n',
                    character => character,
                });
                escaped = false;
            }
        }
    }
    text
}

fn parse(text: &str) -> Vec<Debt> {
    let mut debts: Vec<Debt> = Vec::new();
    for line in text.lines() {
        match line.split('\t').collect::<Vec<_>>()[..] {
            ["owed", target, action, by, "."] => {
                let Some(action) = Action::parse(action) else { continue };
                let debt = Debt { target: unescape(target), action, by: unescape(by) };
                if !debts.contains(&debt) {
                    debts.push(debt);
                }
            }
            ["paid", target, action, "."] => {
                let target = unescape(target);
                debts.retain(|debt| debt.target != target || debt.action.name() != action);
            }
            _ => {}
        }
    }
    debts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn debt(target: &str, by: &str) -> Debt {
        Debt { target: target.into(), action: Action::Reload, by: by.into() }
    }

    #[test]
    fn what_is_owed_is_read_again_until_it_is_paid() {
        let state = tempfile::tempdir().unwrap();
        let odd = "file[/srv/a\tb\\n\nc]";
        let mut owed = Owed::read(state.path());
        owed.owe(vec![debt("service[a]", odd), debt("service[b]", odd)]).unwrap();
        owed.owe(vec![debt("service[a]", odd)]).unwrap();
        assert_eq!(Owed::read(state.path()).debts(), [debt("service[a]", odd), debt("service[b]", odd)]);
        owed.pay("service[a]", Action::Restart).unwrap();
        owed.pay("service[a]", Action::Reload).unwrap();
        assert_eq!(Owed::read(state.path()).debts(), [debt("service[b]", odd)]);
        owed.pay("service[b]", Action::Reload).unwrap();
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0, "nothing is left of what is paid");
    }

    #[test]
    fn a_line_that_was_cut_short_is_no_debt_and_hides_none() {
        let state = tempfile::tempdir().unwrap();
        let whole = line("owed", &["service[a]", "reload", "file[x]"]);
        for end in 0..whole.len() - 1 {
            fs::write(state.path().join("owed"), &whole[..end]).unwrap();
            let mut owed = Owed::read(state.path());
            assert!(owed.debts().is_empty(), "{end}");
            owed.owe(vec![debt("service[b]", "file[y]")]).unwrap();
            assert_eq!(Owed::read(state.path()).debts(), [debt("service[b]", "file[y]")], "{end}");
        }
    }
}
