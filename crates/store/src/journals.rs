//! Journals of runs: what it takes to take one up again. They survive a loss of power entry by entry.

use engine_model::{RunId, RunState};
use engine_scheduler::resume::{Entry, Intent, Journal};
use rusqlite::{Connection, Transaction, params};
use serde::{Serialize, de::DeserializeOwned};

use crate::{conversion, key};

/// Does something that is on disk when this returns. The rest of the store may lose its last moments with the power.
pub(crate) fn durably<T>(
    connection: &mut Connection,
    change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.execute_batch("PRAGMA synchronous = FULL")?;
    let changed = connection.transaction().and_then(|transaction| {
        let changed = change(&transaction)?;
        transaction.commit()?;
        Ok(changed)
    });
    connection.execute_batch("PRAGMA synchronous = NORMAL")?;
    changed
}

/// Begins the journal of a run, and forgets those of runs before it but for the one that it follows from.
pub(crate) fn begin(
    transaction: &Transaction<'_>,
    stack: &str,
    run: RunId,
    follows: Option<RunId>,
    intent: Option<&Intent>,
) -> rusqlite::Result<()> {
    let follows = follows.map_or(-1, key);
    transaction.execute(
        "DELETE FROM run_journal WHERE run <> ?2 AND run IN (SELECT id FROM run WHERE stack = ?1)",
        params![stack, follows],
    )?;
    let (running, interrupted) = (RunState::Running.name(), RunState::Interrupted.name());
    transaction.execute(
        "UPDATE run SET state = ?4 WHERE stack = ?1 AND state = ?3 AND id <> ?2",
        params![stack, key(run), running, interrupted],
    )?;
    intent.map_or(Ok(()), |intent| insert(transaction, run, intent))
}

/// Adds an entry.
pub(crate) fn add(transaction: &Transaction<'_>, run: RunId, entry: &Entry) -> rusqlite::Result<()> {
    insert(transaction, run, entry)
}

fn insert(transaction: &Transaction<'_>, run: RunId, value: &impl Serialize) -> rusqlite::Result<()> {
    let text = serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    transaction.execute(
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

/// The journal of a run. Its first line is the intent.
pub(crate) fn read(connection: &Connection, run: RunId) -> rusqlite::Result<Option<Journal>> {
    let mut select = connection.prepare("SELECT entry FROM run_journal WHERE run = ?1 ORDER BY seq")?;
    let lines = select.query_map([key(run)], |row| row.get::<_, String>(0))?;
    let mut lines = lines.collect::<rusqlite::Result<Vec<_>>>()?.into_iter();
    let Some(intent) = lines.next() else { return Ok(None) };
    let entries = lines.map(|line| parse(&line)).collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(Some(Journal { intent: parse(&intent)?, entries }))
}

fn parse<T: DeserializeOwned>(line: &str) -> rusqlite::Result<T> {
    serde_json::from_str(line).map_err(|error| conversion(0, error))
}
