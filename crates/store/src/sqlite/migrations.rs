//! The schema, step by step. A step that has been released is never altered.

use rusqlite::Connection;

use crate::VERSION;

const STEPS: [&str; VERSION as usize] = [
    "
CREATE TABLE instance (
    stack      TEXT NOT NULL,
    name       TEXT NOT NULL,
    status     TEXT NOT NULL,
    changed_ms INTEGER NOT NULL,
    PRIMARY KEY (stack, name)
) STRICT;
CREATE TABLE run (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    stack      TEXT NOT NULL,
    event      TEXT NOT NULL,
    state      TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    ended_ms   INTEGER
) STRICT;
",
    "
ALTER TABLE run ADD COLUMN operator TEXT NOT NULL DEFAULT '';
ALTER TABLE run ADD COLUMN comment  TEXT NOT NULL DEFAULT '';
CREATE TABLE run_event (
    run   INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    seq   INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE stack_lock (
    stack     TEXT NOT NULL PRIMARY KEY,
    id        TEXT,
    owner     TEXT NOT NULL,
    boot_id   TEXT NOT NULL,
    process   INTEGER NOT NULL,
    operation TEXT NOT NULL,
    since_ms  INTEGER NOT NULL,
    until_ms  INTEGER NOT NULL,
    token     INTEGER NOT NULL
) STRICT;
",
    "
CREATE TABLE configure (
    stack            TEXT NOT NULL PRIMARY KEY,
    generation       INTEGER NOT NULL,
    view             TEXT NOT NULL,
    begun            INTEGER NOT NULL,
    pending_since_ms INTEGER,
    pending_why      TEXT,
    pending_after    INTEGER
) STRICT;
",
    "
ALTER TABLE run ADD COLUMN follows INTEGER;
CREATE TABLE run_journal (
    run   INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    seq   INTEGER NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;
",
];

pub(crate) enum MigrationError {
    Sqlite(rusqlite::Error),
    Newer { found: u32 },
}

impl From<rusqlite::Error> for MigrationError {
    fn from(error: rusqlite::Error) -> Self {
        MigrationError::Sqlite(error)
    }
}

/// Brings the schema up to date in one transaction.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), MigrationError> {
    let version = |connection: &Connection| {
        connection.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0))
    };
    if version(connection)? == VERSION {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let found = version(&transaction)?;
    if found > VERSION {
        return Err(MigrationError::Newer { found });
    }
    for step in &STEPS[found as usize..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(())
}
