//! Lines, in the order in which things happen.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use engine_protocol::{Mode, Status};
use engine_scheduler::{NodeResult, RunEvent, ports::LogLevel};

use super::{Reporter, outcome, summary};

pub(crate) struct Plain {
    verbose: bool,
    mode: Mode,
    width: usize,
}

impl Plain {
    pub(crate) fn new(verbose: bool, mode: Mode, width: usize) -> Self {
        Plain { verbose, mode, width }
    }

    fn line(&self, instance: &impl std::fmt::Display, text: &str) {
        let name = instance.to_string();
        anstream::println!("{name:width$}  {text}", width = self.width);
    }

    fn details<'a>(&self, lines: impl IntoIterator<Item = (&'a str, Style)>) {
        for (text, style) in lines {
            anstream::println!("{:width$}      {style}{text}{style:#}", "", width = self.width);
        }
    }
}

impl Reporter for Plain {
    fn event(&mut self, event: &RunEvent) {
        match event {
            RunEvent::RunStarted { run, stack, event, mode, instances } => {
                let names: Vec<&str> = instances.iter().map(AsRef::as_ref).collect();
                let what = match (mode, run) {
                    (Mode::Plan, _) => format!("plan of {event}"),
                    (Mode::Apply, Some(run)) => format!("run {run}: {event}"),
                    (Mode::Apply, None) => event.to_string(),
                };
                anstream::println!("{what} on stack {stack}: {}", names.join(", "));
            }
            RunEvent::Connected { instance, agent_uploaded, duration_ms }
                if *agent_uploaded || self.verbose =>
            {
                let uploaded = if *agent_uploaded { ", agent uploaded" } else { "" };
                self.line(instance, &format!("connected in {duration_ms} ms{uploaded}"));
            }
            RunEvent::Unreachable { instance, error, hint, known } => {
                let style = AnsiColor::Red.on_default().bold();
                let word = if *known { "still unreachable" } else { "unreachable" };
                self.line(instance, &format!("{style}! {word}{style:#} {error}"));
                if let Some(hint) = hint {
                    self.details([(format!("hint: {hint}").as_str(), Style::new())]);
                }
            }
            RunEvent::Evaluated { instance, event, resources, duration_us } if self.verbose => {
                self.line(
                    instance,
                    &format!("{event}: {resources} resources, evaluated in {duration_us} us"),
                );
            }
            RunEvent::EvaluationFailed { instance, event, error, details, .. } => {
                let style = AnsiColor::Red.on_default().bold();
                self.line(instance, &format!("{style}! {event} not evaluated{style:#} {error}"));
                self.details(details.iter().map(|detail| (detail.as_str(), Style::new())));
            }
            RunEvent::PlanEndsAtCheckpoint { instance, event } => {
                self.line(
                    instance,
                    &format!("? {event}: what follows the checkpoint is unknown until it is reached"),
                );
            }
            RunEvent::Log { instance, recipe, level, message }
                if *level != LogLevel::Debug || self.verbose =>
            {
                let word = if *level == LogLevel::Warn { "warning: " } else { "" };
                self.line(instance, &format!("> {word}{message} ({recipe})"));
            }
            RunEvent::Waiting { instance, resource, message } => {
                self.line(instance, &format!(". {}: {message}", resource.name));
            }
            RunEvent::ResourceFinished { instance, resource, notified_by, outcome, .. } => {
                if !self.verbose && matches!(outcome.status, Status::UpToDate | Status::Skipped { .. }) {
                    return;
                }
                let (sign, word, style) = outcome::word(&outcome.status, self.mode);
                let mut text =
                    format!("{style}{sign} {word}{style:#} {} ({})", resource.name, outcome.action);
                if let Some(by) = notified_by {
                    let _ = write!(text, ", notified by {by}");
                }
                if let Some(reason) = outcome::reason(outcome) {
                    let _ = write!(text, ": {reason}");
                }
                if self.verbose {
                    let _ = write!(text, " [{}, {} us]", resource.recipe, outcome.duration_us);
                }
                self.line(instance, &text);
                let changes = outcome::changes(&outcome.changes);
                self.details(changes.iter().map(|(text, style)| (text.as_str(), *style)));
            }
            RunEvent::StatusChanged { instance, from, to } if self.verbose => {
                self.line(instance, &format!("{from} -> {to}"));
            }
            RunEvent::NodeFinished { instance, result, .. } => match result {
                NodeResult::ConnectionLost { error } => {
                    let style = AnsiColor::Red.on_default().bold();
                    self.line(instance, &format!("{style}! connection lost{style:#} {error}"));
                }
                NodeResult::Stopped { position } => self.line(instance, &format!("- stopped {position}")),
                _ => {}
            },
            RunEvent::RunFinished { summary } => summary::print(summary, self.mode),
            _ => {}
        }
    }
}
