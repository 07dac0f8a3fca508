//! A stack file that was read.

use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
};

use engine_model::{LifecycleEvent, Name, NameError, Stack};

use crate::{
    read,
    source::{Diagnostic, Diagnostics, Severity, Source},
    validate::{self, Base, EmptyLayers, Spans},
};

/// A stack and the file that it was read from.
///
/// The file is kept so that later stages can point into it: at a recipe that its cookbook does not
/// have, at a cookbook that cannot be opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The stack.
    pub stack: Stack,
    source: Source,
    spans: Spans,
    warnings: Vec<Diagnostic>,
}

/// Why a stack file could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// It could not be read.
    #[error("cannot read the stack file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file's name does not name a stack.
    #[error("the file name of {} must be a stack's name and `.toml`", path.display())]
    Name {
        /// The file.
        path: PathBuf,
        /// What is wrong with the name.
        source: NameError,
    },
    /// There are errors in it. Displays them all.
    #[error(transparent)]
    Invalid(#[from] Box<Diagnostics>),
}

/// Reads a stack file's text. `path` is for messages and what relative paths start from; `~` is
/// the home directory of the user.
///
/// Returns all that is wrong if anything is an error.
pub fn parse(name: Name, text: &str, path: &Path) -> Result<Manifest, Diagnostics> {
    parse_at(name, text, path, EmptyLayers::Refused)
}

/// Reads a stack file's text as [`load_unfinished`] does.
pub(crate) fn parse_unfinished(name: Name, text: &str, path: &Path) -> Result<Manifest, Diagnostics> {
    parse_at(name, text, path, EmptyLayers::Allowed)
}

fn parse_at(name: Name, text: &str, path: &Path, empty_layers: EmptyLayers) -> Result<Manifest, Diagnostics> {
    let directory = path.parent().unwrap_or(Path::new("")).to_owned();
    let base = Base { directory, home: std::env::home_dir() };
    let source = Source::new(path, text);
    let (file, mut problems) = read::read(text);
    let Some(file) = file else { return Err(Diagnostics::new(source, problems)) };
    let (stack, spans, found) = validate::validate(name, &file, &base, empty_layers);
    problems.extend(found);
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        return Err(Diagnostics::new(source, problems));
    }
    Ok(Manifest { stack, source, spans, warnings: problems })
}

/// Reads a stack file. The stack has the file's name.
pub fn load(path: impl AsRef<Path>) -> Result<Manifest, LoadError> {
    load_at(path.as_ref(), EmptyLayers::Refused)
}

/// Reads a stack file that may still be without instances: a layer that has none is worth a warning. Such a stack can
/// be looked at and completed, but not run.
pub fn load_unfinished(path: impl AsRef<Path>) -> Result<Manifest, LoadError> {
    load_at(path.as_ref(), EmptyLayers::Allowed)
}

fn load_at(path: &Path, empty_layers: EmptyLayers) -> Result<Manifest, LoadError> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = stem.parse().map_err(|source| LoadError::Name { path: path.to_owned(), source })?;
    let text =
        std::fs::read_to_string(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    parse_at(name, &text, path, empty_layers).map_err(|problems| LoadError::Invalid(Box::new(problems)))
}

impl Manifest {
    /// The stack file, as it was given.
    pub fn path(&self) -> &Path {
        self.source.path()
    }

    /// The stack file with its text.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// What is probably not meant but no error.
    pub fn warnings(&self) -> Diagnostics {
        self.diagnostics(self.warnings.clone())
    }

    /// Problems that a later stage found, to be shown in the stack file.
    pub fn diagnostics(&self, problems: Vec<Diagnostic>) -> Diagnostics {
        Diagnostics::new(self.source.clone(), problems)
    }

    /// One problem that a later stage found.
    pub fn diagnostic(&self, problem: Diagnostic) -> Diagnostics {
        self.diagnostics(vec![problem])
    }

    /// Where a layer is named.
    pub fn span_of_layer(&self, layer: &Name) -> Option<Range<usize>> {
        self.spans.layers.get(layer).cloned()
    }

    /// Where an instance is named.
    pub fn span_of_instance(&self, instance: &Name) -> Option<Range<usize>> {
        self.spans.instances.get(instance).cloned()
    }

    /// Where an app is named.
    pub fn span_of_app(&self, app: &Name) -> Option<Range<usize>> {
        self.spans.apps.get(app).cloned()
    }

    /// Where a recipe of a layer's run list stands.
    pub fn span_of_recipe(&self, layer: &Name, event: LifecycleEvent, index: usize) -> Option<Range<usize>> {
        self.spans.recipes.get(&(layer.clone(), event))?.get(index).cloned()
    }

    /// Where a cookbook is named.
    pub fn span_of_cookbook(&self, cookbook: &Name) -> Option<Range<usize>> {
        self.spans.cookbooks.get(cookbook).map(|spans| spans.name.clone())
    }

    /// Where it is said what a cookbook comes from.
    pub fn span_of_cookbook_source(&self, cookbook: &Name) -> Option<Range<usize>> {
        self.spans.cookbooks.get(cookbook).map(|spans| spans.source.clone())
    }

    /// Where a cookbook's grants stand, if it has any.
    pub fn span_of_grants(&self, cookbook: &Name) -> Option<Range<usize>> {
        self.spans.cookbooks.get(cookbook)?.grants.clone()
    }
}
