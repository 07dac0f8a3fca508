//! `engine instance unassign` and `engine instance deregister`.

use std::process::ExitCode;

use engine_manifest::Manifest;
use engine_model::{Command, Instance, InstanceStatus};

use super::{edited, find, setup, tell, write};
use crate::{
    arguments::{GlobalOptions, LeaveArguments},
    commands::{self, live},
    errors::{Failure, STOPPED},
};

/// Takes an instance out of its layers.
pub(super) fn unassign(global: &GlobalOptions, arguments: &LeaveArguments) -> Result<ExitCode, Failure> {
    let manifest = commands::unfinished_manifest(&arguments.stack)?;
    let instance = find(&manifest, &arguments.instance)?;
    if !instance.registered {
        let message = format!("instance `{}` is not registered, so it must be in a layer", instance.name);
        return Err(Failure::usage(message).hint(format!(
            "write `registered = true` into `[instances.{}]` if the machine may wait in no layer",
            instance.name
        )));
    }
    if instance.layers.is_empty() {
        return Err(Failure::usage(format!("instance `{}` is in no layer", instance.name)));
    }
    must_not_be_the_last(&manifest, instance)?;
    let new = edited(&manifest, |edit| edit.unassign(&instance.name))?;
    let Prepared::MayGo { owes } = shut_down(global, arguments, &manifest, instance)? else {
        return Ok(failed(arguments, &manifest));
    };
    write(&manifest, &new)?;
    let status = InstanceStatus::Registered;
    live::set_status(&new, &arguments.options, &instance.name, status, owes.as_deref())?;
    tell(&arguments.options, &format!("{} is in no layer now, says {}", instance.name, new.path().display()));
    Ok(ExitCode::SUCCESS)
}

/// Removes an instance from the stack.
pub(super) fn deregister(global: &GlobalOptions, arguments: &LeaveArguments) -> Result<ExitCode, Failure> {
    let manifest = commands::unfinished_manifest(&arguments.stack)?;
    let instance = find(&manifest, &arguments.instance)?;
    if !instance.registered {
        let (name, stack) = (&instance.name, &manifest.stack.name);
        return Err(Failure::usage(format!("instance `{name}` is not registered")).hint(format!(
            "run `engine run shutdown --stack {stack} --instance {name}`, then remove `[instances.{name}]` by hand"
        )));
    }
    must_not_be_the_last(&manifest, instance)?;
    let new = edited(&manifest, |edit| edit.remove_instance(&instance.name))?;
    let Prepared::MayGo { owes } = shut_down(global, arguments, &manifest, instance)? else {
        return Ok(failed(arguments, &manifest));
    };
    write(&manifest, &new)?;
    live::forget(&new, &arguments.options, &instance.name, owes.as_deref())?;
    tell(&arguments.options, &format!("{} is no longer in {}", instance.name, new.path().display()));
    Ok(ExitCode::SUCCESS)
}

/// How an instance was prepared for leaving.
enum Prepared {
    /// It may go. The others have not reacted to this yet, if it is something.
    MayGo { owes: Option<String> },
    /// The run failed, which was shown.
    Failed,
}

/// Shuts an instance down before it leaves, if it serves.
fn shut_down(
    global: &GlobalOptions,
    arguments: &LeaveArguments,
    manifest: &Manifest,
    instance: &Instance,
) -> Result<Prepared, Failure> {
    use InstanceStatus::{ConnectionLost, Online, ShuttingDown};
    let (name, options) = (&instance.name, &arguments.options);
    if instance.layers.is_empty() {
        return Ok(Prepared::MayGo { owes: None });
    }
    let status = live::status(&live::statuses(manifest, options.state.given())?, name);
    if arguments.force {
        tell(options, &format!("{name} is {status}; its shutdown recipes are skipped"));
        let owes = (status == Online).then(|| format!("{name} was taken out of its layers"));
        return Ok(Prepared::MayGo { owes });
    }
    if !matches!(status, Online | ConnectionLost | ShuttingDown) {
        tell(options, &format!("{name} is {status}, so there is nothing to shut down"));
        return Ok(Prepared::MayGo { owes: None });
    }
    let runtime = setup::runtime(global, manifest, options)?;
    let summary = setup::run(global, manifest, runtime, options, Command::Shutdown, name)?;
    if summary.stopped {
        let failure = Failure::failed(left_alone(manifest));
        return Err(if summary.stack_lost { failure } else { failure.with_code(STOPPED) });
    }
    Ok(if summary.is_success() { Prepared::MayGo { owes: None } } else { Prepared::Failed })
}

/// What is shown of a run that failed is there already.
fn failed(arguments: &LeaveArguments, manifest: &Manifest) -> ExitCode {
    Failure::failed(left_alone(manifest))
        .hint(format!(
            "mend what failed and do it again; `--force` is for when `{}` cannot be reached any more",
            arguments.instance
        ))
        .report()
}

fn left_alone(manifest: &Manifest) -> String {
    format!("the run did not end well, so {} was left as it was", manifest.path().display())
}

/// A layer needs at least one instance.
fn must_not_be_the_last(manifest: &Manifest, instance: &Instance) -> Result<(), Failure> {
    let is_alone = |layer: &&engine_model::Name| {
        let mut others = manifest.stack.instances.iter().filter(|other| other.name != instance.name);
        !others.any(|other| other.layers.contains(layer))
    };
    let Some(layer) = instance.layers.iter().find(is_alone) else { return Ok(()) };
    let message = format!("instance `{}` is the only one of layer `{layer}`, which needs one", instance.name);
    Err(Failure::usage(message).hint(format!(
        "put another one into it first: `engine instance assign INSTANCE --stack {} --layer {layer}`",
        manifest.stack.name
    )))
}
