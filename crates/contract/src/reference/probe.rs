//! The part of the cookbook of the end-to-end tests that declares whatever a test says, in the words of the
//! definitions: one arm a type, one line a property.

use std::fmt::Write as _;

use crate::definition::{TYPES, TypeDefinition, ValueType};

pub(super) fn probe() -> Vec<(String, String)> {
    let mut text = String::from(
        "//! Declares any resource from JSON. Written from the engine's resource definitions; its tests say how to \
         write it\n//! anew.\n\nuse engine_sdk::prelude::*;\n\nuse crate::value::{Common, Wanted};\n\n\
         /// Declares one resource.\npub(crate) fn declare(ctx: &Context, mut wanted: Wanted) -> Result<()> {\n\
         \x20   let general = Common::take(ctx, &mut wanted)?;\n    match wanted.resource.as_str() {\n",
    );
    for definition in TYPES {
        arm(&mut text, definition);
    }
    text.push_str(
        "        other => return Err(wanted.unknown(other)),\n    }\n    wanted.nothing_left()\n}\n",
    );
    vec![("mod.rs".to_owned(), text)]
}

fn arm(text: &mut String, definition: &TypeDefinition) {
    let name = definition.name;
    let identity = match &definition.identity {
        None => "",
        Some(identity) if identity.value == ValueType::TextList => "wanted.names()?",
        Some(_) => "wanted.name()?",
    };
    let binding = if definition.properties.is_empty() { "let builder" } else { "let mut builder" };
    let _ = writeln!(text, "        \"{name}\" => {{\n            {binding} = ctx.{name}({identity});");
    for property in definition.properties {
        let read = match property.value {
            ValueType::Text => "text",
            ValueType::Json => "json",
            ValueType::Bytes => "bytes",
            ValueType::Integer => "integer",
            ValueType::Boolean => "boolean",
            ValueType::TextList => "text_list",
            ValueType::TextMap => "text_map",
            ValueType::IntegerList => "integer_list",
        };
        let reference = if property.value == ValueType::Json { "&" } else { "" };
        let _ = writeln!(
            text,
            "            if let Some(value) = wanted.{read}(\"{0}\")? {{\n                builder = builder.{0}({reference}value);\n            }}",
            property.name
        );
    }
    text.push_str("            common!(builder, general).declare()?;\n        }\n");
}
