//! What stands behind `hostname_theme`.

use engine_model::HostnameTheme;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::{Spanned as TomlSpanned, de::DeValue};

use super::{
    reader::{Reader, Value},
    values::schema,
};
use crate::{source::Diagnostic, suggest};

/// Where the names of new instances come from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Theme(pub(crate) HostnameTheme);

schema!([] Theme, _generator => json_schema!({ "enum": HostnameTheme::ALL.map(HostnameTheme::name) }));

impl Value for Theme {
    fn read(reader: &mut Reader, value: &TomlSpanned<DeValue<'_>>) -> Option<Self> {
        let known = HostnameTheme::ALL.map(HostnameTheme::name);
        let text = String::read(reader, value)?;
        let theme = HostnameTheme::parse(&text).map(Theme);
        if theme.is_none() {
            let problem = Diagnostic::error(format!("{} cannot be `{text}`", reader.key()))
                .label(value.span(), format!("must be one of {}", suggest::list(known)));
            reader.problems.push(problem);
        }
        theme
    }
}
