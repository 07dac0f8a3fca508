//! One page for each resource type, and an index with the support table.

use std::fmt::Write as _;

use crate::{
    definition::{Proof, PropertyDefinition, TYPES, TypeDefinition, ValueType, capabilities_with_types},
    guards::GUARDS,
};

/// What all resources have, as the SDK calls it.
const COMMON: &[(&str, &str, &str)] = &[
    ("action", "actions", "What shall be done, in order. `nothing` waits for a notification."),
    ("notifies", "action, resource, timing", "Tells another resource to act when this one changed."),
    ("subscribes", "action, resource, timing", "Acts when another resource changed."),
    ("only_if", "guard", "Skips the resource unless the guard holds. All such guards must hold."),
    ("not_if", "guard", "Skips the resource if the guard holds."),
    ("retries", "number", "How often to try again after a failure. Default 0."),
    ("retry_delay", "seconds", "Seconds between tries. Default 2."),
    ("timeout", "seconds", "Seconds that one try may take. Default 3600, unless the type says otherwise."),
    (
        "umask",
        "text",
        "Permission bits, in octal digits, that what is made anew does not get, unless a mode is set. Commands inherit it. Default `0022`.",
    ),
    ("sensitive", "boolean", "Never show content, arguments or output."),
    ("ignore_failure", "boolean", "Go on after a failure."),
    (
        "confirm",
        "boolean",
        "The node puts back what this replaced unless a fresh connection confirms in time: [confirm.md](../confirm.md). For resources that replace files.",
    ),
];

/// What of the tools in the support table a distribution has, and how it is known that they work together.
const DISTRIBUTIONS: &[[&str; 4]] = &[
    ["Debian 12", "apt", "systemd", "real hosts"],
    ["Debian 11 and 13, Ubuntu 20.04 and later", "apt", "systemd", "the tools, on Debian 12"],
    ["Debian without systemd", "apt", "sysvinit", "real hosts, of Debian 12"],
    [
        "Amazon Linux 2023, Fedora, RHEL 8 and later and its rebuilds",
        "dnf",
        "systemd",
        "the tools, on Debian 12",
    ],
    ["Amazon Linux 2, CentOS 7", "yum", "systemd", "fixtures"],
    ["SLES, openSUSE", "zypper", "systemd", "fixtures"],
    ["Alpine", "apk", "openrc, busybox", "fixtures"],
    ["Arch", "pacman", "systemd", "fixtures"],
];

/// File name and content of each page.
pub fn pages() -> Vec<(String, String)> {
    let mut pages = vec![("README.md".to_owned(), index())];
    pages.extend(TYPES.iter().map(|definition| (format!("{}.md", definition.name), page(definition))));
    pages
}

