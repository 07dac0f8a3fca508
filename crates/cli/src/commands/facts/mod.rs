//! `engine facts`.

pub(crate) mod text;

use std::{
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use engine_manifest::Manifest;
use engine_scheduler::{FactsRequest, Found, NotFound, StopSignal, facts::find};
use serde_json::json;

use crate::{
    arguments::FactsArguments,
    commands::{self, connection},
    errors::{self, FAILED, Failure, STOPPED},
};

/// Shows what the instances of a stack are.
pub(crate) fn facts(arguments: &FactsArguments) -> Result<ExitCode, Failure> {
    let manifest = commands::manifest(&arguments.stack)?;
    let request = FactsRequest {
        layers: arguments.selection.layer.clone(),
        instances: arguments.selection.instance.clone(),
        parallel: usize::from(arguments.parallel),
    };
    let (found, stopped) =
        look(&manifest, &request, arguments.ssh_config.as_deref(), arguments.ask_sudo_password)?;
    if arguments.json {
        show_json(&found);
    } else {
        show_text(&found);
    }
    let known = found.iter().all(|found| found.facts.is_ok());
    Ok(match (stopped, known) {
        (true, _) => ExitCode::from(STOPPED),
        (false, false) => ExitCode::from(FAILED),
        (false, true) => ExitCode::SUCCESS,
    })
}

/// What hosts are, and whether the operator stopped before all had said it.
pub(crate) fn look(
    manifest: &Manifest,
    request: &FactsRequest,
    ssh_config: Option<&Path>,
    ask_sudo_password: bool,
) -> Result<(Vec<Found>, bool), Failure> {
    let connector = connection::connector(manifest, ssh_config, ask_sudo_password)?;
    let stop = StopSignal::default();
    let found = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("the asynchronous runtime: {error}")))?
        .block_on(async {
            tokio::spawn(stop_on_interrupt(stop.clone()));
            find(&manifest.stack, request, Arc::new(connector), stop.clone()).await
        })
        .map_err(Failure::usage)?;
    Ok((found, stop.is_set()))
}

/// Nothing is under way on the hosts: what is known by then is shown.
async fn stop_on_interrupt(stop: StopSignal) {
    if tokio::signal::ctrl_c().await.is_ok() {
        stop.set();
    }
}

fn show_json(found: &[Found]) {
    let all: Vec<_> = found
        .iter()
        .map(|Found { instance, facts }| match facts {
            Ok(facts) => json!({"instance": instance, "facts": facts}),
            Err(error) => json!({"instance": instance, "error": error.to_string(), "hint": hint(error)}),
        })
        .collect();
    anstream::println!("{:#}", serde_json::Value::Array(all));
}

fn show_text(found: &[Found]) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let known = found.iter().filter_map(|Found { instance, facts }| Some((instance, facts.as_ref().ok()?)));
    for (number, (instance, facts)) in known.enumerate() {
        let gap = if number > 0 { "\n" } else { "" };
        anstream::print!("{gap}{}", text::text(instance, facts, now));
    }
    for Found { instance, facts } in found {
        if let Err(error) = facts {
            errors::error(&format!("{instance}: {error}"));
            if let Some(hint) = hint(error) {
                errors::hint(hint);
            }
        }
    }
}

pub(crate) fn hint(error: &NotFound) -> Option<&str> {
    match error {
        NotFound::Connect(failure) => failure.hint.as_deref(),
        NotFound::Stopped => None,
    }
}
