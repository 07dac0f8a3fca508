//! Who may know whom, and what no source file may do. docs/ARCHITECTURE.md says why.

use std::collections::BTreeSet;

use engine_architecture_test::{
    Package, Source, all_sources, crates, locked_closure, packages, root, sources,
};

/// Each crate and the crates of this workspace that it depends on: these and no others.
const MAP: &[(&str, &[&str])] = &[
    ("engine-protocol", &[]),
    ("engine-contract", &["engine-protocol"]),
    ("engine-model", &["engine-protocol"]),
    ("engine-manifest", &["engine-model", "engine-protocol"]),
    ("engine-agent", &["engine-protocol"]),
    ("engine-scheduler", &["engine-contract", "engine-model", "engine-protocol"]),
    ("engine-runtime", &["engine-contract", "engine-model", "engine-protocol", "engine-scheduler"]),
    ("engine-transport", &["engine-model", "engine-protocol", "engine-scheduler"]),
    ("engine-store", &["engine-model", "engine-scheduler"]),
    ("engine-source", &["engine-model", "engine-protocol", "engine-scheduler"]),
    ("engine-notify", &["engine-model", "engine-protocol", "engine-scheduler"]),
    ("engine-secrets", &["engine-model", "engine-scheduler"]),
    ("engine-cloud", &["engine-scheduler"]),
    (
        "engine-cli",
        &[
            "engine-cloud",
            "engine-contract",
            "engine-manifest",
            "engine-model",
            "engine-notify",
            "engine-protocol",
            "engine-runtime",
            "engine-scheduler",
            "engine-secrets",
            "engine-source",
            "engine-store",
            "engine-transport",
        ],
    ),
];

/// What implements the scheduler's ports.
const ADAPTERS: [&str; 7] = [
    "engine-runtime",
    "engine-transport",
    "engine-store",
    "engine-source",
    "engine-notify",
    "engine-secrets",
    "engine-cloud",
];

/// What only the command may use: elsewhere errors have types, and nobody reads a command line.
const FOR_THE_CLI: [&str; 4] = ["anyhow", "clap", "clap_complete", "clap_mangen"];

/// What must never get into the agent, which travels to every node.
const NOT_IN_THE_AGENT: [&str; 8] =
    ["wasmtime", "wasmparser", "minijinja", "tokio", "russh", "rusqlite", "clap", "anyhow"];

/// Longest source file, in lines.
const LINES: usize = 600;

fn ours(names: &BTreeSet<String>) -> Vec<&str> {
    names.iter().map(String::as_str).filter(|name| name.starts_with("engine-")).collect()
}

fn complaints(list: &[String]) {
    assert!(list.is_empty(), "\n{}\n", list.join("\n"));
}

#[test]
fn crates_depend_on_each_other_as_the_map_says() {
    let found: Vec<Package> = crates();
    let mut wrong = Vec::new();
    for package in &found {
        match MAP.iter().find(|(name, _)| *name == package.name) {
            None => wrong.push(format!("{} is not on the map", package.name)),
            Some((_, allowed)) if ours(&package.dependencies) != *allowed => wrong.push(format!(
                "{} depends on {:?}; the map says {allowed:?}",
                package.name,
                ours(&package.dependencies)
            )),
            Some(_) => {}
        }
    }
    let missing = MAP.iter().filter(|(name, _)| found.iter().all(|package| package.name != *name));
    wrong.extend(missing.map(|(name, _)| format!("{name} is on the map, but there is no such crate")));
    complaints(&wrong);
}

#[test]
fn adapters_do_not_know_each_other_not_even_in_tests() {
    let mut wrong = Vec::new();
    for package in crates().iter().filter(|package| ADAPTERS.contains(&package.name.as_str())) {
        let all = package.dependencies.union(&package.test_dependencies);
        for other in all.filter(|name| ADAPTERS.contains(&name.as_str())) {
            wrong.push(format!("{} knows {other}; both belong behind the scheduler's ports", package.name));
        }
    }
    complaints(&wrong);
}

#[test]
fn the_agent_depends_on_the_protocol_alone_and_stays_small() {
    let all = crates();
    let agent = all.iter().find(|package| package.name == "engine-agent").expect("there is an agent");
    assert_eq!(ours(&agent.dependencies), ["engine-protocol"]);
    let heavy = locked_closure("engine-agent");
    let wrong: Vec<String> = NOT_IN_THE_AGENT
        .iter()
        .filter(|name| heavy.contains(**name))
        .map(|name| format!("engine-agent brings in {name}"))
        .collect();
    complaints(&wrong);
}

