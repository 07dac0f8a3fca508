//! Changes that the node puts back unless it can still be reached: a fresh connection, authenticated like any other,
//! shows that it can, and confirms.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant, SystemTime},
};

use engine_protocol::{Collection, FromAgent, Status, ToAgent, message::End};

use crate::{
    event::{NodeResult, ResourceLabel, RunEvent, time_of_day},
    node_run::{NodeRun, pings},
    ports::{AgentReceiver, ConnectFailure, Session},
};

/// Pause between two tries to connect.
const PAUSE: Duration = Duration::from_secs(1);

/// What a node puts back unless it is confirmed.
#[derive(Debug)]
pub(crate) struct Unconfirmed {
    id: String,
    seconds: u32,
    /// The resources that were changed, in Chef's form.
    changed: BTreeSet<String>,
    /// Whether all were told that had to be: only then a connection says something of the change.
    finished: bool,
    /// Since when the node waits, as far as is known here.
    since: (Instant, SystemTime),
}

impl Unconfirmed {
    pub(crate) fn new(id: String, seconds: u32) -> Self {
        let since = (Instant::now(), SystemTime::now());
        Unconfirmed { id, seconds, changed: BTreeSet::new(), finished: false, since }
    }

    /// Hears what became of a resource.
    pub(crate) fn hear(&mut self, resource: &ResourceLabel, status: &Status) {
        if resource.confirm && matches!(status, Status::Changed) {
            self.changed.insert(resource.name.clone());
        }
    }

    /// Hears that the event has ended.
    pub(crate) fn finish(&mut self, end: &End) {
        self.finished = !matches!(end, End::Stopped { .. });
        self.since = (Instant::now(), SystemTime::now());
    }

    fn reverts_at(&self) -> u64 {
        let at = self.since.1 + Duration::from_secs(self.seconds.into());
        at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
    }
}

/// The collection with the stack's time for confirming.
pub(crate) fn within(timeout: Option<Duration>, mut collection: Collection) -> Collection {
    if let Some(timeout) = timeout {
        let given = u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX);
        let seconds =
            collection.resources.iter_mut().filter_map(|resource| resource.common.confirm_seconds.as_mut());
        seconds.for_each(|seconds| *seconds = given);
    }
    collection
}

/// Confirms what an event has changed, if anything of that must be; a change that is not confirmed fails the node's part.
pub(crate) async fn confirm(node: &mut NodeRun, result: Result<(), NodeResult>) -> Result<(), NodeResult> {
    let Some(unconfirmed) = node.unconfirmed.take() else { return result };
    let instance = node.instance.name.clone();
    let resources: Vec<String> = unconfirmed.changed.iter().cloned().collect();
    let why = match &result {
        Err(NodeResult::ConnectionLost { error }) => error.clone(),
        _ if !unconfirmed.finished => "the event did not come to its end".to_owned(),
        _ => {
            let (resources, seconds) = (resources.clone(), unconfirmed.seconds);
            node.shared.emit(RunEvent::Confirming { instance: instance.clone(), resources, seconds });
            match connect_anew(node, &unconfirmed).await {
                Ok(()) => {
                    let resources = unconfirmed.changed.into_iter().collect();
                    node.shared.emit(RunEvent::Confirmed { instance, resources });
                    return result;
                }
                Err(why) => why,
            }
        }
    };
    let reverts_at = unconfirmed.reverts_at();
    let what = if resources.is_empty() { "a change".to_owned() } else { resources.join(", ") };
    node.shared.emit(RunEvent::NotConfirmed { instance, resources, error: why.clone(), reverts_at });
    if let Err(NodeResult::Stopped { position }) = result {
        let position = format!("{position}; {what} is put back by {} UTC", time_of_day(reverts_at));
        return Err(NodeResult::Stopped { position });
    }
    let before = match &result {
        Err(NodeResult::Failed { error }) => format!("{error}; besides, "),
        _ => String::new(),
    };
    Err(NodeResult::Failed {
        error: format!(
            "{before}{what} was not confirmed by a fresh connection: {why}; the node puts back what was there by {} \
             UTC, so mend the change and run again after that",
            time_of_day(reverts_at)
        ),
    })
}

/// Tries until the node's patience is over.
async fn connect_anew(node: &mut NodeRun, unconfirmed: &Unconfirmed) -> Result<(), String> {
    let (connector, instance) = (node.shared.connector.clone(), node.instance.clone());
    let tries = async {
        let mut last = "it did not answer".to_owned();
        loop {
            let left =
                Duration::from_secs(unconfirmed.seconds.into()).saturating_sub(unconfirmed.since.0.elapsed());
            if left.is_zero() {
                return Err(last);
            }
            match tokio::time::timeout(left, try_once(connector.connect(&instance), &unconfirmed.id)).await {
                Ok(Ok(Answer::Stays)) => return Ok(()),
                Ok(Ok(Answer::TooLate)) => {
                    return Err("the connection came too late, the node had put it back".to_owned());
                }
                // It is there and refuses us: that does not change by itself.
                Ok(Err(ConnectFailure { unreachable: false, message, .. })) => return Err(message),
                Ok(Err(ConnectFailure { message, .. })) => last = message,
                Err(_) => return Err(last),
            }
            tokio::time::sleep(PAUSE.min(left)).await;
        }
    };
    let mut tries = std::pin::pin!(tries);
    let (mut stop, mut pings) = (node.shared.stop.clone(), pings());
    loop {
        tokio::select! {
            ended = &mut tries => return ended,
            () = stop.wait() => return Err("the run was stopped before".to_owned()),
            // The agent that made the change may hold the node's lock. That it is gone is seen later on.
            _ = pings.tick() => drop(node.sender.send(ToAgent::Ping).await),
        }
    }
}

enum Answer {
    Stays,
    TooLate,
}

async fn try_once(
    connect: impl Future<Output = Result<Session, ConnectFailure>>,
    id: &str,
) -> Result<Answer, ConnectFailure> {
    let Session { mut sender, mut receiver, .. } = connect.await?;
    let lost = |message| ConnectFailure { message, hint: None, unreachable: true };
    let confirm = ToAgent::Confirm { id: id.to_owned() };
    sender.send(confirm).await.map_err(|failure| lost(failure.message))?;
    answer(receiver.as_mut()).await.map_err(lost)
}

async fn answer(receiver: &mut dyn AgentReceiver) -> Result<Answer, String> {
    loop {
        match receiver.receive().await.map_err(|failure| failure.message)? {
            FromAgent::Confirmed { stays: true } => return Ok(Answer::Stays),
            FromAgent::Confirmed { stays: false } => return Ok(Answer::TooLate),
            FromAgent::Fatal { error } => return Err(error),
            _ => {}
        }
    }
}