fn index() -> String {
    let mut text = String::from(
        "# Resources\n\nWhat a recipe can declare. Names, actions and defaults are Chef's where Chef has the \
         resource. These pages are written from the\ndefinitions that the code uses; a test holds them.\n",
    );
    for capability in capabilities_with_types() {
        let _ = writeln!(text, "\n## `{capability}`\n\n| resource | what it is |\n|---|---|");
        for definition in TYPES.iter().filter(|definition| definition.capability == capability) {
            let name = definition.name;
            let first = first_sentence(definition.documentation);
            let _ = writeln!(text, "| [`{name}`]({name}.md) | {first} |");
        }
        let guards: Vec<_> = GUARDS.iter().filter(|guard| guard.capability == capability).collect();
        if !guards.is_empty() {
            text.push_str("\n| guard | when it holds |\n|---|---|\n");
            for guard in guards {
                let _ = writeln!(text, "| `{}({})` | {} |", guard.name, guard.argument, guard.documentation);
            }
        }
    }
    text.push_str("\n## What all resources have\n\n| property | value | meaning |\n|---|---|---|\n");
    for (name, value, meaning) in COMMON {
        let _ = writeln!(text, "| `{name}` | {value} | {meaning} |");
    }
    text.push_str(
        "\nDelayed notifications collapse: a target acts once for each action, at the end of the event, even if a \
         resource failed\nmeanwhile. What was not told because the connection or the controller was lost, the \
         next run tells, once.\n\n## Support\n\n*Real hosts*: tests apply it and read the outcome with other \
         programs. *Fixtures*: command lines and parsers are tested with\nreal output of the tool, but no test \
         applies it on a host.\n\n| resource | real hosts | fixtures |\n|---|---|---|\n",
    );
    for definition in TYPES {
        let of = |proof| {
            let names: Vec<&str> = definition
                .support
                .iter()
                .filter(|support| support.1 == proof)
                .map(|support| support.0)
                .collect();
            names.join(", ")
        };
        let _ = writeln!(
            text,
            "| [`{0}`]({0}.md) | {1} | {2} |",
            definition.name,
            of(Proof::RealHosts),
            of(Proof::Fixtures)
        );
    }
    text.push_str(
        "\nWhat a distribution has of these tools; the agent finds out by itself.\n\n| distribution | packages | \
         services | known from |\n|---|---|---|---|\n",
    );
    for [distribution, packages, services, proof] in DISTRIBUTIONS {
        let _ = writeln!(text, "| {distribution} | {packages} | {services} | {proof} |");
    }
    text
}

fn first_sentence(text: &str) -> &str {
    let end = text.match_indices(['.', ':', ';']).map(|(index, _)| index);
    let end = end.into_iter().find(|index| text[index + 1..].starts_with(' ')).unwrap_or(text.len());
    text[..end].trim_end_matches('.')
}

fn page(definition: &TypeDefinition) -> String {
    let TypeDefinition { name, capability, documentation, .. } = definition;
    let mut text = format!("# `{name}`\n\n{documentation}\n\nCapability: `{capability}`.\n\n");
    let _ = writeln!(text, "```rust\n{}\n```", definition.example);
    text.push_str("\n## Actions\n\n| action | meaning |\n|---|---|\n");
    for (index, action) in definition.actions.iter().enumerate() {
        let default = if index == 0 { " The default." } else { "" };
        let _ = writeln!(text, "| `{action}` | {}{default} |", action.documentation());
    }
    if !definition.actions.contains(&engine_protocol::Action::Nothing) {
        let _ = writeln!(text, "| `nothing` | {} |", engine_protocol::Action::Nothing.documentation());
    }
    text.push_str("\n## Properties\n\n");
    let properties: Vec<&PropertyDefinition> =
        definition.identity.iter().chain(definition.properties).collect();
    if properties.is_empty() {
        text.push_str("None but those that all resources have.\n");
    } else {
        text.push_str("| property | value | meaning |\n|---|---|---|\n");
    }
    for property in properties {
        let named = definition.identity.as_ref().is_some_and(|identity| std::ptr::eq(identity, property));
        let what = if named { "; names the resource" } else { "" };
        let (value, meaning) = (value(property.value), property.documentation.replace('|', "\\|"));
        let _ = writeln!(text, "| `{}` | {value}{what} | {meaning} |", property.name);
    }
    text.push_str("\nAnd [what all resources have](README.md#what-all-resources-have).\n\n## Support\n\n");
    for support in definition.support {
        let proof = match support.1 {
            Proof::RealHosts => "applied on real hosts by the tests",
            Proof::Fixtures => "tested with fixtures alone",
        };
        let _ = writeln!(text, "- {}: {proof}", support.0);
    }
    text
}

fn value(value: ValueType) -> &'static str {
    match value {
        ValueType::Text => "text",
        ValueType::Json => "JSON object",
        ValueType::Bytes => "bytes",
        ValueType::Integer => "integer",
        ValueType::Boolean => "boolean",
        ValueType::TextList => "list of texts",
        ValueType::TextMap => "map of texts",
        ValueType::IntegerList => "list of integers",
    }
}
