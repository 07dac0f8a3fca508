//! What stands behind a key.

use std::ops::Range;

use engine_model::{Attributes, Name};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Map;
use toml::{
    Spanned as TomlSpanned,
    de::{DeInteger, DeTable, DeValue},
};

use super::{
    Field, Spanned,
    reader::{Reader, Value},
};
use crate::source::Diagnostic;

/// A value with a place is to an editor what the value is.
macro_rules! schema_of_inner {
    ($outer:ident) => {
        impl<T: JsonSchema> JsonSchema for $outer<T> {
            fn inline_schema() -> bool {
                T::inline_schema()
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                T::schema_name()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                T::json_schema(generator)
            }
        }
    };
}

schema_of_inner!(Field);

/// A schema of one's own, in place.
macro_rules! schema {
    ([$($generic:tt)*] $type:ty, $generator:ident => $schema:expr) => {
        impl<$($generic)*> JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

pub(super) use schema;

impl Value for String {
    fn read(reader: &mut Reader, value: &TomlSpanned<DeValue<'_>>) -> Option<Self> {
        let text = value.get_ref().as_str().map(str::to_owned);
        if text.is_none() {
            reader.expected("a string", value);
        }
        text
    }
}

impl Value for bool {
    fn read(reader: &mut Reader, value: &TomlSpanned<DeValue<'_>>) -> Option<Self> {
        let boolean = value.get_ref().as_bool();
        if boolean.is_none() {
            reader.expected("`true` or `false`", value);
        }
        boolean
    }
}

/// A TCP port.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Port(pub(crate) u16);

schema!([] Port, _generator => json_schema!({ "type": "integer", "minimum": 1, "maximum": u16::MAX }));

impl Value for Port {
    fn read(reader: &mut Reader, value: &TomlSpanned<DeValue<'_>>) -> Option<Self> {
        let number = within(reader, value, 1, u16::MAX.into())?;
        u16::try_from(number).ok().map(Port)
    }
}

/// A user's number. 0 is root's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UserId(pub(crate) u32);

impl UserId {
    /// The highest of 32 bits stands for none.
    const MAXIMUM: i64 = 4_294_967_294;
}

schema!([] UserId, _generator => json_schema!({ "type": "integer", "minimum": 1, "maximum": UserId::MAXIMUM }));

impl Value for UserId {
    fn read(reader: &mut Reader, value: &TomlSpanned<DeValue<'_>>) -> Option<Self> {
        let number = within(reader, value, 1, Self::MAXIMUM)?;
        u32::try_from(number).ok().map(UserId)
    }
}

/// A time to wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seconds(pub(crate) u64);

impl Seconds {
    const MAXIMUM: i64 = 3600;
}

schema!([] Seconds, _generator => {
    json_schema!({ "type": "integer", "minimum": 1, "maximum": Seconds::MAXIMUM })
});

impl Value for Seconds {
    fn read(reader: &mut Reader, value: &TomlSpanned<DeValue<'_>>) -> Option<Self> {
        let number = within(reader, value, 1, Self::MAXIMUM)?;
        u64::try_from(number).ok().map(Seconds)
    }
}

pub(super) fn within(
    reader: &mut Reader,
    value: &TomlSpanned<DeValue<'_>>,
    least: i64,
    most: i64,
) -> Option<i64> {
    let Some(number) = value.get_ref().as_integer() else {
        reader.expected("an integer", value);
        return None;
    };
    let number = integer(number).filter(|number| (least..=most).contains(number));
    if number.is_none() {
        let problem = Diagnostic::error(format!("{} is out of range", reader.key()))
            .label(value.span(), format!("must be from {least} to {most}"));
        reader.problems.push(problem);
    }
    number
}

fn integer(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// `"local"`, the one connection that has to be asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Local;

schema!([] Local, _generator => json_schema!({ "const": "local" }));

impl Value for Local {
    fn read(reader: &mut Reader, value: &TomlSpanned<DeValue<'_>>) -> Option<Self> {
        if value.get_ref().as_str() == Some("local") {
            return Some(Local);
        }
        let problem = Diagnostic::error(format!("{} can only be \"local\"", reader.key()))
            .label(value.span(), "not a connection")
            .hint("for SSH, which is the rule, give `host` and leave `connection` out");
        reader.problems.push(problem);
        None
    }
}

/// An array of equal things.
#[derive(Debug, Clone)]
pub(crate) struct List<T> {
    pub(crate) items: Vec<Spanned<T>>,
    /// Whether every item could be read.
    pub(crate) complete: bool,
}

schema!([T: JsonSchema] List<T>, generator => {
    json_schema!({ "type": "array", "items": generator.subschema_for::<T>() })
});

impl<T: Value> Value for List<T> {
    fn read(reader: &mut Reader, value: &TomlSpanned<DeValue<'_>>) -> Option<Self> {
        let Some(array) = value.get_ref().as_array() else {
            reader.expected("an array", value);
            return None;
        };
        let items: Vec<_> = array
            .iter()
            .enumerate()
            .filter_map(|(index, item)| {
                let read = reader.at_item(index, |reader| T::read(reader, item))?;
                Some(Spanned { value: read, span: item.span() })
            })
            .collect();
        Some(List { complete: items.len() == array.len(), items })
    }
}

/// Tables by name, in the order of the file.
#[derive(Debug)]
pub(crate) struct Tables<T>(pub(crate) Vec<Named<T>>);

/// A table and its name.
#[derive(Debug)]
pub(crate) struct Named<T> {
    /// What the file calls it.
    pub(crate) key: String,
    /// The same, if it is a name.
    pub(crate) name: Option<Name>,
    /// Where the file names it.
    pub(crate) span: Range<usize>,
    pub(crate) table: Field<T>,
}

schema!([T: JsonSchema] Tables<T>, generator => json_schema!({
    "type": "object",
    "propertyNames": { "pattern": "^[a-z][a-z0-9_-]*$", "maxLength": Name::MAXIMUM_LENGTH },
    "additionalProperties": generator.subschema_for::<T>(),
}));

impl<T: Value> Value for Tables<T> {
    fn read(reader: &mut Reader, value: &TomlSpanned<DeValue<'_>>) -> Option<Self> {
        let table = reader.table(value)?;
        let entries = table.keys().map(|key| {
            let text = key.get_ref().as_ref();
            let name = text.parse::<Name>();
            if let Err(error) = &name {
                let problem =
                    Diagnostic::error(format!("`{text}` is not a name")).label(key.span(), error.problem);
                reader.problems.push(problem);
            }
            let table = reader.field(table, text);
            Named { key: text.to_owned(), name: name.ok(), span: key.span(), table }
        });
        Some(Tables(entries.collect()))
    }
}

/// Free-form data.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree(pub(crate) Attributes);

schema!([] Tree, _generator => json_schema!({ "type": "object" }));

impl Value for Tree {
    fn read(reader: &mut Reader, value: &TomlSpanned<DeValue<'_>>) -> Option<Self> {
        let table = reader.table(value)?;
        Some(Tree(Attributes(tree(reader, table))))
    }
}

fn tree(reader: &mut Reader, table: &DeTable<'_>) -> Map<String, serde_json::Value> {
    let entries = table.iter().filter_map(|(key, value)| {
        let key = key.get_ref().as_ref();
        Some((key.to_owned(), reader.at(key, |reader| leaf(reader, value))?))
    });
    entries.collect()
}

fn leaf(reader: &mut Reader, value: &TomlSpanned<DeValue<'_>>) -> Option<serde_json::Value> {
    let (wrong, label, hint) = match value.get_ref() {
        DeValue::String(text) => return Some(text.as_ref().into()),
        DeValue::Boolean(boolean) => return Some((*boolean).into()),
        DeValue::Array(array) => {
            let items = array.iter().enumerate();
            return Some(
                items
                    .filter_map(|(index, item)| reader.at_item(index, |reader| leaf(reader, item)))
                    .collect(),
            );
        }
        DeValue::Table(table) => return Some(tree(reader, table).into()),
        DeValue::Integer(number) => match integer(number) {
            Some(number) => return Some(number.into()),
            None => ("is too large", "does not fit 64 bits", "write it as a string"),
        },
        DeValue::Float(number) => {
            let number = number.as_str().parse::<f64>().ok().and_then(serde_json::Number::from_f64);
            match number {
                Some(number) => return Some(number.into()),
                None => ("is not finite", "attributes have no infinity and no NaN", "write it as a string"),
            }
        }
        DeValue::Datetime(_) => {
            ("is a date or time", "attributes have no dates", "put it in quotes to make it a string")
        }
    };
    let problem = Diagnostic::error(format!("attribute {} {wrong}", reader.key()))
        .label(value.span(), label)
        .hint(hint);
    reader.problems.push(problem);
    None
}
