//! `engine instance assign`, and the runs that go with a change of the stack file.

use std::{process::ExitCode, sync::Arc};

use engine_manifest::Manifest;
use engine_model::{Command, InstanceStatus, Name};
use engine_protocol::Mode;
use engine_runtime::Runtime;
use engine_scheduler::{Request, RunSummary};

use super::{check_layers, edited, find, names, write};
use crate::{
    arguments::{AssignArguments, GlobalOptions, RunOptions},
    commands::{self, execution, live},
    errors::Failure,
};

/// Puts an instance into layers, and sets it up.
pub(super) fn assign(global: &GlobalOptions, arguments: &AssignArguments) -> Result<ExitCode, Failure> {
    let (options, name) = (&arguments.options, &arguments.instance);
    let manifest = commands::unfinished_manifest(&arguments.stack)?;
    let instance = find(&manifest, name)?;
    check_layers(&manifest, &arguments.layer)?;
    let mut layers = arguments.layer.clone();
    layers.dedup();
    if let Some(layer) = layers.iter().find(|layer| instance.layers.contains(layer)) {
        let again = format!("`engine run setup --stack {} --instance {name}`", manifest.stack.name);
        return Err(Failure::usage(format!("instance `{name}` is in layer `{layer}` already"))
            .hint(format!("{again} sets it up again")));
    }
    let new = edited(&manifest, |edit| edit.assign(name, &layers))?;
    // Whatever can be wrong with a run is found before anything is written.
    let runtime = if arguments.no_run { None } else { Some(runtime(global, &new, options)?) };
    write(&manifest, &new)?;
    let statuses = live::statuses(&new, options.state.given())?;
    if live::status(&statuses, name) == InstanceStatus::Registered {
        live::forget(&new, options, name, None)?;
    }
    let layers = names(layers.iter());
    super::tell(options, &format!("{name} is in {layers} now, says {}", new.path().display()));
    match runtime {
        Some(runtime) => set_up(global, &new, runtime, options, name),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// What evaluates the recipes of a stack that is complete.
pub(super) fn runtime(
    global: &GlobalOptions,
    manifest: &Manifest,
    options: &RunOptions,
) -> Result<Runtime, Failure> {
    let (name, text) = (manifest.stack.name.clone(), manifest.source().text());
    let complete = engine_manifest::parse(name, text, manifest.path())?;
    commands::load_cookbooks(global, &complete, execution::limits(&options.limits))
}

/// Sets an instance up, as `engine run setup --instance` does.
pub(super) fn set_up(
    global: &GlobalOptions,
    manifest: &Manifest,
    runtime: Runtime,
    options: &RunOptions,
    instance: &Name,
) -> Result<ExitCode, Failure> {
    let summary = run(global, manifest, runtime, options, Command::Setup, instance)?;
    Ok(execution::exit_code(&summary, options))
}

/// Runs a command on one instance; the others react.
pub(super) fn run(
    global: &GlobalOptions,
    manifest: &Manifest,
    runtime: Runtime,
    options: &RunOptions,
    command: Command,
    instance: &Name,
) -> Result<RunSummary, Failure> {
    let request = Request { instances: vec![instance.clone()], ..Request::new(command) };
    let settings = execution::settings(options, Mode::Apply, "", None);
    execution::execute(global, manifest, Arc::new(runtime), options, Mode::Apply, async |executor| {
        executor.run(&request, &settings).await
    })
}
