//! Generations of configure, and what is owed.

use engine_model::{ConfigureBegun, ConfigureState, Name};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::rows::{pending, signed, unsigned, view};

/// How far a stack is.
pub(crate) fn state(connection: &Connection, stack: &str) -> rusqlite::Result<ConfigureState> {
    let read = connection.query_row(
        "SELECT generation, pending_since_ms, pending_why FROM configure WHERE stack = ?1",
        [stack],
        |row| {
            let pending = pending(row.get(1)?, row.get(2)?);
            Ok(ConfigureState { generation: unsigned(row.get(0)?), pending })
        },
    );
    Ok(read.optional()?.unwrap_or_default())
}

/// Remembers that a configure is owed. What was owed before is contained in it.
pub(crate) fn owe(connection: &Connection, stack: &str, why: &str, now_ms: i64) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO configure (stack, generation, view, begun, pending_since_ms, pending_why, pending_after)
         VALUES (?1, 0, '', 0, ?2, ?3, 0)
         ON CONFLICT (stack) DO UPDATE SET pending_since_ms = coalesce(pending_since_ms, ?2), pending_why = ?3,
         pending_after = begun",
        params![stack, now_ms, why],
    )?;
    Ok(())
}

/// Begins one with a view; it has the generation of the last one if that had the same view.
pub(crate) fn begin(
    connection: &Connection,
    stack: &str,
    online: &[Name],
) -> rusqlite::Result<ConfigureBegun> {
    connection.query_row(
        "INSERT INTO configure (stack, generation, view, begun) VALUES (?1, 1, ?2, 1)
         ON CONFLICT (stack) DO UPDATE SET generation = generation + (generation = 0 OR view <> ?2), view = ?2,
         begun = begun + 1
         RETURNING generation, begun",
        params![stack, view(online)],
        |row| Ok(ConfigureBegun { generation: unsigned(row.get(0)?), number: unsigned(row.get(1)?) }),
    )
}

/// Ends one that reached all: what was owed when it began is not owed any more.
pub(crate) fn end(connection: &Connection, stack: &str, begun: ConfigureBegun) -> rusqlite::Result<()> {
    connection.execute(
        "UPDATE configure SET pending_since_ms = NULL, pending_why = NULL, pending_after = NULL
         WHERE stack = ?1 AND pending_after < ?2",
        params![stack, signed(begun.number)],
    )?;
    Ok(())
}
