//! `engine cookbook build`: from a directory to one component, in whatever language.

mod rust;
mod script;

use std::path::Path;

use anyhow::bail;
use engine_contract::Metadata;

use super::source;

/// How a cookbook is built, told from what lies in its directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Builder {
    /// An executable `build`.
    Script,
    /// `Cargo.toml`
    Rust,
}

impl Builder {
    /// By the file that only cookbooks of that kind have. The author's own word comes first.
    const ALL: [(&str, Builder); 2] = [("build", Builder::Script), ("Cargo.toml", Builder::Rust)];

    fn of(directory: &Path) -> anyhow::Result<Builder> {
        let known = Builder::ALL.into_iter().find(|(file, _)| directory.join(file).is_file());
        let Some((_, builder)) = known else {
            let files = Builder::ALL.map(|(file, _)| format!("`{file}`")).join(", ");
            bail!("nothing says how it is built: none of {files} is in it");
        };
        Ok(builder)
    }
}

/// Builds a cookbook; its file is in `target` then.
pub(super) fn build(directory: &Path) -> anyhow::Result<()> {
    let metadata = source::metadata(directory)?;
    let component = component(directory, &metadata)?;
    source::pack(&component, directory, &source::built(directory, &metadata))
}

fn component(directory: &Path, _metadata: &Metadata) -> anyhow::Result<Vec<u8>> {
    match Builder::of(directory)? {
        Builder::Script => script::build(directory),
        Builder::Rust => rust::build(directory),
    }
}
