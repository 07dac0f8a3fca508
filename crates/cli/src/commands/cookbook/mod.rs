//! `engine cookbook`.

mod build;
mod inspect;
mod source;
mod test;

use std::process::ExitCode;

use anyhow::Context as _;

use crate::{
    arguments::{CookbookCommand, GlobalOptions},
    errors::Failure,
};

pub(crate) fn cookbook(global: &GlobalOptions, command: &CookbookCommand) -> Result<ExitCode, Failure> {
    match command {
        CookbookCommand::Build { directories } => {
            for directory in directories {
                build::build(directory).with_context(|| format!("cookbook {}", directory.display()))?;
            }
        }
        CookbookCommand::Pack { component, directory, output } => {
            let component = std::fs::read(component).with_context(|| component.display().to_string())?;
            source::pack(&component, directory, output)?;
        }
        CookbookCommand::Inspect { cookbook, json } => inspect::inspect(cookbook, *json)?,
        CookbookCommand::Test(arguments) => return test::test(global, arguments),
    }
    Ok(ExitCode::SUCCESS)
}
