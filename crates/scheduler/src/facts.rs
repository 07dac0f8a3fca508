//! What instances are, without doing anything on them: the agents are started, say hello and are
//! let go.

use std::sync::Arc;

use engine_model::{Instance, Name, Stack};
use engine_protocol::Facts;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    plan::{PlanError, select},
    ports::{ConnectFailure, Connector},
    stop::StopSignal,
};

/// Whose facts are asked for, and how.
#[derive(Debug, Clone)]
pub struct FactsRequest {
    /// Only instances of these layers; all if empty.
    pub layers: Vec<Name>,
    /// Only these instances; all if empty.
    pub instances: Vec<Name>,
    /// How many are connected to at the same time, at least one.
    pub parallel: usize,
}

/// What came of asking an instance.
#[derive(Debug)]
pub struct Found {
    /// The instance.
    pub instance: Name,
    /// What it is, or why that is not known.
    pub facts: Result<Box<Facts>, NotFound>,
}

/// Why it is not known what an instance is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// It could not be reached.
    #[error(transparent)]
    Connect(#[from] ConnectFailure),
    /// The operator wanted no more.
    #[error("stopped before it was connected to")]
    Stopped,
}

/// Asks the selected instances; in stack-file order.
pub async fn find(
    stack: &Stack,
    request: &FactsRequest,
    connector: Arc<dyn Connector>,
    stop: StopSignal,
) -> Result<Vec<Found>, PlanError> {
    let selected = select(stack, &request.layers, &request.instances)?;
    if selected.is_empty() {
        return Err(PlanError::NobodySelected { stack: stack.name.clone() });
    }
    let permits = Arc::new(Semaphore::new(request.parallel.max(1)));
    let mut tasks = JoinSet::new();
    for (position, instance) in selected.into_iter().enumerate() {
        let (permits, connector) = (Arc::clone(&permits), Arc::clone(&connector));
        let (instance, stop) = (instance.clone(), stop.clone());
        tasks.spawn(async move {
            // Acquiring fails only if the semaphore is closed, which nobody does.
            let _permit = permits.acquire().await;
            let facts = ask(connector.as_ref(), &instance, stop).await;
            (position, Found { instance: instance.name, facts })
        });
    }
    let mut found = tasks.join_all().await;
    found.sort_by_key(|(position, _)| *position);
    Ok(found.into_iter().map(|(_, found)| found).collect())
}

async fn ask(
    connector: &dyn Connector,
    instance: &Instance,
    mut stop: StopSignal,
) -> Result<Box<Facts>, NotFound> {
    if stop.is_set() {
        return Err(NotFound::Stopped);
    }
    tokio::select! {
        session = connector.connect(instance) => Ok(session?.facts),
        () = stop.wait() => Err(NotFound::Stopped),
    }
}
