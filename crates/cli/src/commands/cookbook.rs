//! `engine cookbook`.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context as _, bail};
use engine_contract::{Bundle, Metadata, Package, package, visible};

use crate::{arguments::CookbookCommand, errors::Failure};

const TARGET: &str = "wasm32-unknown-unknown";
const LINKER_VARIABLE: &str = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER";
/// The toolchain that `scripts/guest-toolchain` links.
const GUEST_TOOLCHAIN: &str = "engine-guest";

pub(crate) fn cookbook(command: &CookbookCommand) -> Result<ExitCode, Failure> {
    match command {
        CookbookCommand::Build { directories } => {
            for directory in directories {
                build(directory).with_context(|| format!("cookbook {}", directory.display()))?;
            }
        }
        CookbookCommand::Pack { component, directory, output } => {
            let component = std::fs::read(component).with_context(|| component.display().to_string())?;
            pack(&component, directory, output)?;
        }
        CookbookCommand::Inspect { cookbook, json } => inspect(cookbook, *json)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn build(directory: &Path) -> anyhow::Result<()> {
    let metadata = metadata(directory)?;
    let component = if directory.join("Cargo.toml").is_file() {
        build_rust(directory)?
    } else if directory.join("build").is_file() {
        build_by_script(directory)?
    } else {
        bail!("there is neither a Cargo.toml nor an executable `build` in it");
    };
    pack(&component, directory, &directory.join("target").join(format!("{}.wasm", metadata.name)))
}

fn metadata(directory: &Path) -> anyhow::Result<Metadata> {
    let path = directory.join("cookbook.toml");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    toml::from_str(&text).with_context(|| path.display().to_string())
}

fn build_rust(directory: &Path) -> anyhow::Result<Vec<u8>> {
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(directory)
        .args(["build", "--release", "--target", TARGET, "--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit());
    if std::env::var_os(LINKER_VARIABLE).is_none() {
        cargo.env(LINKER_VARIABLE, "wasm-component-ld");
    }
    if std::env::var_os("RUSTUP_TOOLCHAIN").is_none() && has_guest_toolchain() {
        cargo.env("RUSTUP_TOOLCHAIN", GUEST_TOOLCHAIN);
    }
    let output = cargo.output().context("cargo cannot be started")?;
    if !output.status.success() {
        bail!("cargo failed; if it lacks the target {TARGET}, run scripts/guest-toolchain");
    }
    let artifact = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact")
        .flat_map(|message| message["filenames"].as_array().cloned().unwrap_or_default())
        .filter_map(|file| file.as_str().map(PathBuf::from))
        .rfind(|file| file.extension().is_some_and(|ending| ending == "wasm"))
        .context("cargo built no .wasm; is `crate-type = [\"cdylib\"]` in the Cargo.toml?")?;
    std::fs::read(&artifact).with_context(|| artifact.display().to_string())
}

fn has_guest_toolchain() -> bool {
    Command::new("rustup").args(["toolchain", "list"]).output().is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout).lines().any(|line| line.starts_with(GUEST_TOOLCHAIN))
    })
}

fn build_by_script(directory: &Path) -> anyhow::Result<Vec<u8>> {
    let target = directory.join("target");
    std::fs::create_dir_all(&target).with_context(|| target.display().to_string())?;
    let component = std::path::absolute(target.join("component.wasm"))?;
    let script = std::path::absolute(directory.join("build"))?;
    let status = Command::new(&script)
        .current_dir(directory)
        .arg(&component)
        .status()
        .with_context(|| format!("{} cannot be started", script.display()))?;
    if !status.success() {
        bail!("{} failed with {status}", script.display());
    }
    std::fs::read(&component).with_context(|| component.display().to_string())
}

fn pack(component: &[u8], directory: &Path, output: &Path) -> anyhow::Result<()> {
    let metadata = metadata(directory)?;
    let mut bundle = Bundle::default();
    for part in ["templates", "files"] {
        add_files(&mut bundle, &directory.join(part), part)?;
    }
    let packed = package::pack(component, &metadata, &bundle)?;
    if let Some(parent) = output.parent() {
        std::fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    }
    std::fs::write(output, &packed).with_context(|| output.display().to_string())?;
    let digest = blake3_of(&packed);
    anstream::println!(
        "{} {}: {} KiB, blake3 {}, {}",
        metadata.name,
        metadata.version,
        packed.len().div_ceil(1024),
        &digest[..16],
        output.display()
    );
    Ok(())
}

fn blake3_of(bytes: &[u8]) -> String {
    engine_runtime::digest(bytes)
}

fn add_files(bundle: &mut Bundle, directory: &Path, below: &str) -> anyhow::Result<()> {
    if !directory.is_dir() {
        return Ok(());
    }
    let mut entries = std::fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_str().with_context(|| format!("{} is not UTF-8", entry.path().display()))?;
        let path = format!("{below}/{name}");
        if entry.file_type()?.is_dir() {
            add_files(bundle, &entry.path(), &path)?;
        } else {
            bundle.insert(&path, std::fs::read(entry.path())?)?;
        }
    }
    Ok(())
}

fn inspect(cookbook: &Path, as_json: bool) -> anyhow::Result<()> {
    let path = if cookbook.is_dir() {
        cookbook.join("target").join(format!("{}.wasm", metadata(cookbook)?.name))
    } else {
        cookbook.to_owned()
    };
    let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
    let package = package::read(&bytes).with_context(|| path.display().to_string())?;
    let digest = blake3_of(&bytes);
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
    lines.push(format!("{kibibytes} KiB, blake3 {digest}, engine:cookbook@{}", metadata.wit));
    lines.extend([String::new(), "Recipes".to_owned()]);
    for (name, recipe) in &metadata.recipes {
        lines.push(format!("  {}::{name}  {}", metadata.name, recipe.description));
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
        let package = Package { metadata, imports: Vec::new(), bundle: Bundle::default() };
        let text = describe(&package, 1, "0");
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()) && !text.contains('\u{202e}'), "{text:?}");
        assert_eq!(text.matches("\nAsks for\n").count(), 1, "{text}");
        assert!(text.contains("  files  /etc/\\u{1b}[2K**\n  execute  true\\n\n"), "{text}");
    }
}
