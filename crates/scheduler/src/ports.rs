//! What the scheduler needs of the world, as traits. Adapters implement them and know nothing of
//! each other.

use std::{collections::BTreeMap, future::Future, pin::Pin, time::Duration};

use engine_contract::Node;
use engine_model::{
    App, ConfigureBegun, ConfigureState, Instance, InstanceStatus, Name, NewRun, RecipeName, RunId,
    RunRecord, RunState, Secret, StackLock, StatusRecord,
};
use engine_protocol::{Collection, Facts, FromAgent, Piece, ToAgent};

use serde::{Deserialize, Serialize};

pub use crate::deployments::Revision;
use crate::{
    built_in::BuiltInResource,
    event::{Counts, NodeResult, RunEvent},
    resume::{Entry, Intent, Journal},
};

pub use crate::secrets::SecretValue;

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

    /// The digest of each cookbook: with the same ones, the same inputs declare the same resources.
    fn digests(&self) -> BTreeMap<String, String>;
}

/// What to evaluate.
#[derive(Debug, Clone)]
pub struct EvaluateRequest {
    /// What engine itself declares before the recipes.
    pub built_in: Vec<BuiltInResource>,
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

/// Fetches the sources of apps, and keeps their content until nodes have it.
pub trait AppSources: Send + Sync {
    /// Fetches the source of an app as it is now. Its content can be read from then on.
    fn fetch<'a>(&'a self, app: &'a App) -> PortFuture<'a, Result<Revision, SourceFailure>>;
    /// Pieces of content, one behind the other, packed with zlib.
    fn read(&self, pieces: Vec<Piece>) -> PortFuture<'_, Result<Vec<u8>, SourceFailure>>;
}

/// Gives objects of a store that asks who one is, such as S3.
pub trait ObjectStore: Send + Sync {
    /// A URL by which anybody can fetch an object for some minutes. Whoever has it can do so: it is not to be shown.
    fn url<'a>(&'a self, bucket: &'a str, key: &'a str) -> PortFuture<'a, Result<String, SourceFailure>>;
}

/// Why a source could not be fetched, or its content read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SourceFailure {
    /// What happened, with the app and the place.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

/// Gives the values of secrets.
pub trait SecretProvider: Send + Sync {
    /// The value of a secret, from where its stack file says.
    fn value<'a>(&'a self, secret: &'a Secret) -> PortFuture<'a, Result<SecretValue, SecretFailure>>;
}

/// Why there is no value of a secret. Says nothing of the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default())]
pub struct SecretFailure {
    /// What happened, and with which file, variable or command.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

/// Who wants a stack for themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockRequest {
    /// The stack.
    pub stack: Name,
    /// Who: a user on a machine, and the process there.
    pub owner: String,
    /// The boot of that machine.
    pub boot_id: String,
    /// The process.
    pub process: u32,
    /// For what.
    pub operation: String,
    /// How long the lock holds unless it is renewed.
    pub lease: Duration,
}

/// Under which holding of a stack something is written: of its lock, which it must still be when the write is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The stack.
    pub stack: Name,
    /// The lock's id.
    pub id: String,
    /// The lock's token.
    pub token: u64,
}

impl From<&StackLock> for Fence {
    fn from(lock: &StackLock) -> Self {
        Fence { stack: lock.stack.clone(), id: lock.id.clone(), token: lock.token }
    }
}

