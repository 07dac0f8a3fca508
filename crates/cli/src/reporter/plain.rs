//! Lines, in the order in which things happen.

use std::fmt::{Display, Write as _};

use anstyle::{AnsiColor, Style};
use engine_contract::visible;
use engine_model::Name;
use engine_protocol::{Mode, Status, shown_size};
use engine_scheduler::{NodeResult, RunEvent, event::time_of_day, ports::LogLevel};

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

    /// What an event is told as: whole lines, or nothing.
    ///
    /// A line of engine's begins with an instance. Whatever cookbooks and nodes say stands behind that
    /// or is indented, and no character of theirs can get it out of there.
    fn text(&self, event: &RunEvent) -> String {
        let mut text = Lines { text: String::new(), width: self.width };
        self.tell(event, &mut text);
        text.text
    }

    fn tell(&self, event: &RunEvent, out: &mut Lines) {
        let red = AnsiColor::Red.on_default().bold();
        match event {
            RunEvent::RunStarted { run, stack, command, mode, instances, .. } => {
                let names: Vec<&str> = instances.iter().map(AsRef::as_ref).collect();
                let what = match (mode, run) {
                    (Mode::Plan, _) => format!("plan of {command}"),
                    (Mode::Apply, Some(run)) => format!("run {run}: {command}"),
                    (Mode::Apply, None) => command.to_string(),
                };
                out.push(format_args!("{what} on stack {stack}: {}", names.join(", ")));
            }
            RunEvent::RunResumed { run, stack, command, instances, .. } => {
                let names: Vec<&str> = instances.iter().map(AsRef::as_ref).collect();
                let left = if names.is_empty() { "nothing is left".to_owned() } else { names.join(", ") };
                out.push(format_args!("run {run}: {command} on stack {stack} goes on: {left}"));
            }
            RunEvent::WaitingForStack { holder } => {
                let (owner, operation) = (visible::line(&holder.owner), visible::line(&holder.operation));
                out.push(format_args!(
                    "waiting for the stack: {owner} holds it for {operation} (lock {})",
                    visible::line(&holder.id)
                ));
            }
            RunEvent::StackLost { stack } => {
                let text = format!("! stack {stack} is no longer held{red:#}");
                out.push(format_args!(
                    "{red}{text}: somebody broke or took the lock, so this run stops at the next resource"
                ));
            }
            RunEvent::SourceFetched { app, revision, files, bytes } => {
                let (revision, size) = (visible::line(revision), shown_size(*bytes));
                out.push(format_args!("app {app}: {revision}, {files} files, {size}"));
            }
            RunEvent::ContentSent { instance, resource, files, bytes, of_files, of_bytes } => {
                let sent = format!(
                    "sent {files} files, {} of {of_files} files, {}",
                    shown_size(*bytes),
                    shown_size(*of_bytes)
                );
                out.line(instance, &sent, &format!(" ({})", resource.name));
            }
            RunEvent::RolloutPlanned { layer, after, batches } => {
                let names = |names: &[Name]| names.iter().map(Name::as_str).collect::<Vec<_>>().join(", ");
                let after = if after.is_empty() { String::new() } else { format!(" after {}", names(after)) };
                let batches: Vec<String> = batches.iter().map(|batch| names(batch)).collect();
                out.push(format_args!("layer {layer}{after}: {}", batches.join(" | ")));
            }
            RunEvent::HealthChecking { instance, question } => {
                out.line(instance, "health ", question);
            }
            RunEvent::Healthy { instance } if self.verbose => out.line(instance, "healthy", ""),
            RunEvent::ConfigurePending { pending } => {
                out.push(format_args!("instances have not reacted yet: {}", pending.why));
            }
            RunEvent::ConfigureStarted { generation: Some(generation), online, supersedes: Some(old) } => {
                let names: Vec<&str> = online.iter().map(AsRef::as_ref).collect();
                let text = format!("configure {generation} supersedes {old}: who is online has changed");
                out.push(format_args!("{text}; now {}", names.join(", ")));
            }
            RunEvent::BatchStarted { layer, batch, of, instances } => {
                let names: Vec<&str> = instances.iter().map(AsRef::as_ref).collect();
                out.push(format_args!("layer {layer}, batch {batch} of {of}: {}", names.join(", ")));
            }
            RunEvent::BatchPause { layer, seconds } => {
                out.push(format_args!("layer {layer}: {seconds} s until the next batch"));
            }
            RunEvent::RolloutStopped { layer, reason, instances } => {
                let names: Vec<&str> = instances.iter().map(AsRef::as_ref).collect();
                let text = format!("! layer {layer} stops{red:#}");
                out.push(format_args!("{red}{text}: {reason}; left as they were: {}", names.join(", ")));
            }
            RunEvent::Connected { instance, agent_uploaded, duration_ms }
                if *agent_uploaded || self.verbose =>
            {
                let uploaded = if *agent_uploaded { ", agent uploaded" } else { "" };
                out.line(instance, &format!("connected in {duration_ms} ms{uploaded}"), "");
            }
            RunEvent::Unreachable { instance, error, hint, known } => {
                let word = if *known { "still unreachable" } else { "unreachable" };
                out.line(instance, &format!("{red}! {word}{red:#} "), error);
                if let Some(hint) = hint {
                    out.further(&format!("hint: {hint}"));
                }
            }
            RunEvent::Evaluated { instance, event, resources, duration_us } if self.verbose => {
                let text = format!("{event}: {resources} resources, evaluated in {duration_us} us");
                out.line(instance, &text, "");
            }
            RunEvent::EvaluationFailed { instance, event, error, details, .. } => {
                out.line(instance, &format!("{red}! {event} not evaluated{red:#} "), error);
                for detail in details {
                    out.further(detail);
                }
            }
            RunEvent::PlanEndsAtCheckpoint { instance, event } => {
                let text = format!("? {event}: what follows the checkpoint is unknown until it is reached");
                out.line(instance, &text, "");
            }
            RunEvent::Log { instance, recipe, level, message }
                if *level != LogLevel::Debug || self.verbose =>
            {
                let word = if *level == LogLevel::Warn { "warning: " } else { "" };
                let recipe = visible::line(recipe);
                out.line(instance, &format!("> {word}"), &format!("{message} ({recipe})"));
            }
            RunEvent::Waiting { instance, resource, message } => {
                let name = visible::line(&resource.name);
                out.line(instance, ". ", &format!("{name}: {message}"));
            }
            RunEvent::Output { instance, text, .. } => {
                for line in visible::lines(text).lines() {
                    out.line(instance, "| ", line);
                }
            }
            RunEvent::Reconnecting { instance, error, seconds } => {
                out.line(instance, &format!("! tries again to connect in {seconds} s: "), error);
            }
            RunEvent::Reconnected { instance } => out.line(instance, "is connected again", ""),
            RunEvent::Confirming { instance, seconds, .. } if self.verbose => {
                out.line(instance, &format!(". connects anew to confirm, within {seconds} s"), "");
            }
            RunEvent::Confirmed { instance, resources } => {
                out.line(instance, "confirmed ", &in_a_line(resources));
            }
            RunEvent::NotConfirmed { instance, resources, error, reverts_at } => {
                let when = time_of_day(*reverts_at);
                let what = in_a_line(resources);
                out.line(
                    instance,
                    &format!("{red}! not confirmed{red:#}, put back by {when} UTC: "),
                    &format!("{what}: {error}"),
                );
            }
            RunEvent::Rebooting { instance, reason } => out.line(instance, ". reboots: ", reason),
            RunEvent::Rebooted { instance, duration_ms } => {
                let seconds = duration_ms / 1000;
                out.line(instance, &format!("is back after {seconds} s"), "");
            }
            RunEvent::ResourceFinished { instance, resource, notified_by, outcome, .. } => {
                if !self.verbose && matches!(outcome.status, Status::UpToDate | Status::Skipped { .. }) {
                    return;
                }
                let (sign, word, style) = outcome::word(&outcome.status, self.mode);
                let mut text = format!("{} ({})", visible::line(&resource.name), outcome.action);
                if let Some(by) = notified_by {
                    let _ = write!(text, ", notified by {}", visible::line(by));
                }
                if resource.confirm && matches!(outcome.status, Status::Changed) {
                    text.push_str(", to be confirmed");
                }
                text.push_str(outcome::earlier(outcome));
                if let Some(reason) = outcome::reason(outcome) {
                    let _ = write!(text, ": {reason}");
                }
                if self.verbose {
                    let recipe = visible::line(&resource.recipe);
                    let _ = write!(text, " [{recipe}, {} us]", outcome.duration_us);
                }
                out.line(instance, &format!("{style}{sign} {word}{style:#} "), &text);
                for (text, style) in outcome::changes(&outcome.changes) {
                    out.detail(&text, style);
                }
            }
            RunEvent::StatusChanged { instance, from, to } if self.verbose => {
                out.line(instance, &format!("{from} -> {to}"), "");
            }
            RunEvent::NodeFinished { instance, result, .. } => match result {
                NodeResult::Refused { error } => {
                    out.line(instance, &format!("{red}! refused{red:#} "), error);
                }
                NodeResult::ConnectionLost { error } => {
                    out.line(instance, &format!("{red}! connection lost{red:#} "), error);
                }
                NodeResult::Stopped { position } => out.line(instance, "- stopped ", position),
                _ => {}
            },
            RunEvent::RunFinished { summary } => {
                out.text.push_str(&summary::text(summary, self.mode));
            }
            _ => {}
        }
    }
}

