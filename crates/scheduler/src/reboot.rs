//! A reboot at the end of a node's steps: the node goes down, comes back as another boot, and the run goes on with a
//! new agent.

use std::time::{Duration, Instant};

use engine_protocol::{FromAgent, Mode, ToAgent};

use crate::{
    event::{NodeResult, RunEvent},
    node_run::NodeRun,
    ports::Session,
    shared::milliseconds,
};

/// How long a node may take to come back.
const PATIENCE: Duration = Duration::from_mins(10);

/// How long a node that goes down may hold the connection.
const GOING_DOWN: Duration = Duration::from_secs(20);

/// Pause between two tries to reach it.
const PAUSE: Duration = Duration::from_secs(2);

/// Reboots the node if a resource asked for it. In a plan nothing is rebooted: the request is all there is to show.
pub(crate) async fn if_requested(node: &mut NodeRun) -> Result<(), NodeResult> {
    let Some(reason) = node.reboot.take() else { return Ok(()) };
    if node.shared.mode == Mode::Plan {
        return Ok(());
    }
    let name = node.instance.name.clone();
    if node.shared.stop.is_set() {
        return Err(NodeResult::Stopped { position: format!("before a reboot ({reason})") });
    }
    let began = Instant::now();
    node.shared.emit(RunEvent::Rebooting { instance: name.clone(), reason: reason.clone() });
    go_down(node).await?;
    let session = come_back(node, began, &reason).await?;
    node.shared.emit(RunEvent::Rebooted { instance: name, duration_ms: milliseconds(began.elapsed()) });
    node.go_on(session);
    Ok(())
}

/// Tells the agent, and listens until the connection ends: until then it may say that it cannot.
async fn go_down(node: &mut NodeRun) -> Result<(), NodeResult> {
    node.send(ToAgent::Reboot).await?;
    let end = async {
        loop {
            match node.receiver.receive().await {
                Ok(FromAgent::Fatal { error }) => return Err(NodeResult::Failed { error }),
                Ok(_) => {}
                Err(_) => return Ok(()),
            }
        }
    };
    tokio::time::timeout(GOING_DOWN, end).await.unwrap_or(Ok(()))
}

/// Tries until an agent says hello from another boot.
async fn come_back(node: &mut NodeRun, began: Instant, reason: &str) -> Result<Session, NodeResult> {
    let mut stop = node.shared.stop.clone();
    let mut last = "it never went down".to_owned();
    while began.elapsed() < PATIENCE {
        let attempt = async {
            tokio::time::sleep(PAUSE).await;
            node.shared.connector.connect(&node.instance).await
        };
        let connected = tokio::select! {
            connected = attempt => connected,
            () = stop.wait() => {
                return Err(NodeResult::Stopped { position: format!("while it reboots ({reason})") });
            }
        };
        match connected {
            Ok(session) if session.facts.boot_id != node.facts.boot_id => return Ok(session),
            Ok(_) => {}
            Err(failure) if failure.unreachable => last = failure.message,
            // It is back and refuses us.
            Err(failure) => return Err(NodeResult::ConnectionLost { error: failure.message }),
        }
    }
    Err(NodeResult::ConnectionLost {
        error: format!(
            "it did not come back within {} s after a reboot ({reason}): {last}",
            PATIENCE.as_secs()
        ),
    })
}
