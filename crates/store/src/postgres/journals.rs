//! Journals of runs: what it takes to take one up again.

use std::sync::Arc;

use engine_model::{Name, RunId, RunState};
use engine_scheduler::resume::Journal;
use serde::Serialize;
use tokio_postgres::Client;

use super::Trouble;
use crate::rows::{self, key};

/// Begins the journal of a run, and forgets those of runs before it but for the one that it follows from.
pub(super) async fn begin(
    client: &Client,
    stack: &Name,
    run: RunId,
    follows: Option<RunId>,
) -> Result<(), Trouble> {
    let follows = follows.map_or(-1, key);
    client
        .execute(
            "DELETE FROM run_journal WHERE run <> $2 AND run IN (SELECT id FROM run WHERE stack = $1)",
            &[&stack.as_str(), &follows],
        )
        .await?;
    let (running, interrupted) = (RunState::Running.name(), RunState::Interrupted.name());
    client
        .execute(
            "UPDATE run SET state = $4 WHERE stack = $1 AND state = $3 AND id <> $2",
            &[&stack.as_str(), &key(run), &running, &interrupted],
        )
        .await?;
    Ok(())
}

/// Adds the intent or an entry.
pub(super) async fn add(
    client: Arc<Client>,
    run: RunId,
    value: &(impl Serialize + Sync),
) -> Result<(), Trouble> {
    let insert = "INSERT INTO run_journal (run, seq, entry)
         VALUES ($1, (SELECT coalesce(max(seq), -1) + 1 FROM run_journal WHERE run = $1), $2)";
    client.execute(insert, &[&key(run), &serde_json::to_string(value)?]).await?;
    Ok(())
}

/// Forgets a journal.
pub(super) async fn forget(client: &Client, run: RunId) -> Result<(), Trouble> {
    client.execute("DELETE FROM run_journal WHERE run = $1", &[&key(run)]).await?;
    Ok(())
}

/// The journal of a run.
pub(super) async fn read(client: Arc<Client>, run: RunId) -> Result<Option<Journal>, Trouble> {
    let select = "SELECT entry FROM run_journal WHERE run = $1 ORDER BY seq";
    let lines = client.query(select, &[&key(run)]).await?;
    let lines = lines.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
    Ok(rows::journal(&lines)?)
}
