//! Completions and man pages, from the command line's own definition.

use std::{io::Write as _, path::Path, process::ExitCode};

use anyhow::Context as _;
use clap::CommandFactory as _;

use crate::{arguments::Arguments, errors::Failure};

pub(crate) fn completions(shell: clap_complete::Shell) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "engine", &mut script);
    std::io::stdout().write_all(&script).context("the script cannot be written")?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn man(directory: &Path) -> Result<ExitCode, Failure> {
    std::fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    clap_mangen::generate_to(Arguments::command(), directory)
        .with_context(|| format!("man pages in {}", directory.display()))?;
    Ok(ExitCode::SUCCESS)
}
