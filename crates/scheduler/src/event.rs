//! Everything that happens in a run, as values: a run can be shown, recorded and replayed.

use engine_model::{Command, InstanceStatus, Name, PendingConfigure, RunId, StackLock};
use engine_protocol::{Mode, Outcome, Resource, Status};
use serde::{Deserialize, Serialize};

use crate::ports::LogLevel;

/// A progress record of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum RunEvent {
    /// The run begins.
    RunStarted {
        /// The run; none for a plan, which is not remembered.
        run: Option<RunId>,
        /// The stack.
        stack: Name,
        /// What was asked for.
        command: Command,
        /// Whether nodes may be changed.
        mode: Mode,
        /// The instances concerned, in stack-file order.
        instances: Vec<Name>,
        /// Who asked for it.
        #[serde(default)]
        operator: String,
        /// Why, in the operator's words.
        #[serde(default)]
        comment: String,
    },
    /// A run that was interrupted goes on.
    RunResumed {
        /// The run.
        run: RunId,
        /// The stack.
        stack: Name,
        /// What was triggered.
        command: Command,
        /// The instances on which something is left to do, in stack-file order.
        instances: Vec<Name>,
        /// Who takes it up.
        operator: String,
        /// Why it was made.
        comment: String,
    },
    /// Somebody else holds the stack; the run begins when they are done.
    WaitingForStack {
        /// Who, and for what.
        holder: StackLock,
    },
    /// The stack is no longer held: somebody broke the lock, or took it when it had run out. The run stops.
    StackLost {
        /// The stack.
        stack: Name,
    },
    /// The source of an app was fetched, as it is now.
    SourceFetched {
        /// The app.
        app: Name,
        /// What it is: a commit, for example.
        revision: String,
        /// How many files it has.
        files: u64,
        /// How many bytes are in them.
        bytes: u64,
    },
    /// An instance has the files of a release that it did not have before.
    ContentSent {
        /// The instance.
        instance: Name,
        /// The release.
        resource: ResourceLabel,
        /// How many files were sent.
        files: u64,
        /// How many bytes are in them.
        bytes: u64,
        /// How many files the release has.
        of_files: u64,
        /// How many bytes are in those.
        of_bytes: u64,
    },
    /// How the command goes over a layer, if not all at once.
    RolloutPlanned {
        /// The layer.
        layer: Name,
        /// The layers that are done before.
        after: Vec<Name>,
        /// The instances, batch after batch.
        batches: Vec<Vec<Name>>,
    },
    /// The next instances of a layer begin.
    BatchStarted {
        /// The layer.
        layer: Name,
        /// The batch, counted from 1.
        batch: usize,
        /// How many there are.
        of: usize,
        /// Its instances.
        instances: Vec<Name>,
    },
    /// The next batch of a layer waits, as its rollout says.
    BatchPause {
        /// The layer.
        layer: Name,
        /// How long, in seconds.
        seconds: u64,
    },
    /// No further batch of a layer is begun.
    RolloutStopped {
        /// The layer.
        layer: Name,
        /// Why.
        reason: String,
        /// The instances that are left as they were.
        instances: Vec<Name>,
    },
    /// An earlier change of who is online has not been reacted to; this run makes up for it.
    ConfigurePending {
        /// Since when, and why.
        pending: PendingConfigure,
    },
    /// The online instances react to who is online.
    ConfigureStarted {
        /// The generation of their view; later ones are greater. None in a plan.
        generation: Option<u64>,
        /// The instances that all of them see.
        online: Vec<Name>,
        /// The configure that this one supersedes: who is online has changed while it ran.
        supersedes: Option<u64>,
    },
    /// An instance is being reached.
    Connecting {
        /// The instance.
        instance: Name,
    },
    /// Its agent has said hello.
    Connected {
        /// The instance.
        instance: Name,
        /// Whether the agent was uploaded.
        agent_uploaded: bool,
        /// Milliseconds since the attempt began.
        duration_ms: u64,
    },
    /// It could not be reached.
    Unreachable {
        /// The instance.
        instance: Name,
        /// Why.
        error: String,
        /// What to do next.
        hint: Option<String>,
        /// Whether that was so before this run as well.
        known: bool,
    },
    /// An instance begins its part of an event.
    EventStarted {
        /// The instance.
        instance: Name,
        /// The event.
        event: Command,
    },
    /// Its recipes have been evaluated.
    Evaluated {
        /// The instance.
        instance: Name,
        /// The event.
        event: Command,
        /// How many resources were declared, those before checkpoints included.
        resources: usize,
        /// Microseconds that evaluation took, waiting at checkpoints included.
        duration_us: u64,
    },
    /// Its recipes could not be evaluated; nothing of this batch was sent.
    EvaluationFailed {
        /// The instance.
        instance: Name,
        /// The event.
        event: Command,
        /// The recipe, if it is about one.
        recipe: Option<String>,
        /// What happened.
        error: String,
        /// Further problems found at the same time.
        details: Vec<String>,
    },
    /// What follows a checkpoint is not part of a plan.
    PlanEndsAtCheckpoint {
        /// The instance.
        instance: Name,
        /// The event.
        event: Command,
    },
    /// A recipe wrote a message.
    Log {
        /// The instance.
        instance: Name,
        /// The recipe.
        recipe: String,
        /// How important it is.
        level: LogLevel,
        /// The message.
        message: String,
    },
    /// A resource is being worked on.
    ResourceStarted {
        /// The instance.
        instance: Name,
        /// The resource.
        resource: ResourceLabel,
    },
    /// The agent waits for something.
    Waiting {
        /// The instance.
        instance: Name,
        /// On behalf of which resource.
        resource: ResourceLabel,
        /// For what.
        message: String,
    },
    /// A command that runs printed something.
    Output {
        /// The instance.
        instance: Name,
        /// The resource.
        resource: ResourceLabel,
        /// Whole lines.
        text: String,
    },
    /// An action of a resource ended.
    ResourceFinished {
        /// The instance.
        instance: Name,
        /// The event.
        event: Command,
        /// The resource.
        resource: ResourceLabel,
        /// The resource whose notification caused it, in Chef's form.
        notified_by: Option<String>,
        /// How it ended.
        outcome: Outcome,
    },
    /// An instance is asked whether it is well, as the rollout of its layer says.
    HealthChecking {
        /// The instance.
        instance: Name,
        /// What is asked.
        question: String,
    },
    /// It is well.
    Healthy {
        /// The instance.
        instance: Name,
    },
    /// The connection to an instance was lost; it is reached again after a pause.
    Reconnecting {
        /// The instance.
        instance: Name,
        /// What happened.
        error: String,
        /// The pause, in seconds.
        seconds: u64,
    },
    /// It was reached again, and its new agent goes on where the one before stopped.
    Reconnected {
        /// The instance.
        instance: Name,
    },
    /// A fresh connection is made to an instance: if it fails, the instance puts back what was changed.
    Confirming {
        /// The instance.
        instance: Name,
        /// What was changed, in Chef's form.
        resources: Vec<String>,
        /// How long the instance waits, in seconds.
        seconds: u32,
    },
    /// A fresh connection was made, so the change stays.
    Confirmed {
        /// The instance.
        instance: Name,
        /// What was changed, in Chef's form.
        resources: Vec<String>,
    },
    /// Nobody has confirmed the change: the instance puts back what was there before.
    NotConfirmed {
        /// The instance.
        instance: Name,
        /// What was changed, in Chef's form.
        resources: Vec<String>,
        /// Why.
        error: String,
        /// When it is put back at the latest, in seconds since 1970, by the controller's clock.
        reverts_at: u64,
    },
    /// An instance goes down because a resource asked for it; the run waits until it is back.
    Rebooting {
        /// The instance.
        instance: Name,
        /// Why.
        reason: String,
    },
    /// It is back.
    Rebooted {
        /// The instance.
        instance: Name,
        /// Milliseconds that it was away.
        duration_ms: u64,
    },
    /// An instance's status changed.
    StatusChanged {
        /// The instance.
        instance: Name,
        /// Before.
        from: InstanceStatus,
        /// Now.
        to: InstanceStatus,
    },
    /// An instance has done its part of the whole run, or given up.
    NodeFinished {
        /// The instance.
        instance: Name,
        /// How it went.
        result: NodeResult,
        /// What was done.
        counts: Counts,
        /// Milliseconds from the first attempt to connect.
        duration_ms: u64,
    },
    /// The run ends.
    RunFinished {
        /// What became of it.
        summary: RunSummary,
    },
}

