//! Stack files good and bad, and everything that is said about them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use engine_manifest::{Manifest, parse};

fn files(kind: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifests").join(kind);
    let entries = fs::read_dir(directory).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    files.sort();
    files
}

/// What `parse` says, with a path that is the same on every machine.
fn read(file: &Path) -> (String, Result<Manifest, engine_manifest::Diagnostics>) {
    let stem = file.file_stem().unwrap().to_str().unwrap().to_owned();
    let text = fs::read_to_string(file).unwrap();
    let result = parse(stem.parse().unwrap(), &text, &Path::new("stacks").join(file.file_name().unwrap()));
    (stem, result)
}

fn settings(kind: &str) -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("manifests/{kind}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

#[test]
fn bad_files_are_refused_with_all_that_is_wrong() {
    let files = files("bad");
    assert!(files.len() >= 20);
    for file in files {
        let (stem, result) = read(&file);
        let problems = result.expect_err(&stem);
        assert!(problems.has_errors(), "{stem}");
        settings("bad").bind(|| insta::assert_snapshot!(stem, problems));
    }
}

#[test]
fn good_files_become_stacks() {
    for file in files("good") {
        let (stem, result) = read(&file);
        let manifest = result.unwrap_or_else(|problems| panic!("{problems}"));
        let home = std::env::home_dir().unwrap_or_default().display().to_string();
        let stack =
            serde_json::to_string_pretty(&manifest.stack).unwrap().replace(&format!("{home}/.ssh"), "~/.ssh");
        settings("good").bind(|| {
            insta::assert_snapshot!(stem.as_str(), stack);
            insta::assert_snapshot!(format!("{stem}.warnings"), manifest.warnings());
        });
    }
}
