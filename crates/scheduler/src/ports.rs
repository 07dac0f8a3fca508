//! What the scheduler needs of the world, as traits. Adapters implement them and know nothing of
//! each other.

use std::{collections::BTreeMap, future::Future, pin::Pin};

use engine_contract::Node;
use engine_model::{Instance, InstanceStatus, LifecycleEvent, Name, RecipeName, RunId, RunState};
use engine_protocol::{Collection, Facts, FromAgent, ToAgent};

use crate::plan::BuiltIn;

/// A future that a port's method returns.
pub type PortFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Reaches instances and starts their agents.
pub trait Connector: Send + Sync {
    /// Connects and starts the agent.
    fn connect<'a>(&'a self, instance: &'a Instance) -> PortFuture<'a, Result<Session, ConnectFailure>>;
}

/// An agent that has said hello.
pub struct Session {
    /// What the node is.
    pub facts: Box<Facts>,
    /// Whether the agent had to be uploaded first.
    pub uploaded: bool,
    /// To the agent.
    pub sender: Box<dyn AgentSender>,
    /// From the agent.
    pub receiver: Box<dyn AgentReceiver>,
}

/// The way to an agent. Dropping it ends the agent.
pub trait AgentSender: Send {
    /// Sends a message.
    fn send(&mut self, message: ToAgent) -> PortFuture<'_, Result<(), SessionFailure>>;
}

/// The way from an agent.
pub trait AgentReceiver: Send {
    /// The next message.
    fn receive(&mut self) -> PortFuture<'_, Result<FromAgent, SessionFailure>>;
}

/// Why an instance could not be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConnectFailure {
    /// What happened, with host and user.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Whether the host did not answer at all, rather than refusing us.
    pub unreachable: bool,
}

/// Why a connection ended in the middle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SessionFailure {
    /// What happened.
    pub message: String,
}

/// Runs recipes.
pub trait Evaluator: Send + Sync {
    /// Evaluates a run list for a node. What the recipes declare comes back as one collection;
    /// batches before a checkpoint go through the observer.
    fn evaluate(
        &self,
        request: EvaluateRequest,
        observer: Box<dyn EvaluationObserver>,
    ) -> PortFuture<'_, Result<Collection, EvaluateFailure>>;
}

/// What to evaluate.
#[derive(Debug, Clone)]
pub struct EvaluateRequest {
    /// What engine itself declares before the recipes.
    pub built_in: Vec<BuiltIn>,
    /// The recipes, in order.
    pub run_list: Vec<RecipeName>,
    /// What they see.
    pub node: Node,
}

/// Hears what happens while recipes run. Called on a thread that may block.
pub trait EvaluationObserver: Send {
    /// A recipe wrote a message.
    fn log(&mut self, recipe: &RecipeName, level: LogLevel, message: &str);
    /// A recipe wants what was declared so far to be applied.
    fn checkpoint(&mut self, batch: Collection) -> Checkpoint;
}

/// What came of a checkpoint.
#[derive(Debug)]
pub enum Checkpoint {
    /// The batch is applied, and this is what the node is now.
    Reached(Box<Facts>),
    /// Something failed or was stopped: evaluation ends.
    Stopped,
    /// This is a plan: what follows cannot be known. Evaluation ends.
    Unknown,
}

/// How important a recipe's message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// For who looks closely.
    Debug,
    /// Worth knowing.
    Info,
    /// Worth doing something about.
    Warn,
}

/// Why recipes could not be evaluated. Nothing was sent to the node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvaluateFailure {
    /// The recipe, if it is about one.
    pub recipe: Option<String>,
    /// What happened.
    pub message: String,
    /// Further problems found at the same time.
    pub details: Vec<String>,
}

/// Remembers live state.
pub trait Store: Send + Sync {
    /// The status of each instance that has one; the others are pending.
    fn statuses<'a>(
        &'a self,
        stack: &'a Name,
    ) -> PortFuture<'a, Result<BTreeMap<Name, InstanceStatus>, StoreFailure>>;
    /// Remembers an instance's status.
    fn set_status<'a>(
        &'a self,
        stack: &'a Name,
        instance: &'a Name,
        status: InstanceStatus,
    ) -> PortFuture<'a, Result<(), StoreFailure>>;
    /// Begins a run.
    fn begin_run<'a>(
        &'a self,
        stack: &'a Name,
        event: LifecycleEvent,
    ) -> PortFuture<'a, Result<RunId, StoreFailure>>;
    /// Ends a run.
    fn end_run(&self, run: RunId, state: RunState) -> PortFuture<'_, Result<(), StoreFailure>>;
}

/// Why the store does not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the state store {place}: {message}")]
pub struct StoreFailure {
    /// Where the store is.
    pub place: String,
    /// What happened.
    pub message: String,
}
