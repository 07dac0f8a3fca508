//! State in an SQLite file.
//!
//! Several processes may use it; SQLite's own locking orders them.

mod configures;
mod journals;
mod locks;
mod migrations;
mod nodes;
mod runs;

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use engine_model::{
    ConfigureBegun, ConfigureState, InstanceStatus, Name, NewRun, RunId, RunRecord, RunState, StackLock,
    StatusRecord,
};
use engine_scheduler::{
    ports::{Fence, LockRequest, NodeRunRecord, PortFuture, Store, StoreFailure, TimedEvent},
    resume::{Entry, Intent, Journal},
};
use rusqlite::{Connection, Row, Transaction, TransactionBehavior};

use crate::{
    StoreError,
    rows::{RunRow, Unreadable},
};

/// What SQLite takes for no file at all.
const IN_MEMORY: &str = ":memory:";

/// How long to wait for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// State in an SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    path: PathBuf,
    connection: Arc<Mutex<Connection>>,
}

/// How much of what is written may get lost with the power. A process that is killed loses nothing of either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Durability {
    /// The last moments.
    Usual,
    /// Nothing: it is on disk when the write returns.
    Full,
}

impl SqliteStore {
    /// Opens the file, making it and bringing its schema up to date.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)
                .map_err(|source| StoreError::Directory { path: parent.to_owned(), source })?;
        }
        let sqlite = |source| StoreError::Sqlite { path: path.to_owned(), source };
        make_private(path).map_err(|source| StoreError::Directory { path: path.to_owned(), source })?;
        let mut connection = Connection::open(path).map_err(sqlite)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(sqlite)?;
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;",
            )
            .map_err(sqlite)?;
        migrations::migrate(&mut connection).map_err(|error| match error {
            migrations::MigrationError::Sqlite(source) => sqlite(source),
            migrations::MigrationError::Newer { found } => {
                StoreError::Newer { place: path.display().to_string(), found }
            }
        })?;
        Ok(SqliteStore { path: path.to_owned(), connection: Arc::new(Mutex::new(connection)) })
    }

    /// An empty store that nobody else sees, for who must leave no file behind.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::open(Path::new(IN_MEMORY))
    }

    /// Does something on a thread that may block.
    fn with<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> PortFuture<'_, Result<T, StoreFailure>> {
        let (place, connection) = (self.path.display().to_string(), Arc::clone(&self.connection));
        Box::pin(async move {
            let failure = |message: String| StoreFailure::Failed { place, message };
            let queried = tokio::task::spawn_blocking(move || {
                query(&mut connection.lock().unwrap_or_else(PoisonError::into_inner))
            });
            match queried.await {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(error)) => Err(failure(error.to_string())),
                Err(error) => Err(failure(error.to_string())),
            }
        })
    }

    /// Writes something, if the stack is still held.
    fn write<T: Send + 'static>(
        &self,
        fence: &Fence,
        durability: Durability,
        change: impl FnOnce(&Transaction<'_>, &Fence) -> rusqlite::Result<T> + Send + 'static,
    ) -> PortFuture<'_, Result<T, StoreFailure>> {
        let (moved, fence) = (fence.clone(), fence.clone());
        let written = self.with(move |connection| {
            with_durability(connection, durability, |connection| {
                let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                if !locks::is_held(&transaction, &moved)? {
                    return Ok(None);
                }
                let changed = change(&transaction, &moved)?;
                transaction.commit()?;
                Ok(Some(changed))
            })
        });
        Box::pin(
            async move { written.await?.ok_or(StoreFailure::StackLost { stack: fence.stack, id: fence.id }) },
        )
    }
}

fn with_durability<T>(
    connection: &mut Connection,
    durability: Durability,
    write: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    if durability == Durability::Usual {
        return write(connection);
    }
    connection.execute_batch("PRAGMA synchronous = FULL")?;
    let written = write(connection);
    connection.execute_batch("PRAGMA synchronous = NORMAL")?;
    written
}

/// Makes the file so that nobody else can read it: attributes of the stack and facts of nodes are in it.
fn make_private(path: &Path) -> std::io::Result<()> {
    if path == Path::new(IN_MEMORY) || path.exists() {
        return Ok(());
    }
    OpenOptions::new().append(true).create(true).mode(0o600).open(path).map(drop)
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    Ok(RunRow {
        id: row.get(0)?,
        stack: row.get(1)?,
        command: row.get(2)?,
        operator: row.get(3)?,
        comment: row.get(4)?,
        state: row.get(5)?,
        started_ms: row.get(6)?,
        ended_ms: row.get(7)?,
        follows: row.get(8)?,
    })
}

fn unreadable(error: Unreadable) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
}

