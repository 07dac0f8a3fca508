//! What is remembered of single instances.

use std::collections::BTreeMap;

use engine_model::{InstanceStatus, Name, StatusRecord};
use engine_scheduler::ports::NodeRunRecord;
use rusqlite::{Connection, params};

use super::{configures, now_ms, run_row, unreadable};
use crate::rows::{self, RUN_COLUMNS, RUN_IN_JOIN};

/// The status of each instance, and since when.
pub(crate) fn statuses(
    connection: &Connection,
    stack: &str,
) -> rusqlite::Result<BTreeMap<Name, StatusRecord>> {
    let mut select = connection.prepare("SELECT name, status, changed_ms FROM instance WHERE stack = ?1")?;
    let rows = select.query_map([stack], |row| {
        Ok(rows::status(&row.get::<_, String>(0)?, &row.get::<_, String>(1)?, row.get(2)?))
    })?;
    Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// Remembers an instance's status.
pub(crate) fn set_status(
    connection: &Connection,
    stack: &str,
    instance: &str,
    status: InstanceStatus,
    owes_configure: Option<&str>,
) -> rusqlite::Result<()> {
    let now = now_ms();
    connection.execute(
        "INSERT INTO instance (stack, name, status, changed_ms) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (stack, name) DO UPDATE SET status = ?3, changed_ms = ?4",
        params![stack, instance, status.name(), now],
    )?;
    owes_configure.map_or(Ok(()), |why| configures::owe(connection, stack, why, now))
}

/// Forgets an instance's status.
pub(crate) fn forget(
    connection: &Connection,
    stack: &str,
    instance: &str,
    owes_configure: Option<&str>,
) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM instance WHERE stack = ?1 AND name = ?2", [stack, instance])?;
    owes_configure.map_or(Ok(()), |why| configures::owe(connection, stack, why, now_ms()))
}

/// How an instance's parts of runs ended. Newest first, so that SQLite reads no more runs than it needs.
pub(crate) fn node_runs(
    connection: &Connection,
    stack: &str,
    instance: &str,
    most: u32,
) -> rusqlite::Result<Vec<NodeRunRecord>> {
    let mut select = connection.prepare(&format!(
        "SELECT {RUN_IN_JOIN}, e.at_ms, e.event FROM run_event AS e JOIN run AS r ON r.id = e.run
         WHERE r.stack = ?1 AND e.event ->> '$.type' = 'node_finished' AND e.event ->> '$.instance' = ?2
         ORDER BY e.run DESC, e.seq DESC LIMIT ?3",
    ))?;
    let rows = select.query_map(params![stack, instance, most], |row| {
        let event: String = row.get(RUN_COLUMNS + 1)?;
        run_row(row)?.node_run(row.get(RUN_COLUMNS)?, &event).map_err(unreadable)
    })?;
    Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect())
}
