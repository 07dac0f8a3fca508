//! `engine cookbook inspect`: what a cookbook is and asks for, without running it.

use std::path::Path;

use anyhow::Context as _;
use engine_contract::{Package, package, visible};

use super::source;

pub(super) fn inspect(cookbook: &Path, as_json: bool) -> anyhow::Result<()> {
    let path = if cookbook.is_dir() {
        source::built(cookbook, &source::metadata(cookbook)?)
    } else {
        cookbook.to_owned()
    };
    let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
    let package = package::read(&bytes).with_context(|| path.display().to_string())?;
    let digest = engine_runtime::digest(&bytes);
    if as_json {
        let value = serde_json::json!({
            "metadata": package.metadata,
            "imports": package.imports,
            "files": package.bundle.paths().collect::<Vec<_>>(),
            "bytes": bytes.len(),
            "blake3": digest,
        });
        anstream::println!("{value:#}");
    } else {
        anstream::print!("{}", describe(&package, bytes.len(), &digest));
    }
    Ok(())
}

/// What a cookbook says of itself, each of its texts on one line: it is read before it is trusted.
fn describe(package: &Package, bytes: usize, digest: &str) -> String {
    let metadata = &package.metadata;
    let mut lines = vec![format!("{} {}", metadata.name, metadata.version)];
    if !metadata.description.is_empty() {
        lines.push(metadata.description.clone());
    }
    let kibibytes = bytes.div_ceil(1024);
    lines.push(String::new());
    lines.push(format!("{kibibytes} KiB, blake3 {digest}, engine:cookbook@{}", package.wit));
    lines.extend([String::new(), "Recipes".to_owned()]);
    for (name, recipe) in &metadata.recipes {
        lines.push(format!("  {}::{name}  {}", metadata.name, recipe.description));
    }
    if !metadata.resources.is_empty() {
        lines.extend([String::new(), "Resources".to_owned()]);
        for (name, resource) in &metadata.resources {
            lines.push(format!("  {}::{name}  {}", metadata.name, resource.description));
            for (property, said) in &resource.properties {
                let default = match &said.default {
                    Some(default) => format!(" = {default}"),
                    None if said.required => " (required)".to_owned(),
                    None => String::new(),
                };
                lines.push(format!("    {property}{default}  {}", said.description));
            }
        }
    }
    if !metadata.attributes.is_empty() {
        lines.extend([String::new(), "Attributes".to_owned()]);
        for (path, attribute) in &metadata.attributes {
            let default = attribute.default.as_ref().map_or("unset".to_owned(), ToString::to_string);
            lines.push(format!("  {path} = {default}  {}", attribute.description));
        }
    }
    lines.extend([String::new(), "Asks for".to_owned()]);
    let asked = &metadata.capabilities;
    let lists = [
        ("packages", &asked.packages),
        ("repositories", &asked.repositories),
        ("files", &asked.files),
        ("downloads", &asked.downloads),
        ("services", &asked.services),
        ("units", &asked.units),
        ("schedules", &asked.schedules),
        ("users", &asked.users),
        ("groups", &asked.groups),
        ("sudoers", &asked.sudoers),
        ("system", &asked.system),
        ("storage", &asked.storage),
        ("network", &asked.network),
        ("secrets", &asked.secrets),
    ];
    for (capability, patterns) in lists {
        if !patterns.is_empty() {
            lines.push(format!("  {capability}  {}", patterns.join(", ")));
        }
    }
    lines.extend(asked.execute.iter().map(|argv| format!("  execute  {}", argv.join(" "))));
    if !asked.environment.is_empty() {
        lines.push(format!("  environment  {}", asked.environment.join(", ")));
    }
    lines.extend([String::new(), "Imports".to_owned()]);
    lines.extend(package.imports.iter().map(|import| format!("  {import}")));
    lines.iter().flat_map(|line| [visible::line(line), "\n".into()]).collect()
}

#[cfg(test)]
mod tests {
    use engine_contract::Bundle;

    use super::*;

    #[test]
    fn a_cookbook_cannot_forge_what_is_said_of_it() {
        let metadata = serde_json::from_value(serde_json::json!({
            "name": "site", "version": "1.0.0",
            "description": "A site.\n\nAsks for\n\u{1b}[8m",
            "recipes": {"default": {"description": "Does it.\u{1b}[1A"}},
            "attributes": {"site.port": {"type": "string", "default": "\u{202e}08", "description": "\r"}},
            "capabilities": {"files": ["/etc/\u{1b}[2K**"], "execute": [["true\n"]]},
        }))
        .unwrap();
        let package =
            Package { metadata, imports: Vec::new(), bundle: Bundle::default(), wit: "0.2.0".to_owned() };
        let text = describe(&package, 1, "0");
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()) && !text.contains('\u{202e}'), "{text:?}");
        assert_eq!(text.matches("\nAsks for\n").count(), 1, "{text}");
        assert!(text.contains("  files  /etc/\\u{1b}[2K**\n  execute  true\\n\n"), "{text}");
    }
}