#[test]
fn only_the_command_uses_what_is_for_commands() {
    let mut wrong = Vec::new();
    for package in crates().iter().filter(|package| package.name != "engine-cli") {
        for name in FOR_THE_CLI.iter().filter(|name| package.dependencies.contains(**name)) {
            wrong.push(format!("{} depends on {name}, which is for engine-cli", package.name));
        }
    }
    complaints(&wrong);
}

#[test]
fn the_sdk_knows_contract_and_protocol_alone() {
    let sdk = packages("sdk/Cargo.toml");
    let sdk = sdk.iter().find(|package| package.name == "engine-sdk").expect("there is an SDK");
    assert_eq!(ours(&sdk.dependencies), ["engine-contract", "engine-protocol", "engine-sdk-macros"]);
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    let mut wrong = Vec::new();
    for package in crates() {
        let manifest = std::fs::read_to_string(package.directory.join("Cargo.toml")).expect("a manifest");
        let mut lines = manifest.lines().map(str::trim);
        if !(lines.any(|line| line == "[lints]") && lines.next() == Some("workspace = true")) {
            wrong.push(format!("{} lacks `[lints] workspace = true`", package.name));
        }
    }
    complaints(&wrong);
}

#[test]
fn no_source_file_is_long() {
    let long = |source: &Source| {
        let lines = source.text.lines().count();
        (lines > LINES).then(|| format!("{} has {lines} lines; split it, {LINES} are allowed", source.path))
    };
    let all = all_sources();
    for part in ["crates/cli/src/", "sdk/rust/src/", "tests/e2e/cookbooks/", "cookbooks/"] {
        assert!(all.iter().any(|source| source.path.starts_with(part)), "nothing was found in {part}");
    }
    complaints(&all.iter().filter_map(long).collect::<Vec<_>>());
}

#[test]
fn only_the_programs_print() {
    let may = |path: &str| path.starts_with("crates/cli/") || path == "crates/agent/src/main.rs";
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| !may(&source.path)) {
        for (index, line) in source.text.lines().enumerate() {
            if !line.trim_start().starts_with("//") && prints(line) {
                wrong.push(format!("{}:{} prints; say it as a RunEvent or an error", source.path, index + 1));
            }
        }
    }
    complaints(&wrong);
}

fn prints(line: &str) -> bool {
    ["println!", "eprintln!", "print!", "eprint!"].iter().any(|name| {
        line.match_indices(name).any(|(at, _)| {
            !line[..at].ends_with(|before: char| before.is_ascii_alphanumeric() || before == '_')
        })
    })
}

const TEXTS: [&str; 6] = [
    "README.md",
    "STYLE.md",
    "docs/ARCHITECTURE.md",
    "docs/cookbooks.md",
    "docs/facts.md",
    "docs/stack-file.md",
];

/// Where paths in texts begin; others are of the machine or of an example.
const TOPS: [&str; 7] = ["cookbooks/", "crates/", "docs/", "scripts/", "sdk/", "tests/", "wit/"];

/// What texts speak of as the reader's own.
const OF_THE_READER: [&str; 1] = ["cookbooks/web"];

#[test]
fn what_the_texts_point_to_exists() {
    let mut wrong = Vec::new();
    for name in TEXTS {
        let path = root().join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let directory = path.parent().expect("a file is in a directory");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            if !target.is_empty() && !target.contains("://") && !directory.join(target).exists() {
                wrong.push(format!("{name} links to {target}, which is not there"));
            }
        }
        wrong.extend(text.split('`').skip(1).step_by(2).filter_map(|word| missing(name, word)));
    }
    complaints(&wrong);
}

/// A complaint about a word in backticks that names a file of ours, perhaps with `::` and a test in it.
fn missing(name: &str, word: &str) -> Option<String> {
    let (file, test) = word.split_once("::").map_or((word, None), |(file, test)| (file, Some(test)));
    let path = file.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    if !path
        || !TOPS.iter().any(|top| file.starts_with(top))
        || OF_THE_READER.iter().any(|top| file.starts_with(top))
    {
        return None;
    }
    if !root().join(file).exists() {
        return Some(format!("{name} names {file}, which is not there"));
    }
    let source = std::fs::read_to_string(root().join(file)).unwrap_or_default();
    test.filter(|test| !source.contains(&format!("fn {test}(")))
        .map(|test| format!("{name} names the test {test}, which is not in {file}"))
}
