//! Runs, and what happened in them.

use engine_model::{NewRun, RunId, RunRecord, RunState};
use engine_scheduler::{ports::TimedEvent, resume::Intent};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{journals, now_ms, run_row, unreadable};
use crate::{
    KEPT,
    rows::{self, RUN, key, signed, unsigned},
};

/// Begins a run.
pub(crate) fn begin(
    connection: &Connection,
    run: &NewRun,
    intent: Option<&Intent>,
) -> rusqlite::Result<RunId> {
    let stack = run.stack.as_str();
    connection.execute(
        "INSERT INTO run (stack, event, operator, comment, state, started_ms, follows)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            stack,
            run.command.name(),
            run.operator,
            run.comment,
            RunState::Running.name(),
            now_ms(),
            run.follows.map(key)
        ],
    )?;
    let id = RunId(unsigned(connection.last_insert_rowid()));
    connection.execute(
        "DELETE FROM run_event WHERE run IN
         (SELECT id FROM run WHERE stack = ?1 ORDER BY id DESC LIMIT -1 OFFSET ?2)",
        params![stack, KEPT],
    )?;
    journals::begin(connection, stack, id, run.follows)?;
    intent.map_or(Ok(()), |intent| journals::add(connection, id, intent))?;
    Ok(id)
}

/// Goes on with a run.
pub(crate) fn reopen(connection: &Connection, run: RunId) -> rusqlite::Result<()> {
    connection.execute(
        "UPDATE run SET state = ?2, ended_ms = NULL WHERE id = ?1",
        params![key(run), RunState::Running.name()],
    )?;
    Ok(())
}

/// Ends a run.
pub(crate) fn end(connection: &Connection, run: RunId, state: RunState) -> rusqlite::Result<()> {
    connection.execute(
        "UPDATE run SET state = ?2, ended_ms = ?3 WHERE id = ?1",
        params![key(run), state.name(), now_ms()],
    )?;
    if state == RunState::Successful { journals::forget(connection, run) } else { Ok(()) }
}

/// Adds what happened.
pub(crate) fn record(connection: &Connection, run: RunId, events: &[TimedEvent]) -> rusqlite::Result<()> {
    let mut insert = connection.prepare(
        "INSERT INTO run_event (run, seq, at_ms, event)
         VALUES (?1, (SELECT coalesce(max(seq), 0) + 1 FROM run_event WHERE run = ?1), ?2, ?3)",
    )?;
    for TimedEvent { at_ms, event } in events {
        let event = serde_json::to_string(event)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        insert.execute(params![key(run), signed(*at_ms), event])?;
    }
    Ok(())
}

/// The newest runs of a stack.
pub(crate) fn newest(connection: &Connection, stack: &str, most: u32) -> rusqlite::Result<Vec<RunRecord>> {
    let select = format!("SELECT {RUN} FROM run WHERE stack = ?1 ORDER BY id DESC LIMIT ?2");
    let mut select = connection.prepare(&select)?;
    let rows = select.query_map(params![stack, most], |row| run_row(row)?.record().map_err(unreadable))?;
    rows.collect()
}

/// One run.
pub(crate) fn one(connection: &Connection, run: RunId) -> rusqlite::Result<Option<RunRecord>> {
    let select = format!("SELECT {RUN} FROM run WHERE id = ?1");
    connection.query_row(&select, [key(run)], |row| run_row(row)?.record().map_err(unreadable)).optional()
}

/// What happened in a run.
pub(crate) fn events(connection: &Connection, run: RunId) -> rusqlite::Result<Vec<TimedEvent>> {
    let mut select = connection.prepare("SELECT at_ms, event FROM run_event WHERE run = ?1 ORDER BY seq")?;
    let rows = select.query_map([key(run)], |row| {
        rows::event(row.get(0)?, &row.get::<_, String>(1)?).map_err(unreadable)
    })?;
    rows.collect()
}
