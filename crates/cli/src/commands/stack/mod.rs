//! `engine stack`.

use std::{path::Path, process::ExitCode};

use engine_runtime::EvaluationLimits;

use crate::{
    arguments::{GlobalOptions, StackCommand},
    commands,
    errors::Failure,
};

pub(crate) fn stack(global: &GlobalOptions, command: &StackCommand) -> Result<ExitCode, Failure> {
    match command {
        StackCommand::Validate { stack } => {
            let manifest = commands::manifest(stack)?;
            commands::load_cookbooks(global, &manifest, EvaluationLimits::default())?;
            let stack = &manifest.stack;
            anstream::println!(
                "{}: stack `{}` with {} layers, {} instances, {} apps and {} cookbooks is valid",
                manifest.path().display(),
                stack.name,
                stack.layers.len(),
                stack.instances.len(),
                stack.apps.len(),
                stack.cookbooks.len()
            );
        }
        StackCommand::List => list()?,
        StackCommand::Schema => {
            anstream::println!("{:#}", engine_manifest::schema());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list() -> Result<(), Failure> {
    let here = std::env::current_dir()
        .map_err(|error| Failure::failed(format!("the working directory: {error}")))?;
    let directory = here.ancestors().map(|above| above.join("stacks")).find(|stacks| stacks.is_dir());
    let Some(directory) = directory else {
        return Err(Failure::usage("there is no directory `stacks` here or above"));
    };
    for name in names(&directory)? {
        anstream::println!("{name}");
    }
    Ok(())
}

fn names(directory: &Path) -> Result<Vec<String>, Failure> {
    let unreadable = |error: std::io::Error| Failure::failed(format!("{}: {error}", directory.display()));
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        if let Some(name) = name.to_str().and_then(|name| name.strip_suffix(".toml")) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}
