//! Finding a stack's file.

use std::{
    collections::BTreeSet,
    fmt, fs,
    path::{Path, PathBuf},
};

use engine_model::Name;

use crate::suggest;

/// No file of that stack was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindError {
    /// What was asked for.
    pub stack: String,
    /// The files that would have been it.
    pub looked_at: Vec<PathBuf>,
    /// The stacks that there are.
    pub stacks: Vec<String>,
}

impl FindError {
    /// The stack that was probably meant.
    pub fn suggestion(&self) -> Option<&str> {
        suggest::nearest(&self.stack, self.stacks.iter().map(String::as_str))
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match (self.suggestion(), self.stacks.as_slice()) {
            (Some(meant), _) => format!("did you mean `{meant}`?"),
            (None, []) => "a stack is a file `stacks/<name>.toml`; there is none here".to_owned(),
            (None, [only]) => format!("there is only `{only}`"),
            (None, stacks) => format!("there are {}", suggest::list(stacks.iter().map(String::as_str))),
        }
    }
}

impl fmt::Display for FindError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths: Vec<String> = self.looked_at.iter().map(|path| path.display().to_string()).collect();
        write!(formatter, "no stack `{}`; looked for {}", self.stack, paths.join(", "))
    }
}

impl std::error::Error for FindError {}

/// The file of a stack that is given by name or by path.
///
/// A name is looked for as `stacks/<name>.toml` in the working directory and those above it, then
/// as `<name>.toml` in the working directory. Anything else is a path.
pub fn find(stack: &str, working_directory: &Path) -> Result<PathBuf, FindError> {
    let mut looked_at = Vec::new();
    if stack.parse::<Name>().is_ok() {
        let file = format!("{stack}.toml");
        looked_at.extend(working_directory.ancestors().map(|above| above.join("stacks").join(&file)));
        looked_at.push(working_directory.join(file));
    }
    // Also for what has the form of a name: a file may have no ending.
    looked_at.push(working_directory.join(stack));
    match looked_at.iter().find(|path| path.is_file()) {
        Some(path) => Ok(path.clone()),
        None => Err(FindError { stack: stack.to_owned(), stacks: stacks(working_directory), looked_at }),
    }
}

/// The names of the stacks that `find` would find in `stacks` directories.
fn stacks(working_directory: &Path) -> Vec<String> {
    let mut names = BTreeSet::new();
    for above in working_directory.ancestors() {
        let Ok(entries) = fs::read_dir(above.join("stacks")) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.extension().is_some_and(|ending| ending == "toml") && path.is_file() {
                let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                names.extend(stem.parse::<Name>().ok().map(String::from));
            }
        }
    }
    names.into_iter().collect()
}
