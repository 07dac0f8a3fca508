//! Cookbooks in Rust: cargo, for `wasm32-unknown-unknown`.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, bail};

const TARGET: &str = "wasm32-unknown-unknown";
const LINKER_VARIABLE: &str = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER";
/// The toolchain that `scripts/guest-toolchain` links.
const GUEST_TOOLCHAIN: &str = "engine-guest";

pub(super) fn build(directory: &Path) -> anyhow::Result<Vec<u8>> {
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