/// Names of resources in one line.
fn in_a_line(resources: &[String]) -> String {
    resources.iter().map(|name| visible::line(name)).collect::<Vec<_>>().join(", ")
}

impl Reporter for Plain {
    fn event(&mut self, event: &RunEvent) {
        // A run that is verified is followed by a plan.
        if let RunEvent::RunStarted { mode, .. } = event {
            self.mode = *mode;
        }
        let text = self.text(event);
        if !text.is_empty() {
            anstream::print!("{text}");
        }
    }
}

/// Lines as they are put together. Writing to a `String` cannot fail.
struct Lines {
    text: String,
    /// That of the column of instances.
    width: usize,
}

impl Lines {
    fn push(&mut self, line: impl Display) {
        let _ = writeln!(self.text, "{line}");
    }

    /// An instance, what engine says and what others say; further lines of theirs are indented.
    fn line(&mut self, instance: &impl Display, ours: &str, theirs: &str) {
        let theirs = visible::lines(theirs);
        let (first, further) = theirs.split_once('\n').unwrap_or((&theirs, ""));
        let name = instance.to_string();
        let _ = writeln!(self.text, "{name:width$}  {ours}{first}", width = self.width);
        self.further(further);
    }

    /// What others say, below a line.
    fn further(&mut self, theirs: &str) {
        for line in visible::lines(theirs).lines() {
            self.detail(line, Style::new());
        }
    }

    /// One line, fit for a terminal, below another.
    fn detail(&mut self, text: &str, style: Style) {
        let _ = writeln!(self.text, "{:width$}      {style}{text}{style:#}", "", width = self.width);
    }
}

#[cfg(test)]
#[path = "plain_tests.rs"]
mod tests;
