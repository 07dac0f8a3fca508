//! What the architecture tests look at: the workspace's packages and its sources.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A package as its manifest describes it.
#[derive(Debug)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its directory.
    pub directory: PathBuf,
    /// Names of what it needs to run and to be built.
    pub dependencies: BTreeSet<String>,
    /// Names of what only its tests need.
    pub test_dependencies: BTreeSet<String>,
}

/// The packages of the workspace whose root manifest is at `manifest`, below the repository's root.
pub fn packages(manifest: &str) -> Vec<Package> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--manifest-path"])
        .arg(root().join(manifest))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    array(&metadata["packages"]).iter().map(package).collect()
}

/// The packages below `crates`.
pub fn crates() -> Vec<Package> {
    let crates = fs::canonicalize(root().join("crates")).expect("there are crates");
    packages("Cargo.toml").into_iter().filter(|package| package.directory.starts_with(&crates)).collect()
}

fn package(value: &Value) -> Package {
    let manifest = PathBuf::from(text(&value["manifest_path"]));
    let names = |test: bool| {
        array(&value["dependencies"])
            .iter()
            .filter(|dependency| (dependency["kind"] == "dev") == test)
            .map(|dependency| text(&dependency["name"]).to_owned())
            .collect()
    };
    let directory = manifest.parent().expect("a manifest is in a directory");
    Package {
        name: text(&value["name"]).to_owned(),
        directory: fs::canonicalize(directory).expect("a package's directory is there"),
        dependencies: names(false),
        test_dependencies: names(true),
    }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("cargo metadata has a string here")
}

/// Everything that the lock file says a package needs, directly or not, its tests' needs included.
pub fn locked_closure(package: &str) -> BTreeSet<String> {
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("there is a lock file");
    let entries: Vec<(&str, Vec<&str>)> = lock.split("[[package]]").skip(1).map(lock_entry).collect();
    let mut known = BTreeSet::new();
    let mut open = vec![package];
    while let Some(name) = open.pop() {
        if known.insert(name.to_owned()) {
            for (_, needs) in entries.iter().filter(|(entry, _)| *entry == name) {
                open.extend(needs);
            }
        }
    }
    known
}

/// Name and dependencies of one `[[package]]`. A dependency of several versions carries its version
/// after a space, which is left out: then all versions count.
fn lock_entry(entry: &str) -> (&str, Vec<&str>) {
    let name = entry
        .lines()
        .find_map(|line| line.strip_prefix("name = "))
        .expect("a locked package has a name")
        .trim_matches('"');
    let needs = entry
        .lines()
        .filter_map(|line| line.strip_prefix(" \"")?.strip_suffix("\","))
        .filter_map(|need| need.split(' ').next())
        .collect();
    (name, needs)
}

/// A source file and its text.
#[derive(Debug)]
pub struct Source {
    /// Its path from the repository's root.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// All Rust files below the `src` of the crates.
pub fn sources() -> Vec<Source> {
    let root = fs::canonicalize(root()).expect("the repository is there");
    let mut files = Vec::new();
    for package in crates() {
        collect(&package.directory.join("src"), &mut files);
    }
    files.sort();
    files.into_iter().map(|file| source(&root, &file)).collect()
}

/// All of Rust in the repository: crates, tests, the SDK and cookbooks, but not what was built.
pub fn all_sources() -> Vec<Source> {
    let root = fs::canonicalize(root()).expect("the repository is there");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    files.into_iter().map(|file| source(&root, &file)).collect()
}

fn source(root: &Path, file: &Path) -> Source {
    Source {
        path: file.strip_prefix(root).expect("it is in the repository").display().to_string(),
        text: fs::read_to_string(file).expect("a source file is UTF-8"),
    }
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("it can be read").flatten() {
        let path = entry.path();
        if path.is_dir() {
            if [".git", "target"].iter().any(|name| path.ends_with(name)) {
                continue;
            }
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}
