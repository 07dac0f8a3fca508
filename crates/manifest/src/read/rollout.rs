//! What stands behind the keys of a rollout.

use engine_model::{BatchSize, Command, UnreachablePolicy};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::{Spanned as TomlSpanned, de::DeValue};

use super::{
    reader::{Reader, Value},
    values::{schema, within},
};
use crate::{source::Diagnostic, suggest};

/// A number of instances, or a share of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch(pub(crate) BatchSize);

schema!([] Batch, _generator => json_schema!({
    "oneOf": [
        { "type": "integer", "minimum": 1 },
        { "type": "string", "pattern": "^([1-9][0-9]?|100)%$" },
    ]
}));

impl Value for Batch {
    fn read(reader: &mut Reader, value: &TomlSpanned<DeValue<'_>>) -> Option<Self> {
        let text = match value.get_ref() {
            DeValue::Integer(number) => number.as_str().to_owned(),
            DeValue::String(text) if text.ends_with('%') => text.as_ref().to_owned(),
            _ => {
                reader.expected("a number of instances or a share such as \"25%\"", value);
                return None;
            }
        };
        let size = text.parse().ok().map(Batch);
        if size.is_none() {
            let problem = Diagnostic::error(format!("{} is out of range", reader.key()))
                .label(value.span(), "must be at least 1, or from \"1%\" to \"100%\"");
            reader.problems.push(problem);
        }
        size
    }
}

/// How many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count(pub(crate) u32);

schema!([] Count, _generator => json_schema!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }));

impl Value for Count {
    fn read(reader: &mut Reader, value: &TomlSpanned<DeValue<'_>>) -> Option<Self> {
        let number = within(reader, value, 0, u32::MAX.into())?;
        u32::try_from(number).ok().map(Count)
    }
}

/// What an instance means that cannot be reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unreachable(pub(crate) UnreachablePolicy);

schema!([] Unreachable, _generator => {
    json_schema!({ "enum": UnreachablePolicy::ALL.map(UnreachablePolicy::name) })
});

impl Value for Unreachable {
    fn read(reader: &mut Reader, value: &TomlSpanned<DeValue<'_>>) -> Option<Self> {
        let known = UnreachablePolicy::ALL.map(UnreachablePolicy::name);
        let text = String::read(reader, value)?;
        let policy = UnreachablePolicy::parse(&text).map(Unreachable);
        if policy.is_none() {
            let problem = Diagnostic::error(format!("{} cannot be `{text}`", reader.key()))
                .label(value.span(), format!("must be one of {}", suggest::list(known)));
            reader.problems.push(problem);
        }
        policy
    }
}

/// Tables by command.
#[derive(Debug)]
pub(crate) struct ByCommand<T>(pub(crate) Vec<(Command, T)>);

impl<T: JsonSchema> JsonSchema for ByCommand<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ByCommand".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "propertyNames": { "enum": Command::ALL.map(Command::name) },
            "additionalProperties": generator.subschema_for::<T>(),
        })
    }
}

impl<T: Value> Value for ByCommand<T> {
    fn read(reader: &mut Reader, value: &TomlSpanned<DeValue<'_>>) -> Option<Self> {
        let table = reader.table(value)?;
        let mut read = Vec::new();
        for (key, value) in table {
            let text = key.get_ref().as_ref();
            match text.parse::<Command>() {
                Ok(command) => {
                    read.extend(
                        reader.at(text, |reader| T::read(reader, value)).map(|table| (command, table)),
                    );
                }
                Err(error) => {
                    let known = Command::ALL.map(Command::name);
                    let label = match suggest::nearest(text, known) {
                        Some(meant) => format!("did you mean `{meant}`?"),
                        None => format!("the commands are {}", suggest::list(known)),
                    };
                    reader.problems.push(Diagnostic::error(error.to_string()).label(key.span(), label));
                }
            }
        }
        Some(ByCommand(read))
    }
}
