//! The part of the cookbook of the end-to-end tests that declares whatever a test says, in the words of the
//! definitions: a module for each capability, in it one arm a type, one line a property.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::definition::{TYPES, TypeDefinition, ValueType};

/// What every file says of itself.
const HEAD: &str = "Written from the engine's resource definitions; its tests say how to write it anew.";

pub(super) fn probe() -> Vec<(String, String)> {
    let mut modules: BTreeMap<&str, Vec<&TypeDefinition>> = BTreeMap::new();
    for definition in TYPES {
        modules.entry(definition.capability).or_default().push(definition);
    }
    let of_modules = modules.iter().map(|(name, types)| (format!("{name}.rs"), module(name, types)));
    std::iter::once(("mod.rs".to_owned(), index(&modules))).chain(of_modules).collect()
}

/// Finds the module for a resource.
fn index(modules: &BTreeMap<&str, Vec<&TypeDefinition>>) -> String {
    let mut text = format!("//! Declares any resource from JSON. {HEAD}\n\n");
    for name in modules.keys() {
        let _ = writeln!(text, "mod {name};");
    }
    text.push_str(
        "\nuse engine_sdk::prelude::*;\n\nuse crate::value::{Common, Wanted};\n\n\
         /// Declares one resource.\npub(crate) fn declare(ctx: &Context, mut wanted: Wanted) -> Result<()> {\n\
         \x20   let general = Common::take(ctx, &mut wanted)?;\n    match wanted.resource.as_str() {\n",
    );
    for (name, types) in modules {
        let types: Vec<String> = types.iter().map(|definition| format!("\"{}\"", definition.name)).collect();
        let line = format!("        {} =>", types.join(" | "));
        // As rustfmt has it.
        let pattern =
            if line.len() > 60 { format!("        {} =>", types.join("\n        | ")) } else { line };
        let _ = writeln!(text, "{pattern} {name}::declare(ctx, &mut wanted, general)?,");
    }
    text.push_str(
        "        other => return Err(wanted.unknown(other)),\n    }\n    wanted.nothing_left()\n}\n",
    );
    text
}

/// The resources of a capability.
fn module(name: &str, types: &[&TypeDefinition]) -> String {
    let mut text = format!(
        "//! Declares resources of the capability `{name}`. {HEAD}\n\n\
         use engine_sdk::prelude::*;\n\nuse crate::value::{{Common, Wanted}};\n\n\
         /// Declares one of them.\n\
         pub(super) fn declare(ctx: &Context, wanted: &mut Wanted, general: Common) -> Result<()> {{\n\
         \x20   match wanted.resource.as_str() {{\n",
    );
    for definition in types {
        arm(&mut text, definition);
    }
    text.push_str("        other => return Err(wanted.unknown(other)),\n    }\n    Ok(())\n}\n");
    text
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
