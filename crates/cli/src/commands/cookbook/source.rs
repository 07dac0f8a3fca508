//! The directory of a cookbook: `cookbook.toml`, `templates` and `files`, and what is built of them.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use engine_contract::{Bundle, Metadata, package};

/// Where a cookbook's file is built to.
pub(super) fn built(directory: &Path, metadata: &Metadata) -> PathBuf {
    directory.join("target").join(format!("{}.wasm", metadata.name))
}

/// What `cookbook.toml` says.
pub(super) fn metadata(directory: &Path) -> anyhow::Result<Metadata> {
    let path = directory.join("cookbook.toml");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let metadata: Metadata = toml::from_str(&text).with_context(|| path.display().to_string())?;
    metadata.validate().with_context(|| path.display().to_string())?;
    Ok(metadata)
}

/// Makes a cookbook of a component, writes it and says what it is.
pub(super) fn pack(component: &[u8], directory: &Path, output: &Path) -> anyhow::Result<()> {
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
    let digest = engine_runtime::digest(&packed);
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
