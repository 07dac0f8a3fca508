//! Generations of configure, and what is owed.

use std::sync::Arc;

use engine_model::{ConfigureBegun, ConfigureState, Name};
use tokio_postgres::Client;

use super::{NOW, Trouble};
use crate::rows::{pending, signed, unsigned, view};

/// How far a stack is.
pub(super) async fn state(client: Arc<Client>, stack: &Name) -> Result<ConfigureState, Trouble> {
    let select = "SELECT generation, pending_since_ms, pending_why FROM configure WHERE stack = $1";
    let Some(row) = client.query_opt(select, &[&stack.as_str()]).await? else {
        return Ok(ConfigureState::default());
    };
    let pending = pending(row.try_get(1)?, row.try_get(2)?);
    Ok(ConfigureState { generation: unsigned(row.try_get(0)?), pending })
}

/// Remembers that a configure is owed. What was owed before is contained in it.
pub(super) async fn owe(client: &Client, stack: &Name, why: Option<&str>) -> Result<(), Trouble> {
    let Some(why) = why else { return Ok(()) };
    let insert = format!(
        "INSERT INTO configure AS kept
         (stack, generation, view, begun, pending_since_ms, pending_why, pending_after)
         VALUES ($1, 0, '', 0, {NOW}, $2, 0)
         ON CONFLICT (stack) DO UPDATE SET
         pending_since_ms = coalesce(kept.pending_since_ms, excluded.pending_since_ms),
         pending_why = excluded.pending_why, pending_after = kept.begun"
    );
    client.execute(&insert, &[&stack.as_str(), &why]).await?;
    Ok(())
}

/// Begins one with a view; it has the generation of the last one if that had the same view.
pub(super) async fn begin(
    client: Arc<Client>,
    stack: &Name,
    online: &[Name],
) -> Result<ConfigureBegun, Trouble> {
    let insert = "INSERT INTO configure AS kept (stack, generation, view, begun) VALUES ($1, 1, $2, 1)
         ON CONFLICT (stack) DO UPDATE SET
         generation = kept.generation + (kept.generation = 0 OR kept.view <> excluded.view)::int,
         view = excluded.view, begun = kept.begun + 1
         RETURNING generation, begun";
    let row = client.query_one(insert, &[&stack.as_str(), &view(online)]).await?;
    Ok(ConfigureBegun { generation: unsigned(row.try_get(0)?), number: unsigned(row.try_get(1)?) })
}

/// Ends one that reached all: what was owed when it began is not owed any more.
pub(super) async fn end(client: Arc<Client>, stack: &Name, begun: ConfigureBegun) -> Result<(), Trouble> {
    let update = "UPDATE configure SET pending_since_ms = NULL, pending_why = NULL, pending_after = NULL
         WHERE stack = $1 AND pending_after < $2";
    client.execute(update, &[&stack.as_str(), &signed(begun.number)]).await?;
    Ok(())
}
