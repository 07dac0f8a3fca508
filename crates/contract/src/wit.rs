//! The WIT files of the capability interfaces, written from the [definitions](crate::definition).
//!
//! What does not come from the table (facts, stack, the world) is written by hand beside them.

use std::fmt::Write as _;

use crate::{
    definition::{PropertyDefinition, TYPES, TypeDefinition, ValueType, capabilities_with_types},
    guards::{GUARDS, GuardDefinition},
};

/// Words that mean something to WIT.
const KEYWORDS: &[&str] = &[
    "as",
    "async",
    "bool",
    "borrow",
    "char",
    "constructor",
    "enum",
    "error-context",
    "export",
    "f32",
    "f64",
    "flags",
    "from",
    "func",
    "future",
    "import",
    "include",
    "interface",
    "list",
    "map",
    "option",
    "own",
    "package",
    "record",
    "resource",
    "result",
    "s16",
    "s32",
    "s64",
    "s8",
    "static",
    "stream",
    "string",
    "tuple",
    "type",
    "u16",
    "u32",
    "u64",
    "u8",
    "use",
    "variant",
    "with",
    "world",
];

/// File name and content of each generated WIT file.
pub fn files() -> Vec<(String, String)> {
    capabilities_with_types().into_iter().map(|name| (format!("{name}.wit"), interface(name))).collect()
}

/// A name in WIT's spelling.
pub fn kebab(name: &str) -> String {
    name.replace('_', "-")
}

/// The same, where a definition or a type stands: a keyword needs a sign that it is none.
fn identifier(name: &str) -> String {
    let name = kebab(name);
    if KEYWORDS.contains(&name.as_str()) { format!("%{name}") } else { name }
}

fn interface(capability: &str) -> String {
    let mut text = format!(
        "package engine:cookbook@{};\n\n\
         /// The capability `{capability}`.\ninterface {capability} {{\n",
        crate::WIT_VERSION
    );
    let guards: Vec<_> = GUARDS.iter().filter(|guard| guard.capability == capability).collect();
    text.push_str("    use types.{error};\n");
    let _ =
        writeln!(text, "    use common.{{declaration{}}};", if guards.is_empty() { "" } else { ", guard" });
    for GuardDefinition { name, argument, value, documentation, .. } in guards {
        let _ = writeln!(text, "\n    /// {documentation}");
        let _ = writeln!(
            text,
            "    {}: func({argument}: {}) -> result<guard, error>;",
            kebab(name),
            value_type(*value)
        );
    }
    for definition in TYPES.iter().filter(|definition| definition.capability == capability) {
        resource(&mut text, definition);
    }
    // At the end: comments before `package` are its documentation, which one file alone may have.
    text.push_str(
        "}\n\n// Written from the resource definitions; `cargo test -p engine-contract` says how to write it anew.\n",
    );
    text
}

fn resource(text: &mut String, definition: &TypeDefinition) {
    let name = identifier(definition.name);
    let actions: Vec<String> =
        definition.actions.iter().map(|action| format!("`{}`", action.name())).collect();
    let _ = writeln!(text, "\n    /// {}", definition.documentation);
    let _ = writeln!(text, "    ///\n    /// Actions: {}; the first is the default.", actions.join(", "));
    let _ = writeln!(text, "    resource {name} {{");
    let argument = definition.identity.as_ref().map_or_else(String::new, |identity| {
        format!("{}: {}", identifier(identity.name), value_type(identity.value))
    });
    text.push_str("        /// Declares it here: resources are applied in the order of declaration.\n");
    if let Some(identity) = &definition.identity {
        let _ = writeln!(text, "        /// `{}`: {}", kebab(identity.name), identity.documentation);
    }
    let _ = writeln!(text, "        declare: static func({argument}) -> result<{name}, error>;");
    text.push_str("        /// The handle with what all resources have.\n");
    text.push_str("        declaration: func() -> declaration;\n");
    for property in definition.properties {
        let PropertyDefinition { name, value, documentation } = property;
        let _ = writeln!(text, "        /// {documentation}");
        let _ = writeln!(
            text,
            "        {}: func(value: {}) -> result<_, error>;",
            identifier(name),
            value_type(*value)
        );
    }
    text.push_str("    }\n");
}

fn value_type(value: ValueType) -> &'static str {
    match value {
        ValueType::Text | ValueType::Json => "string",
        ValueType::Bytes => "list<u8>",
        ValueType::Integer => "s64",
        ValueType::Boolean => "bool",
        ValueType::TextList => "list<string>",
        ValueType::TextMap => "list<tuple<string, string>>",
        ValueType::IntegerList => "list<s64>",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// What tools of other languages read.
    #[test]
    fn the_wit_files_are_a_valid_package_that_a_world_can_import() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit").join(crate::WIT_VERSION);
        let mut resolve = wit_parser::Resolve::default();
        let (package, _) = resolve.push_dir(&directory).unwrap();
        assert_eq!(
            resolve.packages[package].name.to_string(),
            format!("engine:cookbook@{}", crate::WIT_VERSION)
        );
        let world = resolve.select_world(&[package], Some("cookbook")).unwrap();
        let imports: Vec<String> =
            resolve.worlds[world].imports.keys().map(|key| resolve.name_world_key(key)).collect();
        for capability in crate::definition::capabilities() {
            let name = format!("engine:cookbook/{capability}@{}", crate::WIT_VERSION);
            assert!(imports.contains(&name), "{name} is not in {imports:?}");
        }
    }

    /// Cookbooks are built against them: what is released is never changed.
    #[test]
    fn released_versions_stay_as_they_are() {
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        for (version, digest) in
            [("0.1.0", "ca076dc7d459aa11663c51e540e5773f2fc0451379b33796b92e7d8eadf41e2b")]
        {
            let mut files: Vec<_> =
                std::fs::read_dir(wit.join(version)).unwrap().map(|entry| entry.unwrap().path()).collect();
            files.sort();
            let mut hasher = blake3::Hasher::new();
            for file in &files {
                hasher.update(file.file_name().unwrap().as_encoded_bytes());
                hasher.update(&std::fs::read(file).unwrap());
            }
            assert_eq!(
                hasher.finalize().to_hex().as_str(),
                digest,
                "wit/{version} is released, and was changed"
            );
        }
    }

    /// Set `UPDATE_WIT=1` to write the files instead of comparing them.
    #[test]
    fn the_wit_files_are_those_of_the_definitions() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit").join(crate::WIT_VERSION);
        for (name, content) in super::files() {
            let path = directory.join(name);
            if std::env::var_os("UPDATE_WIT").is_some() {
                std::fs::write(&path, &content).unwrap();
            }
            assert_eq!(
                std::fs::read_to_string(&path).unwrap_or_default(),
                content,
                "{} is not up to date: UPDATE_WIT=1 cargo test -p engine-contract wit",
                path.display()
            );
        }
    }
}
