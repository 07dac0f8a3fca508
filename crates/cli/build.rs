//! Builds the agent that the binary carries: static, small, one for each architecture whose
//! standard library this toolchain has.

use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use sha2::{Digest as _, Sha256};

/// Architecture as `uname -m` says it, target, linker to use instead of the default.
const AGENTS: [(&str, &str, Option<&str>); 2] = [
    ("x86_64", "x86_64-unknown-linux-gnu", None),
    ("aarch64", "aarch64-unknown-linux-musl", Some("rust-lld")),
];

fn main() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../..");
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    for path in ["crates/agent", "crates/protocol", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
    }
    let mut table = String::from("&[\n");
    for (architecture, target, linker) in AGENTS {
        if !has_standard_library(target) {
            assert!(architecture != "x86_64", "the standard library for {target} is missing");
            continue;
        }
        let compiler = linker.and_then(|_| c_compiler(target));
        if linker.is_some() && compiler.is_none() {
            println!(
                "cargo::warning=no agent for {architecture}: its cryptography needs a C compiler, such as clang"
            );
            continue;
        }
        let binary = build(&root, &out, target, linker, compiler);
        let carried = out.join(format!("agent-{architecture}"));
        fs::copy(&binary, &carried).expect("the agent can be copied");
        // Hashing it at every start would take longer than starting.
        let bytes = fs::read(&carried).expect("the agent can be read");
        let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(bytes));
        writeln!(
            table,
            "    ({architecture:?}, {digest:?}, include_bytes!({:?})),",
            carried.display().to_string()
        )
        .expect("text can be written to");
    }
    table.push_str("]\n");
    fs::write(out.join("agents.rs"), table).expect("the output directory can be written to");
}

fn has_standard_library(target: &str) -> bool {
    let rustc = env::var_os("RUSTC").expect("cargo sets it");
    let output = Command::new(rustc).args(["--print", "sysroot"]).output().expect("rustc runs");
    let sysroot = String::from_utf8(output.stdout).expect("the sysroot is a path");
    Path::new(sysroot.trim()).join("lib/rustlib").join(target).join("lib").is_dir()
}

/// A C compiler for another architecture, as ring's build asks for it: the one that the environment names, that of
/// a cross toolchain, or clang, which needs no headers of the target.
fn c_compiler(target: &str) -> Option<String> {
    let variable = format!("CC_{}", target.replace('-', "_"));
    println!("cargo::rerun-if-env-changed={variable}");
    let cross = format!("{}-gcc", target.replace("-unknown", ""));
    let runs = |program: &String| {
        let tried =
            Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    env::var(variable).into_iter().chain([cross, "clang".to_owned()]).find(runs)
}

fn build(root: &Path, out: &Path, target: &str, linker: Option<&str>, compiler: Option<String>) -> PathBuf {
    let target_directory = out.join("agent-target");
    let mut cargo = Command::new(env::var_os("CARGO").expect("cargo sets it"));
    cargo
        .current_dir(root)
        .args(["build", "--package", "engine-agent", "--bin", "engine-agent", "--profile", "agent"])
        .args(["--target", target, "--target-dir"])
        .arg(&target_directory)
        // It ends where it panics, so nobody looks up how to walk its stack.
        .env("RUSTFLAGS", "-C target-feature=+crt-static -C link-arg=-Wl,--no-eh-frame-hdr")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        // Not the wrapper that clippy puts in rustc's place.
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("RUSTC_WRAPPER");
    if let Some(linker) = linker {
        let variable = format!("CARGO_TARGET_{}_LINKER", target.to_uppercase().replace('-', "_"));
        cargo.env(variable, linker);
    }
    if let Some(compiler) = compiler {
        cargo.env(format!("CC_{}", target.replace('-', "_")), compiler);
    }
    let status = cargo.status().expect("cargo runs");
    assert!(status.success(), "the agent for {target} does not build");
    target_directory.join(target).join("agent/engine-agent")
}