/// Remembers live state.
///
/// What changes the state of a stack carries a [`Fence`]. If the stack is not held under that lock any more, the store
/// writes nothing and says [`StoreFailure::StackLost`]; it looks in the transaction that writes, so that whoever takes the
/// stack comes either before or after. A lease that has run out while nobody else took the stack is good enough.
pub trait Store: Send + Sync {
    /// Takes a stack's lock, if nobody holds it or their lease has run out; else says who holds it.
    fn lock(
        &self,
        request: LockRequest,
    ) -> PortFuture<'_, Result<Result<StackLock, StackLock>, StoreFailure>>;
    /// Renews a lock for so long from now; says whether it was still held.
    fn renew<'a>(
        &'a self,
        stack: &'a Name,
        id: &'a str,
        lease: Duration,
    ) -> PortFuture<'a, Result<bool, StoreFailure>>;
    /// Gives a lock back, or breaks it; says whether there was one of this id.
    fn unlock<'a>(&'a self, stack: &'a Name, id: &'a str) -> PortFuture<'a, Result<bool, StoreFailure>>;
    /// Who holds a stack; nobody if the lease has run out.
    fn lock_of<'a>(&'a self, stack: &'a Name) -> PortFuture<'a, Result<Option<StackLock>, StoreFailure>>;
    /// The status of each instance that has one; the others are pending.
    fn statuses<'a>(
        &'a self,
        stack: &'a Name,
    ) -> PortFuture<'a, Result<BTreeMap<Name, InstanceStatus>, StoreFailure>>;
    /// Remembers an instance's status; and, if instances have to react to that, why.
    fn set_status<'a>(
        &'a self,
        fence: &'a Fence,
        instance: &'a Name,
        status: InstanceStatus,
        owes_configure: Option<&'a str>,
    ) -> PortFuture<'a, Result<(), StoreFailure>>;
    /// The status of each instance that has one, with the time of its last change.
    fn status_records<'a>(
        &'a self,
        stack: &'a Name,
    ) -> PortFuture<'a, Result<BTreeMap<Name, StatusRecord>, StoreFailure>>;
    /// Forgets the status of an instance that has left the stack; and remembers, if instances have to react to that,
    /// why. What happened in runs stays.
    fn forget<'a>(
        &'a self,
        fence: &'a Fence,
        instance: &'a Name,
        owes_configure: Option<&'a str>,
    ) -> PortFuture<'a, Result<(), StoreFailure>>;
    /// Which configure was the last one of a stack, and whether another is owed.
    fn configure_state<'a>(&'a self, stack: &'a Name)
    -> PortFuture<'a, Result<ConfigureState, StoreFailure>>;
    /// Begins a configure of a stack with a view of who is online, in stack-file order. It has the generation of the
    /// last one if that had the same view, and else a higher one than any before.
    fn begin_configure<'a>(
        &'a self,
        fence: &'a Fence,
        online: &'a [Name],
    ) -> PortFuture<'a, Result<ConfigureBegun, StoreFailure>>;
    /// Ends a configure that all online instances did: what was owed when it began is not owed any more.
    fn end_configure<'a>(
        &'a self,
        fence: &'a Fence,
        begun: ConfigureBegun,
    ) -> PortFuture<'a, Result<(), StoreFailure>>;
    /// Begins a run, and at once remembers durably what it is to do, if it can be taken up again. Runs of the stack that
    /// are said to be running are interrupted then; and what would be needed to take earlier ones up is forgotten, but for
    /// the one that this run follows from.
    fn begin_run<'a>(
        &'a self,
        fence: &'a Fence,
        run: NewRun,
        intent: Option<Box<Intent>>,
    ) -> PortFuture<'a, Result<RunId, StoreFailure>>;
    /// Goes on with a run that was interrupted.
    fn reopen_run<'a>(&'a self, fence: &'a Fence, run: RunId) -> PortFuture<'a, Result<(), StoreFailure>>;
    /// Remembers what is about to be done, or was done; it survives a loss of power when this returns.
    fn write_ahead<'a>(
        &'a self,
        fence: &'a Fence,
        run: RunId,
        entry: Entry,
    ) -> PortFuture<'a, Result<(), StoreFailure>>;
    /// What is needed to take a run up again; nothing if it cannot be.
    fn journal(&self, run: RunId) -> PortFuture<'_, Result<Option<Journal>, StoreFailure>>;
    /// Ends a run. Of one that ended well nothing is kept to take it up.
    fn end_run<'a>(
        &'a self,
        fence: &'a Fence,
        run: RunId,
        state: RunState,
    ) -> PortFuture<'a, Result<(), StoreFailure>>;
    /// Remembers what happened in a run, behind what is remembered of it already.
    fn record<'a>(
        &'a self,
        fence: &'a Fence,
        run: RunId,
        events: Vec<TimedEvent>,
    ) -> PortFuture<'a, Result<(), StoreFailure>>;
    /// The newest runs of a stack, the last one first; at most so many.
    fn runs<'a>(&'a self, stack: &'a Name, most: u32)
    -> PortFuture<'a, Result<Vec<RunRecord>, StoreFailure>>;
    /// One run.
    fn run(&self, run: RunId) -> PortFuture<'_, Result<Option<RunRecord>, StoreFailure>>;
    /// What happened in a run, in order. Empty if it is so old that this was forgotten.
    fn events(&self, run: RunId) -> PortFuture<'_, Result<Vec<TimedEvent>, StoreFailure>>;
    /// How an instance's parts of runs ended, the last one first; at most so many.
    fn node_runs<'a>(
        &'a self,
        stack: &'a Name,
        instance: &'a Name,
        most: u32,
    ) -> PortFuture<'a, Result<Vec<NodeRunRecord>, StoreFailure>>;
}

/// How an instance's part of a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRunRecord {
    /// The run.
    pub run: RunRecord,
    /// When the part ended, in milliseconds since 1970.
    pub ended_ms: u64,
    /// How it went.
    pub result: NodeResult,
    /// What was done.
    pub counts: Counts,
    /// Milliseconds from the first attempt to connect.
    pub duration_ms: u64,
}

/// Something that happened, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimedEvent {
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// What.
    #[serde(flatten)]
    pub event: RunEvent,
}

/// Why the store did not do as it was told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreFailure {
    /// It does not answer.
    #[error("the state store {place}: {message}")]
    Failed {
        /// Where the store is.
        place: String,
        /// What happened.
        message: String,
    },
    /// The stack is held under another lock by now, or under none: nothing was written.
    #[error("stack `{stack}` is not held any more under the lock {id}; somebody broke or took it")]
    StackLost {
        /// The stack.
        stack: Name,
        /// The lock under which it was held.
        id: String,
    },
}
