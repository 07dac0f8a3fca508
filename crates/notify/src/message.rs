//! What is told. The field names are a public interface: `docs/webhooks.md`.

use engine_model::{Command, Moment, Name, RunId};
use engine_protocol::Mode;
use engine_scheduler::{NodeResult, RunEvent, RunSummary};
use serde::Serialize;

/// What is told of a moment of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The moment.
    pub moment: Moment,
    /// The run's number.
    pub run: RunId,
    /// The stack.
    pub stack: Name,
    /// What was asked for.
    pub command: Command,
    /// Who asked for it.
    pub operator: String,
    /// Why.
    pub comment: String,
    /// Where the run stands: `running`, `successful`, `failed` or `stopped`.
    pub state: &'static str,
    /// The instances, and what became of them.
    pub instances: Vec<InstanceMessage>,
    /// Milliseconds that the run took; none while it runs.
    pub duration_ms: Option<u64>,
    /// All that in a line, under the key that chat services show.
    pub text: String,
}

/// What is told of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InstanceMessage {
    /// The instance.
    pub instance: Name,
    /// What became of it, in a word or two; none while the run goes on.
    pub result: Option<&'static str>,
    /// Why, where it did not go well.
    pub error: Option<String>,
    /// How many resources were changed.
    pub changed: usize,
}

impl Message {
    /// That a run begins, or goes on; nothing for plans, of which nobody is told.
    pub(crate) fn started(event: &RunEvent) -> Option<Self> {
        let (run, stack, command, instances, operator, comment, what) = match event {
            RunEvent::RunStarted {
                run: Some(run),
                stack,
                command,
                mode: Mode::Apply,
                instances,
                operator,
                comment,
            } => (run, stack, command, instances, operator, comment, "begins"),
            RunEvent::RunResumed { run, stack, command, instances, operator, comment } => {
                (run, stack, command, instances, operator, comment, "goes on")
            }
            _ => return None,
        };
        let instance =
            |name: &Name| InstanceMessage { instance: name.clone(), result: None, error: None, changed: 0 };
        Some(Message {
            moment: Moment::Start,
            run: *run,
            stack: stack.clone(),
            command: *command,
            operator: operator.clone(),
            comment: comment.clone(),
            state: "running",
            instances: instances.iter().map(instance).collect(),
            duration_ms: None,
            text: format!("run {run}, {command} on stack {stack} by {operator}, {what}"),
        })
    }

    /// That it has ended.
    pub(crate) fn ended(self, summary: &RunSummary) -> Self {
        let (moment, state) = match (summary.stopped, summary.is_success()) {
            (true, _) => (Moment::Failure, "stopped"),
            (false, true) => (Moment::Success, "successful"),
            (false, false) => (Moment::Failure, "failed"),
        };
        let instances = summary.nodes.iter().map(|node| InstanceMessage {
            instance: node.instance.clone(),
            result: Some(node.result.word()),
            error: node.result.why_not_planned().filter(|_| node.result != NodeResult::Successful),
            changed: node.counts.changed,
        });
        let bad: Vec<String> = summary
            .nodes
            .iter()
            .filter(|node| !node.result.is_success())
            .map(|node| format!("{} {}", node.instance, node.result.word()))
            .collect();
        let changed = summary.counts().changed;
        let what = if bad.is_empty() { format!("{changed} changed") } else { bad.join(", ") };
        let text = format!(
            "run {}, {} on stack {} by {}, {state}: {what}",
            self.run, self.command, self.stack, self.operator
        );
        let (instances, duration_ms) = (instances.collect(), Some(summary.duration_ms));
        Message { moment, state, instances, duration_ms, text, ..self }
    }

    /// As JSON.
    pub(crate) fn json(&self) -> String {
        // Nothing in it can fail to be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}
