//! What stands behind the keys of an app.

use engine_model::Fetch;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::{Spanned as TomlSpanned, de::DeValue};

use super::{
    Spanned,
    reader::{Reader, Value},
    values::schema,
};
use crate::{source::Diagnostic, suggest};

/// Of what kind a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SourceKind {
    Git,
    Archive,
    Local,
}

const KINDS: [(&str, SourceKind); 3] =
    [("git", SourceKind::Git), ("archive", SourceKind::Archive), ("local", SourceKind::Local)];

schema!([] SourceKind, _generator => json_schema!({ "enum": KINDS.map(|(name, _)| name) }));

impl Value for SourceKind {
    fn read(reader: &mut Reader, value: &TomlSpanned<DeValue<'_>>) -> Option<Self> {
        one_of(reader, value, &KINDS)
    }
}

/// Who fetches a source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FetchFrom(pub(crate) Fetch);

schema!([] FetchFrom, _generator => json_schema!({ "enum": Fetch::ALL.map(Fetch::name) }));

impl Value for FetchFrom {
    fn read(reader: &mut Reader, value: &TomlSpanned<DeValue<'_>>) -> Option<Self> {
        one_of(reader, value, &Fetch::ALL.map(|fetch| (fetch.name(), fetch))).map(FetchFrom)
    }
}

fn one_of<T: Copy>(reader: &mut Reader, value: &TomlSpanned<DeValue<'_>>, known: &[(&str, T)]) -> Option<T> {
    let text = String::read(reader, value)?;
    let found = known.iter().find(|(name, _)| *name == text).map(|(_, found)| *found);
    if found.is_none() {
        let problem = Diagnostic::error(format!("{} cannot be `{text}`", reader.key())).label(
            value.span(),
            format!("must be one of {}", suggest::list(known.iter().map(|(name, _)| *name))),
        );
        reader.problems.push(problem);
    }
    found
}

/// Texts by names that are free to choose.
#[derive(Debug, Clone, Default)]
pub(crate) struct Texts(pub(crate) Vec<(Spanned<String>, Spanned<String>)>);

schema!([] Texts, _generator => {
    json_schema!({ "type": "object", "additionalProperties": { "type": "string" } })
});

impl Value for Texts {
    fn read(reader: &mut Reader, value: &TomlSpanned<DeValue<'_>>) -> Option<Self> {
        let table = reader.table(value)?;
        let entries = table.iter().filter_map(|(key, value)| {
            let name = Spanned { value: key.get_ref().to_string(), span: key.span() };
            Some((name, Spanned { value: String::read(reader, value)?, span: value.span() }))
        });
        Some(Texts(entries.collect()))
    }
}
