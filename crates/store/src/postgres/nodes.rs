//! What is remembered of single instances.

use std::{collections::BTreeMap, sync::Arc};

use engine_model::{InstanceStatus, Name, StatusRecord};
use engine_scheduler::ports::NodeRunRecord;
use tokio_postgres::Client;

use super::{NOW, Trouble, configures::owe, run_row};
use crate::rows::{self, RUN_COLUMNS, RUN_IN_JOIN};

/// The status of each instance, and since when.
pub(super) async fn statuses(
    client: Arc<Client>,
    stack: &Name,
) -> Result<BTreeMap<Name, StatusRecord>, Trouble> {
    let select = "SELECT name, status, changed_ms FROM instance WHERE stack = $1";
    let mut statuses = BTreeMap::new();
    for row in client.query(select, &[&stack.as_str()]).await? {
        statuses.extend(rows::status(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
    }
    Ok(statuses)
}

/// Remembers an instance's status.
pub(super) async fn set_status(
    client: Arc<Client>,
    stack: &Name,
    instance: &Name,
    status: InstanceStatus,
    owes_configure: Option<&str>,
) -> Result<(), Trouble> {
    let insert = format!(
        "INSERT INTO instance (stack, name, status, changed_ms) VALUES ($1, $2, $3, {NOW})
         ON CONFLICT (stack, name) DO UPDATE SET status = excluded.status, changed_ms = excluded.changed_ms"
    );
    client.execute(&insert, &[&stack.as_str(), &instance.as_str(), &status.name()]).await?;
    owe(&client, stack, owes_configure).await
}

/// Forgets an instance's status.
pub(super) async fn forget(
    client: Arc<Client>,
    stack: &Name,
    instance: &Name,
    owes_configure: Option<&str>,
) -> Result<(), Trouble> {
    let delete = "DELETE FROM instance WHERE stack = $1 AND name = $2";
    client.execute(delete, &[&stack.as_str(), &instance.as_str()]).await?;
    owe(&client, stack, owes_configure).await
}

/// How an instance's parts of runs ended, newest first.
pub(super) async fn node_runs(
    client: Arc<Client>,
    stack: &Name,
    instance: &Name,
    most: u32,
) -> Result<Vec<NodeRunRecord>, Trouble> {
    let select = format!(
        "SELECT {RUN_IN_JOIN}, e.at_ms, e.event FROM run_event AS e JOIN run AS r ON r.id = e.run
         WHERE r.stack = $1 AND e.ended = $2 ORDER BY e.run DESC, e.seq DESC LIMIT $3"
    );
    let mut records = Vec::new();
    for row in client.query(&select, &[&stack.as_str(), &instance.as_str(), &i64::from(most)]).await? {
        let (at, event) = (row.try_get(RUN_COLUMNS)?, row.try_get(RUN_COLUMNS + 1)?);
        records.extend(run_row(&row)?.node_run(at, event)?);
    }
    Ok(records)
}