/// Hours, minutes and seconds of a time in seconds since 1970, in UTC.
pub fn time_of_day(seconds: u64) -> String {
    let of_day = seconds % 86_400;
    format!("{:02}:{:02}:{:02}", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// A resource, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceLabel {
    /// Chef's form: `file[/etc/motd]`.
    pub name: String,
    /// `cookbook::recipe`.
    pub recipe: String,
    /// Whether its content is not to be shown.
    pub sensitive: bool,
    /// Whether a change of it is put back unless a fresh connection confirms it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirm: bool,
}

impl From<&Resource> for ResourceLabel {
    fn from(resource: &Resource) -> Self {
        ResourceLabel {
            name: resource.to_string(),
            recipe: resource.origin.to_string(),
            sensitive: resource.common.sensitive,
            confirm: resource.common.confirm_seconds.is_some(),
        }
    }
}

/// How a node's part of a run went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum NodeResult {
    /// Everything asked for was done, or would be.
    Successful,
    /// A resource failed.
    Failed {
        /// The resource and the error.
        error: String,
    },
    /// The recipes could not be evaluated.
    EvaluationFailed {
        /// Why.
        error: String,
    },
    /// It could not be reached.
    Unreachable {
        /// Why.
        error: String,
    },
    /// It could not be reached, which was known before the run: it is left out, and that is no
    /// failure of this run.
    LeftOut {
        /// Why.
        error: String,
    },
    /// It is not what it was when the plan was made, so nothing was done.
    Refused {
        /// What has changed.
        error: String,
    },
    /// The connection ended in the middle.
    ConnectionLost {
        /// What happened, and where the node stands.
        error: String,
    },
    /// The operator stopped the run.
    Stopped {
        /// Where the node stands.
        position: String,
    },
    /// Its turn did not come: others failed before.
    NotTried {
        /// Why.
        reason: String,
    },
}

