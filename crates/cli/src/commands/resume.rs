//! `engine resume`, and what runs are good for that did not end well.

use std::{process::ExitCode, sync::Arc};

use engine_manifest::Manifest;
use engine_model::{Name, RunId, RunRecord, RunState};
use engine_protocol::Mode;
use engine_scheduler::{
    RunSummary, lock,
    resume::{ResumeError, retry},
};

use crate::{
    arguments::{GlobalOptions, ResumeArguments},
    commands::{self, execution, runs},
    errors::{self, Failure},
    state,
};

/// Takes a run up where it stopped.
pub(crate) fn resume(global: &GlobalOptions, arguments: &ResumeArguments) -> Result<ExitCode, Failure> {
    let options = &arguments.options;
    let done = commands::manifest(&arguments.stack).and_then(|manifest| {
        // Whoever asks about a stack that was never run leaves no empty store behind.
        if state::existing(&manifest, options.state.given())?.is_none() {
            return Err(Failure::usage(ResumeError::NoRun { stack: manifest.stack.name }));
        }
        let runtime =
            Arc::new(commands::load_cookbooks(global, &manifest, execution::limits(&options.limits))?);
        let settings = execution::settings(options, Mode::Apply, "", None);
        let summary =
            execution::execute(global, &manifest, runtime, options, Mode::Apply, async |executor| {
                executor.resume(arguments.run, &settings).await
            })?;
        hint(&summary, &manifest);
        Ok(execution::exit_code(&summary, options))
    });
    done.map_err(|failure| execution::exit_status_of_failure(failure, options))
}

/// Says what to do next about a run that stopped on the way.
pub(crate) fn hint(summary: &RunSummary, manifest: &Manifest) {
    if summary.resumable {
        errors::hint(&format!(
            "`engine resume --stack {}` takes it up where it stopped",
            manifest.stack.name
        ));
    }
}

/// What a run is refused for, as a failure of the command.
pub(crate) fn failure(error: &ResumeError) -> Failure {
    let failure = Failure::usage(error);
    match error {
        ResumeError::Ended { run, state } if *state != RunState::Successful => failure
            .hint(format!("`engine run COMMAND --retry-failed {run}` takes the hosts on which it failed")),
        ResumeError::Unknown { stack, .. } => {
            failure.hint(format!("`engine runs list --stack {stack}` lists those that there are"))
        }
        _ => failure,
    }
}

/// The instances on which a run did not come to a good end.
pub(crate) fn failed(manifest: &Manifest, state: Option<&str>, run: RunId) -> Result<Vec<Name>, Failure> {
    let (_, events) = runs::find(manifest, state, run)?;
    let failed = retry::failed(&events);
    if failed.is_empty() {
        return Err(Failure::usage(format!("run {run} failed on no host, so there is nothing to try again")));
    }
    let gone = failed.iter().find(|name| manifest.stack.instance(name).is_none());
    match gone {
        Some(gone) => Err(Failure::usage(format!(
            "run {run} failed on `{gone}`, which the stack file does not have any more"
        ))
        .hint("name the others with `--instance`")),
        None => Ok(failed),
    }
}

/// Says of runs that nobody carries out any more that they were interrupted.
pub(crate) fn with_interrupted(
    manifest: &Manifest,
    state: Option<&str>,
    mut records: Vec<RunRecord>,
) -> Result<Vec<RunRecord>, Failure> {
    if !records.iter().any(|record| record.state == RunState::Running) {
        return Ok(records);
    }
    let holder = match state::existing(manifest, state)? {
        Some(store) => state::ask(store.lock_of(&manifest.stack.name))?,
        None => None,
    };
    if !holder.as_ref().is_some_and(lock::is_alive) {
        let running = records.iter_mut().filter(|record| record.state == RunState::Running);
        running.for_each(|record| record.state = RunState::Interrupted);
    }
    Ok(records)
}
