//! The `engine` command: the one place where crates meet, and the only one that prints.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod agents;
mod arguments;
mod commands;
mod errors;
mod paths;
mod plan_file;
mod process;
mod reporter;
mod settings;
mod state;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{
    arguments::{Arguments, Color, Command},
    errors::Failure,
};

// A run is many short-lived threads with many small values each, which glibc meets with a heap a
// thread that grows by a system call a page.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    process::keep_memory_private();
    let arguments = Arguments::parse();
    match arguments.global.color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
    match dispatch(arguments) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

fn dispatch(arguments: Arguments) -> Result<ExitCode, Failure> {
    let global = arguments.global;
    match arguments.command {
        Command::Run(arguments) => commands::run::run(&global, &arguments),
        Command::Plan(arguments) => commands::plan::plan(&global, &arguments),
        Command::Resume(arguments) => commands::resume::resume(&global, &arguments),
        Command::Facts(arguments) => commands::facts::facts(&arguments),
        Command::Stack(command) => commands::stack::stack(&global, &command),
        Command::Instance(command) => commands::instance::instance(&global, &command),
        Command::Runs(command) => commands::runs::runs(&command),
        Command::Secret(command) => commands::secret::secret(&command),
        Command::Unlock { id, stack, state } => commands::unlock::unlock(&id, &stack, state.given()),
        Command::Cookbook(command) => commands::cookbook::cookbook(&global, &command),
        Command::Cache(command) => commands::cache::cache(&global, &command),
        Command::Completions { shell } => commands::manual::completions(shell),
        Command::Man { directory } => commands::manual::man(&directory),
    }
}
