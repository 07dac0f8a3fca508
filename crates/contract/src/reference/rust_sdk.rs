//! The tables of the Rust SDK: one file a capability, one entry a resource type.

use std::fmt::Write as _;

use crate::definition::{TYPES, TypeDefinition, ValueType, capabilities_with_types};

/// File name and content of each file below `sdk/rust/src/resources`.
pub fn rust_sdk() -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> =
        capabilities_with_types().into_iter().map(|name| (format!("{name}.rs"), file(name))).collect();
    files.push(("mod.rs".to_owned(), module()));
    files
}

fn module() -> String {
    let mut text = String::from(
        "//! Builders of all resource types. Written from the engine's resource definitions; its tests say how to \
         write them\n//! anew.\n\n",
    );
    let mut names = capabilities_with_types();
    names.sort_unstable();
    for name in &names {
        let _ = writeln!(text, "mod {name};");
    }
    text.push('\n');
    for name in &names {
        let _ = writeln!(text, "pub use {name}::*;");
    }
    text.push_str(
        "\n/// The tables as data: type, capability, identity, properties.\n#[cfg(all(test, not(target_arch = \
         \"wasm32\")))]\npub(crate) fn tables() -> Vec<crate::builder::TypeTable> {\n    [",
    );
    let tables: Vec<String> = names.iter().map(|name| format!("{name}::TABLE")).collect();
    let _ = writeln!(text, "{}].concat()\n}}", tables.join(", "));
    text
}

fn file(capability: &str) -> String {
    let mut text = format!(
        "//! The capability `{capability}`. Written from the engine's resource definitions.\n\nuse \
         crate::builder::*;\n\nresources! {{\n"
    );
    let types: Vec<_> = TYPES.iter().filter(|definition| definition.capability == capability).collect();
    for (index, definition) in types.into_iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        entry(&mut text, definition);
    }
    text.push_str("}\n");
    text
}

/// `create_if_missing` as `CreateIfMissing`.
fn camel(name: &str) -> String {
    let upper = |part: &str| part[..1].to_uppercase() + &part[1..];
    name.split('_').map(upper).collect()
}

fn entry(text: &mut String, definition: &TypeDefinition) {
    let name = definition.name;
    documentation(text, "    ", definition.documentation);
    text.push_str("    ///\n");
    let actions: Vec<String> = definition
        .actions
        .iter()
        .enumerate()
        .map(|(index, action)| {
            let variant = camel(action.name());
            format!("[`{variant}`](Action::{variant}){}", if index == 0 { " (the default)" } else { "" })
        })
        .collect();
    documentation(text, "    ", &format!("Actions: {}.", actions.join(", ")));
    text.push_str("    ///\n    /// ```\n    /// # use engine_sdk::prelude::*;\n");
    text.push_str("    /// # fn recipe(ctx: &mut Context) -> Result<()> {\n");
    for line in definition.example.lines() {
        let _ = writeln!(text, "    /// {line}");
    }
    text.push_str("    /// # Ok(()) }\n    /// ```\n");
    let identity = definition.identity.as_ref().map_or_else(String::new, |identity| {
        // One name is as good as a list of one.
        let kind = if identity.name == "names" { "Names" } else { kind(identity.value) };
        format!("{}: {kind}", identity.name)
    });
    let _ = write!(text, "    {} = {}::{name}({identity}) {{", camel(name), definition.capability);
    if definition.properties.is_empty() {
        text.push_str("}\n");
        return;
    }
    text.push('\n');
    for property in definition.properties {
        documentation(text, "        ", property.documentation);
        let _ = writeln!(text, "        {}: {},", property.name, kind(property.value));
    }
    text.push_str("    }\n");
}

/// A documentation comment, broken into lines.
fn documentation(text: &mut String, indent: &str, words: &str) {
    const WIDTH: usize = 110;
    let mut line = String::new();
    for word in words.split(' ') {
        if !line.is_empty() && indent.len() + 4 + line.len() + 1 + word.len() > WIDTH {
            let _ = writeln!(text, "{indent}/// {line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(text, "{indent}/// {line}");
}

fn kind(value: ValueType) -> &'static str {
    match value {
        ValueType::Text => "Text",
        ValueType::Json => "Json",
        ValueType::Bytes => "Bytes",
        ValueType::Integer => "Integer",
        ValueType::Boolean => "Boolean",
        ValueType::TextList => "TextList",
        ValueType::TextMap => "TextMap",
        ValueType::IntegerList => "IntegerList",
    }
}
