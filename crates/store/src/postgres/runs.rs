//! Runs, and what happened in them.

use std::sync::Arc;

use engine_model::{Name, NewRun, RunId, RunRecord, RunState};
use engine_scheduler::{RunEvent, ports::TimedEvent, resume::Intent};
use tokio_postgres::Client;

use super::{NOW, Trouble, journals, run_row};
use crate::{
    KEPT,
    rows::{self, RUN, key, signed, unsigned},
};

/// Begins a run.
pub(super) async fn begin(
    client: Arc<Client>,
    run: &NewRun,
    intent: Option<&Intent>,
) -> Result<RunId, Trouble> {
    let stack = run.stack.as_str();
    let insert = format!(
        "INSERT INTO run (stack, event, operator, comment, state, started_ms, follows)
         VALUES ($1, $2, $3, $4, $5, {NOW}, $6) RETURNING id"
    );
    let (running, follows) = (RunState::Running.name(), run.follows.map(key));
    let row = client
        .query_one(&insert, &[&stack, &run.command.name(), &run.operator, &run.comment, &running, &follows])
        .await?;
    let id = RunId(unsigned(row.try_get(0)?));
    client
        .execute(
            "DELETE FROM run_event WHERE run IN
             (SELECT id FROM run WHERE stack = $1 ORDER BY id DESC OFFSET $2)",
            &[&stack, &i64::from(KEPT)],
        )
        .await?;
    journals::begin(&client, &run.stack, id, run.follows).await?;
    if let Some(intent) = intent {
        journals::add(client, id, intent).await?;
    }
    Ok(id)
}

/// Goes on with a run.
pub(super) async fn reopen(client: Arc<Client>, run: RunId) -> Result<(), Trouble> {
    let update = "UPDATE run SET state = $2, ended_ms = NULL WHERE id = $1";
    client.execute(update, &[&key(run), &RunState::Running.name()]).await?;
    Ok(())
}

/// Ends a run.
pub(super) async fn end(client: Arc<Client>, run: RunId, state: RunState) -> Result<(), Trouble> {
    let update = format!("UPDATE run SET state = $2, ended_ms = {NOW} WHERE id = $1");
    client.execute(&update, &[&key(run), &state.name()]).await?;
    if state == RunState::Successful { journals::forget(&client, run).await } else { Ok(()) }
}

/// Adds what happened, in one statement however much it is.
pub(super) async fn record(client: Arc<Client>, run: RunId, events: &[TimedEvent]) -> Result<(), Trouble> {
    let times: Vec<i64> = events.iter().map(|timed| signed(timed.at_ms)).collect();
    let texts: Vec<String> =
        events.iter().map(|timed| serde_json::to_string(&timed.event)).collect::<Result<_, _>>()?;
    let ended: Vec<Option<&str>> = events.iter().map(|timed| ended(&timed.event)).collect();
    let insert = "INSERT INTO run_event (run, seq, at_ms, event, ended)
         SELECT $1, before.seq + told.number, told.at_ms, told.event, told.ended
         FROM (SELECT coalesce(max(seq), 0) AS seq FROM run_event WHERE run = $1) AS before,
         unnest($2::bigint[], $3::text[], $4::text[]) WITH ORDINALITY AS told (at_ms, event, ended, number)";
    client.execute(insert, &[&key(run), &times, &texts, &ended]).await?;
    Ok(())
}

/// The instance whose part of the run this ends.
fn ended(event: &RunEvent) -> Option<&str> {
    match event {
        RunEvent::NodeFinished { instance, .. } => Some(instance.as_str()),
        _ => None,
    }
}

/// The newest runs of a stack.
pub(super) async fn newest(client: Arc<Client>, stack: &Name, most: u32) -> Result<Vec<RunRecord>, Trouble> {
    let select = format!("SELECT {RUN} FROM run WHERE stack = $1 ORDER BY id DESC LIMIT $2");
    let rows = client.query(&select, &[&stack.as_str(), &i64::from(most)]).await?;
    rows.iter().map(|row| Ok(run_row(row)?.record()?)).collect()
}

/// One run.
pub(super) async fn one(client: Arc<Client>, run: RunId) -> Result<Option<RunRecord>, Trouble> {
    let select = format!("SELECT {RUN} FROM run WHERE id = $1");
    let row = client.query_opt(&select, &[&key(run)]).await?;
    row.map(|row| Ok(run_row(&row)?.record()?)).transpose()
}

/// What happened in a run.
pub(super) async fn events(client: Arc<Client>, run: RunId) -> Result<Vec<TimedEvent>, Trouble> {
    let select = "SELECT at_ms, event FROM run_event WHERE run = $1 ORDER BY seq";
    let rows = client.query(select, &[&key(run)]).await?;
    rows.iter().map(|row| Ok(rows::event(row.try_get(0)?, row.try_get(1)?)?)).collect()
}
