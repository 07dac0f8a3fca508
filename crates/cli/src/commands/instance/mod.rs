//! `engine instance`.

mod leave;
mod list;
mod register;
mod setup;
mod show;
mod ssh;

use std::process::ExitCode;

use engine_manifest::{Edit, EditError, Manifest, WriteError};
use engine_model::{Connection, Instance, Name};

use crate::{
    arguments::{GlobalOptions, InstanceCommand, RunOptions},
    errors::Failure,
};

pub(crate) fn instance(global: &GlobalOptions, command: &InstanceCommand) -> Result<ExitCode, Failure> {
    match command {
        InstanceCommand::List { stack, json, state } => list::list(stack, *json, state.given()),
        InstanceCommand::Show(arguments) => show::show(arguments),
        InstanceCommand::Ssh(arguments) => ssh::ssh(arguments),
        InstanceCommand::Register(arguments) => register::register(global, arguments),
        InstanceCommand::Assign(arguments) => setup::assign(global, arguments),
        InstanceCommand::Unassign(arguments) => leave::unassign(global, arguments),
        InstanceCommand::Deregister(arguments) => leave::deregister(global, arguments),
    }
}

/// The instance of that name.
fn find<'a>(manifest: &'a Manifest, name: &Name) -> Result<&'a Instance, Failure> {
    let stack = &manifest.stack;
    stack.instance(name).ok_or_else(|| {
        let known = names(stack.instances.iter().map(|instance| &instance.name));
        Failure::usage(format!("stack `{}` has no instance `{name}`; its instances are {known}", stack.name))
    })
}

/// That all these layers are there.
fn check_layers(manifest: &Manifest, layers: &[Name]) -> Result<(), Failure> {
    let stack = &manifest.stack;
    match layers.iter().find(|name| stack.layer(name).is_none()) {
        None => Ok(()),
        Some(name) => {
            let known = names(stack.layers.iter().map(|layer| &layer.name));
            let message = format!("stack `{}` has no layer `{name}`; its layers are {known}", stack.name);
            Err(Failure::usage(message))
        }
    }
}

/// Names as they stand in a sentence.
fn names<'a>(names: impl Iterator<Item = &'a Name>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// How an instance is reached, in a word or two.
pub(crate) fn host(instance: &Instance) -> &str {
    match &instance.connection {
        Connection::Ssh { host, .. } => host,
        Connection::Local => "(this machine)",
    }
}

/// The stack file after a change, which is not written yet.
fn edited(
    manifest: &Manifest,
    change: impl FnOnce(&mut Edit) -> Result<(), EditError>,
) -> Result<Manifest, Failure> {
    let mut edit = Edit::of(manifest)?;
    change(&mut edit)?;
    Ok(edit.finish(manifest.path())?)
}

/// Writes it.
fn write(old: &Manifest, new: &Manifest) -> Result<(), WriteError> {
    engine_manifest::replace(old.path(), old.source().text(), new.source().text())
}

/// Says what was done beside a run. With `--json`, standard output has objects alone.
fn tell(options: &RunOptions, text: &str) {
    if options.json {
        anstream::eprintln!("{text}");
    } else {
        anstream::println!("{text}");
    }
}