impl Store for SqliteStore {
    fn lock(
        &self,
        request: LockRequest,
    ) -> PortFuture<'_, Result<Result<StackLock, StackLock>, StoreFailure>> {
        self.with(move |connection| locks::lock(connection, &request))
    }

    fn renew<'a>(
        &'a self,
        stack: &'a Name,
        id: &'a str,
        lease: Duration,
    ) -> PortFuture<'a, Result<bool, StoreFailure>> {
        let (stack, id) = (stack.to_string(), id.to_owned());
        self.with(move |connection| locks::renew(connection, &stack, &id, lease))
    }

    fn unlock<'a>(&'a self, stack: &'a Name, id: &'a str) -> PortFuture<'a, Result<bool, StoreFailure>> {
        let (stack, id) = (stack.to_string(), id.to_owned());
        self.with(move |connection| locks::unlock(connection, &stack, &id))
    }

    fn lock_of<'a>(&'a self, stack: &'a Name) -> PortFuture<'a, Result<Option<StackLock>, StoreFailure>> {
        let stack = stack.clone();
        self.with(move |connection| locks::lock_of(connection, &stack))
    }

    fn statuses<'a>(
        &'a self,
        stack: &'a Name,
    ) -> PortFuture<'a, Result<BTreeMap<Name, InstanceStatus>, StoreFailure>> {
        let records = self.status_records(stack);
        Box::pin(async {
            Ok(records.await?.into_iter().map(|(name, record)| (name, record.status)).collect())
        })
    }

    fn set_status<'a>(
        &'a self,
        fence: &'a Fence,
        instance: &'a Name,
        status: InstanceStatus,
        owes_configure: Option<&'a str>,
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        let (instance, owes) = (instance.to_string(), owes_configure.map(str::to_owned));
        self.write(fence, Durability::Usual, move |transaction, fence| {
            nodes::set_status(transaction, fence.stack.as_str(), &instance, status, owes.as_deref())
        })
    }

    fn status_records<'a>(
        &'a self,
        stack: &'a Name,
    ) -> PortFuture<'a, Result<BTreeMap<Name, StatusRecord>, StoreFailure>> {
        let stack = stack.to_string();
        self.with(move |connection| nodes::statuses(connection, &stack))
    }

    fn forget<'a>(
        &'a self,
        fence: &'a Fence,
        instance: &'a Name,
        owes_configure: Option<&'a str>,
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        let (instance, owes) = (instance.to_string(), owes_configure.map(str::to_owned));
        self.write(fence, Durability::Usual, move |transaction, fence| {
            nodes::forget(transaction, fence.stack.as_str(), &instance, owes.as_deref())
        })
    }

    fn configure_state<'a>(
        &'a self,
        stack: &'a Name,
    ) -> PortFuture<'a, Result<ConfigureState, StoreFailure>> {
        let stack = stack.to_string();
        self.with(move |connection| configures::state(connection, &stack))
    }

    fn begin_configure<'a>(
        &'a self,
        fence: &'a Fence,
        online: &'a [Name],
    ) -> PortFuture<'a, Result<ConfigureBegun, StoreFailure>> {
        let online = online.to_vec();
        self.write(fence, Durability::Usual, move |transaction, fence| {
            configures::begin(transaction, fence.stack.as_str(), &online)
        })
    }

    fn end_configure<'a>(
        &'a self,
        fence: &'a Fence,
        begun: ConfigureBegun,
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        self.write(fence, Durability::Usual, move |transaction, fence| {
            configures::end(transaction, fence.stack.as_str(), begun)
        })
    }

    fn begin_run<'a>(
        &'a self,
        fence: &'a Fence,
        run: NewRun,
        intent: Option<Box<Intent>>,
    ) -> PortFuture<'a, Result<RunId, StoreFailure>> {
        self.write(fence, Durability::Full, move |transaction, _| {
            runs::begin(transaction, &run, intent.as_deref())
        })
    }

    fn reopen_run<'a>(&'a self, fence: &'a Fence, run: RunId) -> PortFuture<'a, Result<(), StoreFailure>> {
        self.write(fence, Durability::Usual, move |transaction, _| runs::reopen(transaction, run))
    }

    fn write_ahead<'a>(
        &'a self,
        fence: &'a Fence,
        run: RunId,
        entry: Entry,
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        self.write(fence, Durability::Full, move |transaction, _| journals::add(transaction, run, &entry))
    }

    fn journal(&self, run: RunId) -> PortFuture<'_, Result<Option<Journal>, StoreFailure>> {
        self.with(move |connection| journals::read(connection, run))
    }

    fn end_run<'a>(
        &'a self,
        fence: &'a Fence,
        run: RunId,
        state: RunState,
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        self.write(fence, Durability::Usual, move |transaction, _| runs::end(transaction, run, state))
    }

    fn record<'a>(
        &'a self,
        fence: &'a Fence,
        run: RunId,
        events: Vec<TimedEvent>,
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        self.write(fence, Durability::Usual, move |transaction, _| runs::record(transaction, run, &events))
    }

    fn runs<'a>(
        &'a self,
        stack: &'a Name,
        most: u32,
    ) -> PortFuture<'a, Result<Vec<RunRecord>, StoreFailure>> {
        let stack = stack.to_string();
        self.with(move |connection| runs::newest(connection, &stack, most))
    }

    fn run(&self, run: RunId) -> PortFuture<'_, Result<Option<RunRecord>, StoreFailure>> {
        self.with(move |connection| runs::one(connection, run))
    }

    fn events(&self, run: RunId) -> PortFuture<'_, Result<Vec<TimedEvent>, StoreFailure>> {
        self.with(move |connection| runs::events(connection, run))
    }

    fn node_runs<'a>(
        &'a self,
        stack: &'a Name,
        instance: &'a Name,
        most: u32,
    ) -> PortFuture<'a, Result<Vec<NodeRunRecord>, StoreFailure>> {
        let (stack, instance) = (stack.to_string(), instance.to_string());
        self.with(move |connection| nodes::node_runs(connection, &stack, &instance, most))
    }
}
