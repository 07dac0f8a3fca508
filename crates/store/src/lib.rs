//! Live state: what the stack file does not say. Instances' statuses and runs, in SQLite.
//!
//! One file next to the stacks. Several processes may use it; SQLite's own locking orders them.

mod migrations;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use engine_model::{InstanceStatus, LifecycleEvent, Name, RunId, RunState};
use engine_scheduler::ports::{PortFuture, Store, StoreFailure};
use rusqlite::{Connection, params};

/// How long to wait for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// State in an SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    path: PathBuf,
    connection: Arc<Mutex<Connection>>,
}

/// Why the state file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Its directory cannot be made.
    #[error("{}: {source}", .path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What happened.
        source: std::io::Error,
    },
    /// SQLite says no.
    #[error("{}: {source}", .path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What it says.
        source: rusqlite::Error,
    },
    /// It was written by a later version.
    #[error("{} has schema version {found}, and this engine knows {known} at the most; use a later engine", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// Ours.
        known: u32,
    },
}

impl SqliteStore {
    /// Opens the file, making it and bringing its schema up to date.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)
                .map_err(|source| StoreError::Directory { path: parent.to_owned(), source })?;
        }
        let sqlite = |source| StoreError::Sqlite { path: path.to_owned(), source };
        let mut connection = Connection::open(path).map_err(sqlite)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(sqlite)?;
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;",
            )
            .map_err(sqlite)?;
        migrations::migrate(&mut connection).map_err(|error| match error {
            migrations::MigrationError::Sqlite(source) => sqlite(source),
            migrations::MigrationError::Newer { found, known } => {
                StoreError::Newer { path: path.to_owned(), found, known }
            }
        })?;
        Ok(SqliteStore { path: path.to_owned(), connection: Arc::new(Mutex::new(connection)) })
    }

    /// An empty store that nobody else sees, for who must leave no file behind.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::open(Path::new(":memory:"))
    }

    /// Runs a query on a thread that may block.
    fn with<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> PortFuture<'_, Result<T, StoreFailure>> {
        let (place, connection) = (self.path.display().to_string(), Arc::clone(&self.connection));
        Box::pin(async move {
            let failure = |message: String| StoreFailure { place, message };
            let queried = tokio::task::spawn_blocking(move || {
                query(&connection.lock().unwrap_or_else(PoisonError::into_inner))
            });
            match queried.await {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(error)) => Err(failure(error.to_string())),
                Err(error) => Err(failure(error.to_string())),
            }
        })
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl Store for SqliteStore {
    fn statuses<'a>(
        &'a self,
        stack: &'a Name,
    ) -> PortFuture<'a, Result<BTreeMap<Name, InstanceStatus>, StoreFailure>> {
        let stack = stack.to_string();
        self.with(move |connection| {
            let mut select = connection.prepare("SELECT name, status FROM instance WHERE stack = ?1")?;
            let rows = select
                .query_map([stack], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            // A status word of a later version counts as pending: the instance is set up again.
            Ok(rows
                .into_iter()
                .filter_map(|(name, status)| Some((name.parse().ok()?, InstanceStatus::parse(&status)?)))
                .collect())
        })
    }

    fn set_status<'a>(
        &'a self,
        stack: &'a Name,
        instance: &'a Name,
        status: InstanceStatus,
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        let (stack, instance) = (stack.to_string(), instance.to_string());
        self.with(move |connection| {
            connection.execute(
                "INSERT INTO instance (stack, name, status, changed_ms) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (stack, name) DO UPDATE SET status = ?3, changed_ms = ?4",
                params![stack, instance, status.name(), now_ms()],
            )?;
            Ok(())
        })
    }

    fn begin_run<'a>(
        &'a self,
        stack: &'a Name,
        event: LifecycleEvent,
    ) -> PortFuture<'a, Result<RunId, StoreFailure>> {
        let stack = stack.to_string();
        self.with(move |connection| {
            connection.execute(
                "INSERT INTO run (stack, event, state, started_ms) VALUES (?1, ?2, ?3, ?4)",
                params![stack, event.name(), RunState::Running.name(), now_ms()],
            )?;
            Ok(RunId(u64::try_from(connection.last_insert_rowid()).unwrap_or_default()))
        })
    }

    fn end_run(&self, run: RunId, state: RunState) -> PortFuture<'_, Result<(), StoreFailure>> {
        self.with(move |connection| {
            connection.execute(
                "UPDATE run SET state = ?2, ended_ms = ?3 WHERE id = ?1",
                params![i64::try_from(run.0).unwrap_or(i64::MAX), state.name(), now_ms()],
            )?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn statuses_are_remembered_by_stack() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/state.db");
        let store = SqliteStore::open(&path).unwrap();
        store.set_status(&name("a"), &name("web-1"), InstanceStatus::RunningSetup).await.unwrap();
        store.set_status(&name("a"), &name("web-1"), InstanceStatus::Online).await.unwrap();
        store.set_status(&name("b"), &name("web-1"), InstanceStatus::Stopped).await.unwrap();
        drop(store);
        let store = SqliteStore::open(&path).unwrap();
        assert_eq!(
            store.statuses(&name("a")).await.unwrap(),
            BTreeMap::from([(name("web-1"), InstanceStatus::Online)])
        );
        assert_eq!(store.statuses(&name("c")).await.unwrap(), BTreeMap::new());
    }

    #[tokio::test]
    async fn runs_are_numbered_upwards() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&directory.path().join("state.db")).unwrap();
        let first = store.begin_run(&name("a"), LifecycleEvent::Setup).await.unwrap();
        store.end_run(first, RunState::Successful).await.unwrap();
        assert!(store.begin_run(&name("a"), LifecycleEvent::Configure).await.unwrap() > first);
    }

    #[test]
    fn a_file_of_a_later_version_is_refused_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.db");
        drop(SqliteStore::open(&path).unwrap());
        Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
        let error = SqliteStore::open(&path).unwrap_err().to_string();
        assert!(error.contains("schema version 99"), "{error}");
    }

    #[test]
    fn a_file_that_is_no_database_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.db");
        std::fs::write(&path, "not a database, but long enough to be looked at").unwrap();
        assert!(matches!(SqliteStore::open(&path), Err(StoreError::Sqlite { .. })));
    }
}
