//! Locks of stacks. A row stays when its lock is given back, so that its token only ever grows.

use std::{sync::Arc, time::Duration};

use engine_model::{Name, StackLock};
use engine_scheduler::ports::LockRequest;
use tokio_postgres::{Client, Row};

use super::{NOW, Trouble};
use crate::rows::{signed, unsigned};

const COLUMNS: &str = "id, owner, boot_id, process, operation, since_ms, until_ms, token";

/// Takes a lock under an id, or says who holds it. Done once more with the same id, it is taken anew.
pub(super) async fn lock(
    client: Arc<Client>,
    request: &LockRequest,
    id: &str,
) -> Result<Result<StackLock, StackLock>, Trouble> {
    let take = format!(
        "INSERT INTO stack_lock AS held (stack, {COLUMNS})
         SELECT $1, $2, $3, $4, $5, $6, now, now + $7, 1 FROM (SELECT {NOW} AS now) AS clock
         ON CONFLICT (stack) DO UPDATE SET id = excluded.id, owner = excluded.owner, boot_id = excluded.boot_id,
         process = excluded.process, operation = excluded.operation, since_ms = excluded.since_ms,
         until_ms = excluded.until_ms, token = held.token + 1
         WHERE held.id IS NULL OR held.id = excluded.id OR held.until_ms <= excluded.since_ms
         RETURNING {COLUMNS}"
    );
    loop {
        let (stack, process) = (request.stack.as_str(), i64::from(request.process));
        let lease = milliseconds(request.lease);
        let taken = client
            .query_opt(
                &take,
                &[&stack, &id, &request.owner, &request.boot_id, &process, &request.operation, &lease],
            )
            .await?;
        if let Some(row) = taken {
            return Ok(Ok(read(&request.stack, &row)?));
        }
        // Whoever held it may have given it back since.
        if let Some(holder) = lock_of(Arc::clone(&client), &request.stack).await? {
            return Ok(Err(holder));
        }
    }
}

/// Renews a lock, even one whose lease has run out, as long as nobody has taken it.
pub(super) async fn renew(
    client: Arc<Client>,
    stack: &Name,
    id: &str,
    lease: Duration,
) -> Result<bool, Trouble> {
    let update = format!("UPDATE stack_lock SET until_ms = {NOW} + $3 WHERE stack = $1 AND id = $2");
    Ok(client.execute(&update, &[&stack.as_str(), &id, &milliseconds(lease)]).await? > 0)
}

/// Gives a lock back.
pub(super) async fn unlock(client: Arc<Client>, stack: &Name, id: &str) -> Result<bool, Trouble> {
    let update = "UPDATE stack_lock SET id = NULL WHERE stack = $1 AND id = $2";
    Ok(client.execute(update, &[&stack.as_str(), &id]).await? > 0)
}

/// Who holds a stack now.
pub(super) async fn lock_of(client: Arc<Client>, stack: &Name) -> Result<Option<StackLock>, Trouble> {
    let select =
        format!("SELECT {COLUMNS} FROM stack_lock WHERE stack = $1 AND id IS NOT NULL AND until_ms > {NOW}");
    let row = client.query_opt(&select, &[&stack.as_str()]).await?;
    row.map(|row| read(stack, &row)).transpose()
}

fn read(stack: &Name, row: &Row) -> Result<StackLock, Trouble> {
    Ok(StackLock {
        stack: stack.clone(),
        id: row.try_get(0)?,
        owner: row.try_get(1)?,
        boot_id: row.try_get(2)?,
        process: u32::try_from(row.try_get::<_, i64>(3)?).unwrap_or_default(),
        operation: row.try_get(4)?,
        since_ms: unsigned(row.try_get(5)?),
        until_ms: unsigned(row.try_get(6)?),
        token: unsigned(row.try_get(7)?),
    })
}

fn milliseconds(duration: Duration) -> i64 {
    signed(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
