//! The schema. It has the versions of the one of SQLite, and began with one of them.
//!
//! A step that has been released is never altered.

use tokio_postgres::{Client, error::SqlState};

use super::Trouble;
use crate::VERSION;

/// The first version there was here.
const FIRST: u32 = 4;

/// From nothing to the first version, and from each version to the next.
const STEPS: [&str; (VERSION - FIRST) as usize + 1] = ["
CREATE TABLE instance (
    stack      TEXT NOT NULL,
    name       TEXT NOT NULL,
    status     TEXT NOT NULL,
    changed_ms BIGINT NOT NULL,
    PRIMARY KEY (stack, name)
);
CREATE TABLE run (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stack      TEXT NOT NULL,
    event      TEXT NOT NULL,
    operator   TEXT NOT NULL,
    comment    TEXT NOT NULL,
    state      TEXT NOT NULL,
    started_ms BIGINT NOT NULL,
    ended_ms   BIGINT,
    follows    BIGINT
);
CREATE INDEX run_of_stack ON run (stack, id DESC);
-- The node whose part of the run ended with the event, if one did.
CREATE TABLE run_event (
    run   BIGINT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    seq   BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    event TEXT NOT NULL,
    ended TEXT,
    PRIMARY KEY (run, seq)
);
CREATE INDEX run_event_ended ON run_event (ended, run DESC, seq DESC) WHERE ended IS NOT NULL;
CREATE TABLE run_journal (
    run   BIGINT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    seq   BIGINT NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (run, seq)
);
CREATE TABLE stack_lock (
    stack     TEXT NOT NULL PRIMARY KEY,
    id        TEXT,
    owner     TEXT NOT NULL,
    boot_id   TEXT NOT NULL,
    process   BIGINT NOT NULL,
    operation TEXT NOT NULL,
    since_ms  BIGINT NOT NULL,
    until_ms  BIGINT NOT NULL,
    token     BIGINT NOT NULL
);
CREATE TABLE configure (
    stack            TEXT NOT NULL PRIMARY KEY,
    generation       BIGINT NOT NULL,
    view             TEXT NOT NULL,
    begun            BIGINT NOT NULL,
    pending_since_ms BIGINT,
    pending_why      TEXT,
    pending_after    BIGINT
);
"];

/// Of two controllers that find an empty database, one makes the schema: the number of their lock.
const LOCK: i64 = 0x656e_6769_6e65;

/// Which version a database has; none if it has no schema yet.
pub(super) async fn version(client: &Client) -> Result<Option<u32>, Trouble> {
    match client.query_opt("SELECT version FROM engine_schema", &[]).await {
        Ok(row) => {
            Ok(row.map(|row| row.try_get::<_, i32>(0)).transpose()?.and_then(|found| found.try_into().ok()))
        }
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Brings the schema up to date in one transaction. A connection on which this fails is not used any further.
pub(super) async fn migrate(client: &Client) -> Result<(), Trouble> {
    if version(client).await? == Some(VERSION) {
        return Ok(());
    }
    client.batch_execute("BEGIN").await?;
    client.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    client.batch_execute("CREATE TABLE IF NOT EXISTS engine_schema (version INTEGER NOT NULL)").await?;
    let found = version(client).await?;
    if let Some(found) = found.filter(|found| *found > VERSION) {
        return Err(Trouble::Newer(found));
    }
    let done = found.map_or(0, |found| (found + 1).saturating_sub(FIRST) as usize);
    for step in STEPS.iter().skip(done) {
        client.batch_execute(step).await?;
    }
    client
        .batch_execute(&format!(
            "DELETE FROM engine_schema; INSERT INTO engine_schema VALUES ({VERSION}); COMMIT"
        ))
        .await?;
    Ok(())
}
