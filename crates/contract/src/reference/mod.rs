//! Texts that come from the [definitions](crate::definition): the pages of `docs/resources` and the tables of the
//! SDKs. Tests compare them with what is in the tree, so that neither can drift.

mod pages;
#[cfg(test)]
mod probe;
mod rust_sdk;

pub use pages::pages;
pub use rust_sdk::rust_sdk;

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    /// Set `UPDATE_REFERENCE=1` to write the files instead of comparing them.
    fn compare(directory: &str, extension: &str, files: Vec<(String, String)>) {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(directory);
        let update = std::env::var_os("UPDATE_REFERENCE").is_some();
        if update {
            fs::create_dir_all(&directory).unwrap();
        }
        let mut names = BTreeSet::new();
        for (name, content) in files {
            let path = directory.join(&name);
            if update {
                fs::write(&path, &content).unwrap();
            }
            assert!(
                fs::read_to_string(&path).unwrap_or_default() == content,
                "{} is not up to date: UPDATE_REFERENCE=1 cargo test -p engine-contract reference",
                path.display()
            );
            names.insert(name);
        }
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.extension().is_some_and(|known| known == extension) && !names.contains(&name) {
                if update {
                    fs::remove_file(&path).unwrap();
                } else {
                    panic!("{} belongs to no definition", path.display());
                }
            }
        }
    }

    #[test]
    fn the_reference_pages_are_those_of_the_definitions() {
        compare("docs/resources", "md", super::pages());
    }

    #[test]
    fn the_tables_of_the_rust_sdk_are_those_of_the_definitions() {
        compare("sdk/rust/src/resources", "rs", super::rust_sdk());
    }

    #[test]
    fn the_cookbook_of_the_tests_knows_all_definitions() {
        compare("tests/e2e/cookbooks/probe/src/declare", "rs", super::probe::probe());
    }
}
