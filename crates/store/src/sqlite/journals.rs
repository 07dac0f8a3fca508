//! Journals of runs: what it takes to take one up again.

use engine_model::{RunId, RunState};
use engine_scheduler::resume::Journal;
use rusqlite::{Connection, params};
use serde::Serialize;

use super::unreadable;
use crate::rows::{self, key};

/// Begins the journal of a run, and forgets those of runs before it but for the one that it follows from.
pub(crate) fn begin(
    connection: &Connection,
    stack: &str,
    run: RunId,
    follows: Option<RunId>,
) -> rusqlite::Result<()> {
    let follows = follows.map_or(-1, key);
    connection.execute(
        "DELETE FROM run_journal WHERE run <> ?2 AND run IN (SELECT id FROM run WHERE stack = ?1)",
        params![stack, follows],
    )?;
    let (running, interrupted) = (RunState::Running.name(), RunState::Interrupted.name());
    connection.execute(
        "UPDATE run SET state = ?4 WHERE stack = ?1 AND state = ?3 AND id <> ?2",
        params![stack, key(run), running, interrupted],
    )?;
    Ok(())
}

/// Adds the intent or an entry.
pub(crate) fn add(connection: &Connection, run: RunId, value: &impl Serialize) -> rusqlite::Result<()> {
    let text = serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    connection.execute(
        "INSERT INTO run_journal (run, seq, entry)
         VALUES (?1, (SELECT coalesce(max(seq), -1) + 1 FROM run_journal WHERE run = ?1), ?2)",
        params![key(run), text],
    )?;
    Ok(())
}

/// Forgets a journal.
pub(crate) fn forget(connection: &Connection, run: RunId) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM run_journal WHERE run = ?1", [key(run)])?;
    Ok(())
}

/// The journal of a run.
pub(crate) fn read(connection: &Connection, run: RunId) -> rusqlite::Result<Option<Journal>> {
    let mut select = connection.prepare("SELECT entry FROM run_journal WHERE run = ?1 ORDER BY seq")?;
    let lines = select.query_map([key(run)], |row| row.get::<_, String>(0))?;
    rows::journal(&lines.collect::<rusqlite::Result<Vec<_>>>()?).map_err(unreadable)
}
