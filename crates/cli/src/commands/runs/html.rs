//! A run as a page that needs no other file: a timeline, and all differences.

use std::collections::BTreeMap;

use engine_contract::visible;
use engine_model::{Name, RunRecord};
use engine_protocol::{Change, Outcome, Status};
use engine_scheduler::{RunEvent, ports::TimedEvent};
use minijinja::{AutoEscape, Environment, value::Serde};
use serde::Serialize;

use super::{took, when};
use crate::errors::Failure;

/// The page.
const PAGE: &str = include_str!("report.html");

/// Width of the timeline, in the units of its picture.
const WIDTH: u64 = 1000;

#[derive(Serialize)]
struct Page {
    title: String,
    state: &'static str,
    began: String,
    took: String,
    operator: String,
    comment: String,
    hosts: Vec<Host>,
    width: u64,
}

#[derive(Serialize, Default)]
struct Host {
    name: String,
    word: String,
    error: Option<String>,
    changed: usize,
    up_to_date: usize,
    failed: usize,
    bars: Vec<Bar>,
    resources: Vec<Row>,
}

#[derive(Serialize)]
struct Bar {
    x: u64,
    width: u64,
    word: &'static str,
    title: String,
}

#[derive(Serialize)]
struct Row {
    event: String,
    name: String,
    action: String,
    recipe: String,
    word: &'static str,
    reason: Option<String>,
    took: String,
    changes: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    class: &'static str,
    text: String,
}

/// Makes the page.
pub(super) fn report(run: &RunRecord, events: &[TimedEvent]) -> Result<String, Failure> {
    let first = events.first().map_or(run.started_ms, |event| event.at_ms);
    let last = events.last().map_or(first, |event| event.at_ms).max(first + 1);
    let x = |at_ms: u64| at_ms.saturating_sub(first) * WIDTH / (last - first);
    let mut hosts: BTreeMap<&Name, Host> = BTreeMap::new();
    for TimedEvent { at_ms, event } in events {
        match event {
            RunEvent::ResourceFinished { instance, event, resource, outcome, .. } => {
                let host = hosts.entry(instance).or_default();
                let begin = x(at_ms.saturating_sub(outcome.duration_us / 1000));
                let row = row(&event.to_string(), &resource.name, &resource.recipe, outcome);
                host.bars.push(Bar {
                    x: begin,
                    width: (x(*at_ms) - begin).max(1),
                    word: row.word,
                    title: format!("{} {}: {}, {}", row.action, row.name, row.word, row.took),
                });
                host.resources.push(row);
            }
            RunEvent::NodeFinished { instance, result, counts, .. } => {
                let host = hosts.entry(instance).or_default();
                host.name = instance.to_string();
                result.word().clone_into(&mut host.word);
                host.error = result.why_not_planned().map(|error| visible::lines(&error).into_owned());
                (host.changed, host.up_to_date, host.failed) =
                    (counts.changed, counts.up_to_date, counts.failed);
            }
            _ => {}
        }
    }
    let page = Page {
        title: format!("{} on stack {}, run {}", run.run.command, run.run.stack, run.id),
        state: run.state.name(),
        began: when(run.started_ms),
        took: took(last - first),
        operator: run.run.operator.clone(),
        comment: run.run.comment.clone(),
        hosts: hosts.into_iter().map(|(name, host)| Host { name: name.to_string(), ..host }).collect(),
        width: WIDTH,
    };
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.render_str(PAGE, Serde(page)).map_err(Failure::failed)
}

fn row(event: &str, name: &str, recipe: &str, outcome: &Outcome) -> Row {
    let (word, reason) = match &outcome.status {
        Status::UpToDate => ("ok", None),
        Status::Changed => ("changed", None),
        Status::Skipped { reason } => ("skipped", Some(reason)),
        Status::Failed { error, .. } => ("failed", Some(error)),
        Status::Unknown { because } => ("unknown", Some(because)),
    };
    Row {
        event: event.to_owned(),
        name: visible::line(name).into_owned(),
        action: outcome.action.to_string(),
        recipe: recipe.to_owned(),
        word,
        reason: reason.map(|reason| visible::lines(reason).into_owned()),
        took: took(outcome.duration_us / 1000),
        changes: outcome.changes.iter().flat_map(lines).collect(),
    }
}

fn lines(change: &Change) -> Vec<Line> {
    let plain = |text: String| vec![Line { class: "", text: visible::lines(&text).into_owned() }];
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
    match change {
        Change::Property { name, old, new } => plain(format!("{name}: {} → {}", value(old), value(new))),
        Change::Binary { old, new } => plain(format!("content: {} → {}", value(old), value(new))),
        Change::Done { what } => plain(what.clone()),
        Change::Output { text } => plain(text.clone()),
        Change::Hidden => plain("what changed is sensitive".to_owned()),
        Change::Diff { unified, truncated } => {
            let class = |line: &str| match line.as_bytes().first() {
                Some(b'+') => "new",
                Some(b'-') => "old",
                Some(b'@') => "at",
                _ => "",
            };
            let shown = unified
                .lines()
                .map(|line| Line { class: class(line), text: visible::line(line).into_owned() });
            let cut = truncated.then(|| Line { class: "at", text: "… cut".to_owned() });
            shown.chain(cut).collect()
        }
    }
}
