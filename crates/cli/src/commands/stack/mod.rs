//! `engine stack`.

mod clone;
mod graph;
mod list;
mod show;

use std::process::ExitCode;

use engine_model::{BatchSize, Probe, Rollout};
use engine_runtime::EvaluationLimits;

use crate::{
    arguments::{GlobalOptions, StackCommand},
    commands,
    errors::Failure,
};

pub(crate) fn stack(global: &GlobalOptions, command: &StackCommand) -> Result<ExitCode, Failure> {
    match command {
        StackCommand::Validate { stack } => validate(global, stack)?,
        StackCommand::List { json } => list::list(*json)?,
        StackCommand::Schema => anstream::println!("{:#}", engine_manifest::schema()),
        StackCommand::Show { stack, json, state } => show::show(stack, *json, state.given())?,
        StackCommand::Clone { stack, new, host } => clone::clone(stack, new, host)?,
        StackCommand::Graph { stack, format, output, state } => {
            graph::graph(stack, *format, output.as_deref(), state.given())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn validate(global: &GlobalOptions, stack: &str) -> Result<(), Failure> {
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
    Ok(())
}

/// A strategy in words; nothing if it says nothing.
fn rollout(rollout: &Rollout) -> Option<String> {
    let mut words = Vec::new();
    match rollout.batch {
        Some(BatchSize::Count(count)) => words.push(format!("{count} at a time")),
        Some(batch @ BatchSize::Percent(_)) => words.push(format!("{batch} at a time")),
        None => {}
    }
    if rollout.canary == Some(true) {
        words.push("one first".to_owned());
    }
    if let Some(most) = rollout.max_failures {
        words.push(format!("{most} may fail"));
    }
    if let Some(pause) = rollout.pause {
        words.push(format!("{} s between batches", pause.as_secs()));
    }
    if let Some(policy) = rollout.unreachable {
        words.push(format!("unreachable: {}", policy.name()));
    }
    if let Some(health) = &rollout.health {
        words.push(match &health.probe {
            Probe::Port(port) => format!("healthy if port {port} answers"),
            Probe::Url(url) => format!("healthy if {url} answers"),
            Probe::Command(argv) => format!("healthy if {} ends with 0", argv.join(" ")),
        });
    }
    (!words.is_empty()).then(|| words.join(", "))
}