impl NodeResult {
    /// Whether the run as a whole can be successful with it.
    pub fn is_success(&self) -> bool {
        matches!(self, NodeResult::Successful | NodeResult::LeftOut { .. })
    }

    /// Why a plan for it is not whole; nothing if it is.
    pub fn why_not_planned(&self) -> Option<String> {
        match self {
            NodeResult::Successful => None,
            NodeResult::Stopped { position } => Some(position.clone()),
            NodeResult::Failed { error }
            | NodeResult::EvaluationFailed { error }
            | NodeResult::Unreachable { error }
            | NodeResult::LeftOut { error }
            | NodeResult::Refused { error }
            | NodeResult::ConnectionLost { error } => Some(error.clone()),
            NodeResult::NotTried { reason } => Some(reason.clone()),
        }
    }

    /// One word or two for a table.
    pub fn word(&self) -> &'static str {
        match self {
            NodeResult::Successful => "ok",
            NodeResult::Failed { .. } => "failed",
            NodeResult::EvaluationFailed { .. } => "not evaluated",
            NodeResult::Unreachable { .. } => "unreachable",
            NodeResult::LeftOut { .. } => "left out",
            NodeResult::Refused { .. } => "refused",
            NodeResult::ConnectionLost { .. } => "connection lost",
            NodeResult::Stopped { .. } => "stopped",
            NodeResult::NotTried { .. } => "not tried",
        }
    }
}

/// Outcomes, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Changed, or would change.
    pub changed: usize,
    /// Nothing was to do.
    pub up_to_date: usize,
    /// A guard said no.
    pub skipped: usize,
    /// Failed, ignored failures included.
    pub failed: usize,
    /// Cannot be known before a change is made.
    pub unknown: usize,
}

impl Counts {
    /// Counts one outcome.
    pub fn add(&mut self, status: &Status) {
        match status {
            Status::UpToDate => self.up_to_date += 1,
            Status::Changed => self.changed += 1,
            Status::Skipped { .. } => self.skipped += 1,
            Status::Failed { .. } => self.failed += 1,
            Status::Unknown { .. } => self.unknown += 1,
        }
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.changed += other.changed;
        self.up_to_date += other.up_to_date;
        self.skipped += other.skipped;
        self.failed += other.failed;
        self.unknown += other.unknown;
    }
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent answers, each a key of the JSON")]
pub struct RunSummary {
    /// All nodes, in stack-file order.
    pub nodes: Vec<NodeSummary>,
    /// Milliseconds that the run took.
    pub duration_ms: u64,
    /// Whether it was stopped, by the operator or because it lost the stack.
    pub stopped: bool,
    /// Whether it stopped because somebody broke or took the lock of the stack.
    #[serde(default)]
    pub stack_lost: bool,
    /// Whether configure was part of it.
    #[serde(default)]
    pub reacted: bool,
    /// The run; none for a plan.
    #[serde(default)]
    pub run: Option<RunId>,
    /// Whether it can be taken up again where it stopped.
    #[serde(default)]
    pub resumable: bool,
}

/// What became of a node's part of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSummary {
    /// The instance.
    pub instance: Name,
    /// How it went.
    pub result: NodeResult,
    /// What was done.
    pub counts: Counts,
    /// Milliseconds from the first attempt to connect.
    pub duration_ms: u64,
}

impl RunSummary {
    /// This run and one that followed from it, as one.
    #[must_use]
    pub fn and(mut self, then: RunSummary) -> RunSummary {
        for node in then.nodes {
            match self.nodes.iter_mut().find(|earlier| earlier.instance == node.instance) {
                Some(earlier) => {
                    earlier.counts += node.counts;
                    earlier.duration_ms += node.duration_ms;
                    if earlier.result.is_success() {
                        earlier.result = node.result;
                    }
                }
                None => self.nodes.push(node),
            }
        }
        self.duration_ms += then.duration_ms;
        self.stopped |= then.stopped;
        self.stack_lost |= then.stack_lost;
        self.reacted |= then.reacted;
        self.resumable |= then.resumable;
        self
    }

    /// Whether every node did its part, and there was one at least that was not left out.
    pub fn is_success(&self) -> bool {
        !self.stopped
            && self.nodes.iter().all(|node| node.result.is_success())
            && self.nodes.iter().any(|node| node.result == NodeResult::Successful)
    }

    /// The counts of all nodes together.
    pub fn counts(&self) -> Counts {
        self.nodes.iter().fold(Counts::default(), |mut sum, node| {
            sum += node.counts;
            sum
        })
    }
}
