//! From TOML to tables whose values know where they stand.

mod apps;
mod reader;
mod rollout;
mod tables;
mod theme;
mod values;

use std::ops::Range;

pub(crate) use apps::{SourceKind, Texts};
use reader::Reader;
pub(crate) use tables::{
    App, AppSource, Cookbook, Grants, Health, Instance, Layer, Notification, Rollout, Secret, SecretFile,
    Ssh, StackFile, User,
};
use toml::de::DeTable;
pub(crate) use values::{List, Named, Tables, Tree};

use crate::source::Diagnostic;

/// A value and its place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) span: Range<usize>,
}

/// What a key holds.
///
/// That a value was there but could not be read is kept apart from its absence, so that nobody
/// complains about the absence on top.
#[derive(Debug, Clone, Default)]
pub(crate) enum Field<T> {
    #[default]
    Absent,
    Broken,
    Given(Spanned<T>),
}

impl<T> Field<T> {
    pub(crate) fn given(&self) -> Option<&Spanned<T>> {
        match self {
            Field::Given(value) => Some(value),
            Field::Absent | Field::Broken => None,
        }
    }

    pub(crate) fn value(&self) -> Option<&T> {
        self.given().map(|given| &given.value)
    }

    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Field::Absent)
    }

    pub(crate) fn is_broken(&self) -> bool {
        matches!(self, Field::Broken)
    }
}

/// Reads a stack file. `None` with at least one problem where the text is no TOML.
pub(crate) fn read(text: &str) -> (Option<StackFile>, Vec<Diagnostic>) {
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return (None, errors.iter().map(syntax_error).collect());
    }
    let mut reader = Reader::default();
    let file = StackFile::read_table(&mut reader, document.get_ref());
    (Some(file), reader.problems)
}

fn syntax_error(error: &toml::de::Error) -> Diagnostic {
    let message = error.message();
    let (first, rest) = message.split_once(", ").unwrap_or((message, ""));
    let diagnostic = Diagnostic::error(format!("this is not TOML: {first}"));
    match error.span() {
        Some(span) => diagnostic.label(span, rest),
        None => diagnostic,
    }
}
