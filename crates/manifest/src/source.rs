//! A stack file's text and what there is to say about it.

mod diagnostic;
mod render;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

pub use diagnostic::{Diagnostic, Diagnostics, Severity};

/// A file's text together with the path that messages show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    path: Arc<Path>,
    text: Arc<str>,
}

impl Source {
    /// A source of that path and text.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> Source {
        Source { path: path.into().into(), text: text.into() }
    }

    /// The path, as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }
}
