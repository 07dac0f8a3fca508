//! Going on after a connection that was lost, within the run.

use std::time::Duration;

use engine_model::Name;

use super::journal::Position;
use crate::{
    event::{NodeResult, RunEvent},
    node_run::NodeRun,
    plan::Step,
    ports::{ConnectFailure, Session},
};

/// Pauses before the tries to reach a node again, over all of a part of its work. A network that is away for longer is
/// for the operator to look at.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(15)];

/// Tries that are left.
pub(crate) struct Tries(usize);

impl Tries {
    pub(crate) fn new() -> Self {
        Tries(0)
    }

    /// Carries a step out. When the connection is lost, reaches the node again and goes on where its agent has stopped.
    pub(crate) async fn step(
        &mut self,
        node: &mut NodeRun,
        step: &Step,
        online: &[Name],
        at: Position,
    ) -> Result<(), NodeResult> {
        loop {
            let lost = match node.step(step, online, at).await {
                Err(NodeResult::ConnectionLost { error }) if node.shared.is_journaled() => error,
                ended => return ended,
            };
            let Some(session) = self.reach(node, &lost).await else {
                return Err(NodeResult::ConnectionLost { error: lost });
            };
            node.go_on(session);
        }
    }

    /// A new session; none if the node does not answer, or is not worth another try.
    async fn reach(&mut self, node: &mut NodeRun, lost: &str) -> Option<Session> {
        let instance = node.instance.name.clone();
        while let Some(pause) = PAUSES.get(self.0) {
            self.0 += 1;
            node.shared.emit(RunEvent::Reconnecting {
                instance: instance.clone(),
                error: lost.to_owned(),
                seconds: pause.as_secs(),
            });
            let mut stop = node.shared.stop.clone();
            let connected = async {
                tokio::time::sleep(*pause).await;
                node.shared.connector.connect(&node.instance).await
            };
            let connected = tokio::select! {
                connected = connected => connected,
                () = stop.wait() => return None,
            };
            match connected {
                Ok(session) => {
                    node.shared.emit(RunEvent::Reconnected { instance });
                    return Some(session);
                }
                Err(ConnectFailure { unreachable: true, .. }) => {}
                // It is there and refuses us.
                Err(_) => return None,
            }
        }
        None
    }
}
