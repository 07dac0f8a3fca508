//! Cookbooks that know themselves how they are built.

use std::{path::Path, process::Command};

use anyhow::{Context as _, bail};

pub(super) fn build(directory: &Path) -> anyhow::Result<Vec<u8>> {
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
