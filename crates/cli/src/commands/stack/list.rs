//! `engine stack list`.

use std::path::{Path, PathBuf};

use comfy_table::{Table, presets};
use engine_contract::visible;
use engine_manifest::LoadError;
use serde_json::json;

use crate::errors::Failure;

/// A stack file, and what it says of itself or why it cannot be read.
struct Listed {
    name: String,
    path: PathBuf,
    description: Result<String, String>,
}

/// Lists the stacks of the next directory `stacks`, those that are not valid as well.
pub(super) fn list(as_json: bool) -> Result<(), Failure> {
    let here = std::env::current_dir()
        .map_err(|error| Failure::failed(format!("the working directory: {error}")))?;
    let directory = here.ancestors().map(|above| above.join("stacks")).find(|stacks| stacks.is_dir());
    let Some(directory) = directory else {
        return Err(Failure::usage("there is no directory `stacks` here or above"));
    };
    let stacks = stacks(&directory)?;
    if as_json {
        let rows = stacks.iter().map(|stack| {
            json!({
                "name": stack.name,
                "path": stack.path,
                "description": stack.description.as_ref().ok(),
                "error": stack.description.as_ref().err(),
            })
        });
        anstream::println!("{:#}", serde_json::Value::Array(rows.collect()));
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["stack", "description"]);
    for Listed { name, description, .. } in &stacks {
        let description = match description {
            Ok(description) => visible::line(description).into_owned(),
            Err(error) => visible::line(error).into_owned(),
        };
        table.add_row([name.clone(), description]);
    }
    anstream::println!("{}", table.trim_fmt());
    Ok(())
}

fn stacks(directory: &Path) -> Result<Vec<Listed>, Failure> {
    let unreadable = |error: std::io::Error| Failure::failed(format!("{}: {error}", directory.display()));
    let mut stacks = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let is_file = path.extension().is_some_and(|ending| ending == "toml");
        let Some(name) = path.file_stem().and_then(|name| name.to_str()).filter(|_| is_file) else {
            continue;
        };
        let description = match engine_manifest::load_unfinished(&path) {
            Ok(manifest) => Ok(manifest.stack.description),
            Err(LoadError::Invalid(_)) => Err(format!("not valid: `engine stack validate {name}` says why")),
            Err(error) => Err(error.to_string()),
        };
        stacks.push(Listed { name: name.to_owned(), path: path.clone(), description });
    }
    stacks.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(stacks)
}
