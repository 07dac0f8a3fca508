//! `engine runs`: what the store remembers of runs.

mod html;
mod junit;

use std::{
    path::Path,
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use comfy_table::{Table, presets};
use engine_contract::visible;
use engine_manifest::Manifest;
use engine_model::{RunId, RunRecord};
use engine_protocol::Mode;
use engine_scheduler::ports::TimedEvent;

use crate::{
    arguments::RunsCommand,
    commands::{self, resume},
    errors::Failure,
    reporter,
    state::{ask, existing},
};

pub(crate) fn runs(command: &RunsCommand) -> Result<ExitCode, Failure> {
    match command {
        RunsCommand::List { stack, most, json, state } => {
            let manifest = commands::manifest(stack)?;
            let runs = match existing(&manifest, state.given())? {
                Some(store) => ask(store.runs(&manifest.stack.name, *most))?,
                None => Vec::new(),
            };
            let runs = resume::with_interrupted(&manifest, state.given(), runs)?;
            list(&runs, *json);
        }
        RunsCommand::Show { run, stack, json, verbose, junit, html, state } => {
            let manifest = commands::manifest(stack)?;
            let record = find(&manifest, state.given(), *run)?;
            let reports = [junit.as_ref(), html.as_ref()].into_iter().flatten().count();
            if let Some(path) = junit {
                write(path, &junit::report(&record.0, &record.1)?)?;
            }
            if let Some(path) = html {
                write(path, &html::report(&record.0, &record.1)?)?;
            }
            if reports == 0 {
                show(&manifest, &record.1, *json, *verbose)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(runs: &[RunRecord], json: bool) {
    if json {
        anstream::println!("{:#}", serde_json::json!(runs));
        return;
    }
    anstream::println!("{}", table(runs).trim_fmt());
}

/// Runs as rows, the newest first.
pub(crate) fn table(runs: &[RunRecord]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["run", "command", "state", "began", "took", "operator", "comment"]);
    for run in runs {
        table.add_row([
            run.id.to_string(),
            run.run.command.to_string(),
            run.state.to_string(),
            when(run.started_ms),
            run.ended_ms.map(|ended| took(ended.saturating_sub(run.started_ms))).unwrap_or_default(),
            visible::line(&run.run.operator).into_owned(),
            visible::line(&run.run.comment).into_owned(),
        ]);
    }
    table
}

/// As the run was shown; with JSON, each event with its time.
fn show(manifest: &Manifest, events: &[TimedEvent], json: bool, verbose: bool) -> Result<(), Failure> {
    if json {
        for event in events {
            let line = serde_json::to_string(event).map_err(Failure::failed)?;
            anstream::println!("{line}");
        }
        return Ok(());
    }
    let mut reporter = reporter::plain(verbose, Mode::Apply, &manifest.stack);
    for timed in events {
        reporter.event(&timed.event);
    }
    reporter.end();
    Ok(())
}

/// A run, and what happened in it.
pub(crate) fn find(
    manifest: &Manifest,
    state: Option<&str>,
    run: RunId,
) -> Result<(RunRecord, Vec<TimedEvent>), Failure> {
    let name = &manifest.stack.name;
    let unknown = || {
        Failure::usage(format!("there is no run {run} of stack `{name}`"))
            .hint(format!("`engine runs list --stack {name}` lists those that there are"))
    };
    let store = existing(manifest, state)?.ok_or_else(unknown)?;
    let record = ask(store.run(run))?.filter(|record| record.run.stack == *name).ok_or_else(unknown)?;
    let events = ask(store.events(run))?;
    if events.is_empty() {
        let message =
            format!("what happened in run {run} was forgotten; it began {}", when(record.started_ms));
        return Err(Failure::failed(message));
    }
    Ok((record, events))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text)
        .map_err(|error| Failure::failed(format!("the report {} cannot be written: {error}", path.display())))
}

/// A time in UTC, to the second.
pub(crate) fn when(milliseconds: u64) -> String {
    humantime::format_rfc3339_seconds(time(milliseconds)).to_string()
}

fn time(milliseconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(milliseconds)
}

/// A duration in seconds, to a tenth.
pub(crate) fn took(milliseconds: u64) -> String {
    let tenths = milliseconds.div_ceil(100);
    format!("{}.{} s", tenths / 10, tenths % 10)
}
