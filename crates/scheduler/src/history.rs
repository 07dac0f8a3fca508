//! Remembers what happens in a run while it happens, without holding it up.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use engine_model::RunId;
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    event::RunEvent,
    fenced::Fenced,
    ports::{StoreFailure, TimedEvent},
};

/// How long events are gathered before they are written together. A controller that is killed loses no more than this.
const INTERVAL: Duration = Duration::from_millis(250);

/// So many are written together at the most.
const BATCH: usize = 2000;

/// Where those who take part in a run tell what happens.
pub(crate) struct History(mpsc::UnboundedSender<Told>);

/// Writes it down.
pub(crate) struct Writer(JoinHandle<Result<(), StoreFailure>>);

enum Told {
    Event(TimedEvent),
    End,
}

/// Begins to remember a run.
pub(crate) fn begin(writes: Arc<Fenced>, run: RunId) -> (History, Writer) {
    let (history, told) = mpsc::unbounded_channel();
    (History(history), Writer(tokio::spawn(write(writes, run, told))))
}

impl History {
    /// Remembers an event. That a resource is begun is left out: how it ended says it as well.
    pub(crate) fn tell(&self, event: &RunEvent) {
        if !matches!(event, RunEvent::ResourceStarted { .. }) {
            // The writer is gone only if the store failed, which it says at the end.
            let _ = self.0.send(Told::Event(TimedEvent { at_ms: now_ms(), event: event.clone() }));
        }
    }

    /// Nothing more happens.
    pub(crate) fn end(&self) {
        let _ = self.0.send(Told::End);
    }
}

impl Writer {
    /// Waits until all is written.
    pub(crate) async fn ended(self) -> Result<(), StoreFailure> {
        match self.0.await {
            Ok(written) => written,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

async fn write(
    writes: Arc<Fenced>,
    run: RunId,
    mut told: mpsc::UnboundedReceiver<Told>,
) -> Result<(), StoreFailure> {
    let mut ended = false;
    while !ended && let Some(Told::Event(first)) = told.recv().await {
        let mut batch = vec![first];
        let gathered = async {
            while batch.len() < BATCH {
                match told.recv().await {
                    Some(Told::Event(event)) => batch.push(event),
                    Some(Told::End) | None => return true,
                }
            }
            false
        };
        ended = tokio::time::timeout(INTERVAL, gathered).await.unwrap_or(false);
        writes.record(run, batch).await?;
    }
    Ok(())
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
