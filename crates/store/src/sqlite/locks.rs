//! Locks of stacks. A row stays when its lock is given back, so that its token only ever grows.

use std::time::Duration;

use engine_model::{Name, StackLock};
use engine_scheduler::ports::{Fence, LockRequest};
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};

use super::now_ms;
use crate::rows::{lock_id, signed, unsigned};

const COLUMNS: &str = "stack, id, owner, boot_id, process, operation, since_ms, until_ms, token";

/// Takes a lock, or says who holds it.
pub(crate) fn lock(
    connection: &mut Connection,
    request: &LockRequest,
) -> rusqlite::Result<Result<StackLock, StackLock>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let now = now_ms();
    if let Some(holder) = held(&transaction, &request.stack, now)? {
        return Ok(Err(holder));
    }
    let id = lock_id(&request.owner);
    let token: i64 = transaction.query_row(
        "INSERT INTO stack_lock (stack, id, owner, boot_id, process, operation, since_ms, until_ms, token)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1)
         ON CONFLICT (stack) DO UPDATE SET id = ?2, owner = ?3, boot_id = ?4, process = ?5, operation = ?6,
         since_ms = ?7, until_ms = ?8, token = token + 1
         RETURNING token",
        params![
            request.stack.as_str(),
            id,
            request.owner,
            request.boot_id,
            request.process,
            request.operation,
            now,
            until(now, request.lease)
        ],
        |row| row.get(0),
    )?;
    transaction.commit()?;
    Ok(Ok(StackLock {
        stack: request.stack.clone(),
        id,
        owner: request.owner.clone(),
        boot_id: request.boot_id.clone(),
        process: request.process,
        operation: request.operation.clone(),
        since_ms: unsigned(now),
        until_ms: unsigned(until(now, request.lease)),
        token: unsigned(token),
    }))
}

/// Renews a lock, even one whose lease has run out, as long as nobody has taken it.
pub(crate) fn renew(
    connection: &Connection,
    stack: &str,
    id: &str,
    lease: Duration,
) -> rusqlite::Result<bool> {
    let renewed = connection.execute(
        "UPDATE stack_lock SET until_ms = ?3 WHERE stack = ?1 AND id = ?2",
        params![stack, id, until(now_ms(), lease)],
    )?;
    Ok(renewed > 0)
}

/// Gives a lock back.
pub(crate) fn unlock(connection: &Connection, stack: &str, id: &str) -> rusqlite::Result<bool> {
    let given = connection
        .execute("UPDATE stack_lock SET id = NULL WHERE stack = ?1 AND id = ?2", params![stack, id])?;
    Ok(given > 0)
}

/// Whether a stack is still held under this lock.
pub(crate) fn is_held(connection: &Connection, fence: &Fence) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM stack_lock WHERE stack = ?1 AND id = ?2 AND token = ?3)",
        params![fence.stack.as_str(), fence.id, signed(fence.token)],
        |row| row.get(0),
    )
}

/// Who holds a stack now.
pub(crate) fn lock_of(connection: &Connection, stack: &Name) -> rusqlite::Result<Option<StackLock>> {
    held(connection, stack, now_ms())
}

fn held(connection: &Connection, stack: &Name, now: i64) -> rusqlite::Result<Option<StackLock>> {
    let select =
        format!("SELECT {COLUMNS} FROM stack_lock WHERE stack = ?1 AND id IS NOT NULL AND until_ms > ?2");
    connection.query_row(&select, params![stack.as_str(), now], |row| read(stack, row)).optional()
}

fn read(stack: &Name, row: &Row<'_>) -> rusqlite::Result<StackLock> {
    Ok(StackLock {
        stack: stack.clone(),
        id: row.get(1)?,
        owner: row.get(2)?,
        boot_id: row.get(3)?,
        process: row.get(4)?,
        operation: row.get(5)?,
        since_ms: unsigned(row.get(6)?),
        until_ms: unsigned(row.get(7)?),
        token: unsigned(row.get(8)?),
    })
}

fn until(now: i64, lease: Duration) -> i64 {
    now.saturating_add(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX))
}
