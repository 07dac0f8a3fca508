//! Live state: what the stack file does not say. Instances' statuses and runs, in SQLite.
//!
//! One file next to the stacks. Several processes may use it; SQLite's own locking orders them.

mod configures;
mod journals;
mod locks;
mod migrations;
mod nodes;

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
    ports::{LockRequest, NodeRunRecord, PortFuture, Store, StoreFailure, TimedEvent},
    resume::{Entry, Intent, Journal},
};
use rusqlite::{Connection, OptionalExtension as _, params};

/// Columns of a run, in the order in which they are read.
const RUN: &str = "id, stack, event, operator, comment, state, started_ms, ended_ms, follows";

/// What happened is remembered of so many runs of a stack; that they were, of all.
const KEPT: u32 = 200;

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

/// Why the state file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It or its directory cannot be made.
    #[error("{}: {source}", .path.display())]
    Directory {
        /// Which.
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
            migrations::MigrationError::Newer { found, known } => {
                StoreError::Newer { path: path.to_owned(), found, known }
            }
        })?;
        Ok(SqliteStore { path: path.to_owned(), connection: Arc::new(Mutex::new(connection)) })
    }

    /// An empty store that nobody else sees, for who must leave no file behind.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::open(Path::new(IN_MEMORY))
    }

    /// Runs a query on a thread that may block.
    fn with<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> PortFuture<'_, Result<T, StoreFailure>> {
        let (place, connection) = (self.path.display().to_string(), Arc::clone(&self.connection));
        Box::pin(async move {
            let failure = |message: String| StoreFailure { place, message };
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
        owes_configure: Option<&'a str>,
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        let (stack, instance) = (stack.to_string(), instance.to_string());
        let owes_configure = owes_configure.map(str::to_owned);
        self.with(move |connection| {
            let transaction = connection.transaction()?;
            transaction.execute(
                "INSERT INTO instance (stack, name, status, changed_ms) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (stack, name) DO UPDATE SET status = ?3, changed_ms = ?4",
                params![stack, instance, status.name(), now_ms()],
            )?;
            if let Some(why) = owes_configure {
                configures::owe(&transaction, &stack, &why, now_ms())?;
            }
            transaction.commit()
        })
    }

    fn status_records<'a>(
        &'a self,
        stack: &'a Name,
    ) -> PortFuture<'a, Result<BTreeMap<Name, StatusRecord>, StoreFailure>> {
        let stack = stack.to_string();
        self.with(move |connection| nodes::status_records(connection, &stack))
    }

    fn forget<'a>(
        &'a self,
        stack: &'a Name,
        instance: &'a Name,
        owes_configure: Option<&'a str>,
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        let (stack, instance) = (stack.to_string(), instance.to_string());
        let owes_configure = owes_configure.map(str::to_owned);
        self.with(move |connection| nodes::forget(connection, &stack, &instance, owes_configure.as_deref()))
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
        stack: &'a Name,
        online: &'a [Name],
    ) -> PortFuture<'a, Result<ConfigureBegun, StoreFailure>> {
        let (stack, online) = (stack.to_string(), online.to_vec());
        self.with(move |connection| configures::begin(connection, &stack, &online))
    }

    fn end_configure<'a>(
        &'a self,
        stack: &'a Name,
        begun: ConfigureBegun,
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        let stack = stack.to_string();
        self.with(move |connection| configures::end(connection, &stack, begun))
    }

    fn begin_run(
        &self,
        run: NewRun,
        intent: Option<Box<Intent>>,
    ) -> PortFuture<'_, Result<RunId, StoreFailure>> {
        self.with(move |connection| {
            journals::durably(connection, |transaction| {
                transaction.execute(
                    "INSERT INTO run (stack, event, operator, comment, state, started_ms, follows)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    params![
                        run.stack.as_str(),
                        run.command.name(),
                        run.operator,
                        run.comment,
                        RunState::Running.name(),
                        now_ms(),
                        run.follows.map(key)
                    ],
                )?;
                let id = RunId(unsigned(transaction.last_insert_rowid()));
                transaction.execute(
                    "DELETE FROM run_event WHERE run IN
                     (SELECT id FROM run WHERE stack = ?1 ORDER BY id DESC LIMIT -1 OFFSET ?2)",
                    params![run.stack.as_str(), KEPT],
                )?;
                journals::begin(transaction, run.stack.as_str(), id, run.follows, intent.as_deref())?;
                Ok(id)
            })
        })
    }

    fn reopen_run(&self, run: RunId) -> PortFuture<'_, Result<(), StoreFailure>> {
        self.with(move |connection| {
            connection.execute(
                "UPDATE run SET state = ?2, ended_ms = NULL WHERE id = ?1",
                params![key(run), RunState::Running.name()],
            )?;
            Ok(())
        })
    }

    fn write_ahead(&self, run: RunId, entry: Entry) -> PortFuture<'_, Result<(), StoreFailure>> {
        self.with(move |connection| {
            journals::durably(connection, |transaction| journals::add(transaction, run, &entry))
        })
    }

    fn journal(&self, run: RunId) -> PortFuture<'_, Result<Option<Journal>, StoreFailure>> {
        self.with(move |connection| journals::read(connection, run))
    }

    fn end_run(&self, run: RunId, state: RunState) -> PortFuture<'_, Result<(), StoreFailure>> {
        self.with(move |connection| {
            let transaction = connection.transaction()?;
            transaction.execute(
                "UPDATE run SET state = ?2, ended_ms = ?3 WHERE id = ?1",
                params![key(run), state.name(), now_ms()],
            )?;
            if state == RunState::Successful {
                journals::forget(&transaction, run)?;
            }
            transaction.commit()
        })
    }

    fn record(&self, run: RunId, events: Vec<TimedEvent>) -> PortFuture<'_, Result<(), StoreFailure>> {
        self.with(move |connection| {
            let transaction = connection.transaction()?;
            {
                let mut insert = transaction.prepare(
                    "INSERT INTO run_event (run, seq, at_ms, event)
                     VALUES (?1, (SELECT coalesce(max(seq), 0) + 1 FROM run_event WHERE run = ?1), ?2, ?3)",
                )?;
                for TimedEvent { at_ms, event } in events {
                    let event = serde_json::to_string(&event)
                        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
                    insert.execute(params![key(run), i64::try_from(at_ms).unwrap_or(i64::MAX), event])?;
                }
            }
            transaction.commit()
        })
    }

    fn runs<'a>(
        &'a self,
        stack: &'a Name,
        most: u32,
    ) -> PortFuture<'a, Result<Vec<RunRecord>, StoreFailure>> {
        let stack = stack.to_string();
        self.with(move |connection| {
            let select = format!("SELECT {RUN} FROM run WHERE stack = ?1 ORDER BY id DESC LIMIT ?2");
            let mut select = connection.prepare(&select)?;
            let rows = select.query_map(params![stack, most], run_record)?;
            rows.collect()
        })
    }

    fn run(&self, run: RunId) -> PortFuture<'_, Result<Option<RunRecord>, StoreFailure>> {
        self.with(move |connection| {
            let select = format!("SELECT {RUN} FROM run WHERE id = ?1");
            connection.query_row(&select, [key(run)], run_record).optional()
        })
    }

    fn events(&self, run: RunId) -> PortFuture<'_, Result<Vec<TimedEvent>, StoreFailure>> {
        self.with(move |connection| {
            let mut select =
                connection.prepare("SELECT at_ms, event FROM run_event WHERE run = ?1 ORDER BY seq")?;
            let rows = select.query_map([key(run)], |row| {
                let event: String = row.get(1)?;
                let event = serde_json::from_str(&event).map_err(|error| conversion(1, error))?;
                Ok(TimedEvent { at_ms: unsigned(row.get(0)?), event })
            })?;
            rows.collect()
        })
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

fn key(run: RunId) -> i64 {
    i64::try_from(run.0).unwrap_or(i64::MAX)
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

fn conversion(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}

fn run_record(row: &rusqlite::Row<'_>) -> rusqlite::Result<RunRecord> {
    let stack = row.get::<_, String>(1)?.parse().map_err(|error| conversion(1, error))?;
    let command = row.get::<_, String>(2)?.parse().map_err(|error| conversion(2, error))?;
    Ok(RunRecord {
        id: RunId(unsigned(row.get(0)?)),
        run: NewRun {
            stack,
            command,
            operator: row.get(3)?,
            comment: row.get(4)?,
            follows: row.get::<_, Option<i64>>(8)?.map(|run| RunId(unsigned(run))),
        },
        // A state of a later version is one that ended otherwise than well.
        state: RunState::parse(&row.get::<_, String>(5)?).unwrap_or(RunState::Failed),
        started_ms: unsigned(row.get(6)?),
        ended_ms: row.get::<_, Option<i64>>(7)?.map(unsigned),
    })
}

#[cfg(test)]
mod tests {
    use engine_model::Command;
    use engine_scheduler::RunEvent;

    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn statuses_are_remembered_by_stack() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/state.db");
        let store = SqliteStore::open(&path).unwrap();
        store.set_status(&name("a"), &name("web-1"), InstanceStatus::RunningSetup, None).await.unwrap();
        store.set_status(&name("a"), &name("web-1"), InstanceStatus::Online, None).await.unwrap();
        store.set_status(&name("b"), &name("web-1"), InstanceStatus::Stopped, None).await.unwrap();
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
        let first = store.begin_run(new_run(Command::Setup), None).await.unwrap();
        store.end_run(first, RunState::Successful).await.unwrap();
        let second = store.begin_run(new_run(Command::Configure), None).await.unwrap();
        assert!(second > first);
        let runs = store.runs(&name("a"), 10).await.unwrap();
        let told: Vec<_> = runs.iter().map(|run| (run.id, run.run.command, run.state)).collect();
        assert_eq!(
            told,
            [(second, Command::Configure, RunState::Running), (first, Command::Setup, RunState::Successful)]
        );
        assert!(runs[0].ended_ms.is_none() && runs[1].ended_ms >= Some(runs[1].started_ms));
        assert_eq!(store.runs(&name("a"), 1).await.unwrap().len(), 1);
        assert_eq!(store.run(first).await.unwrap().as_ref(), Some(&runs[1]));
        assert_eq!(store.run(RunId(99)).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_configure_is_owed_until_one_that_began_later_has_ended() {
        let store = SqliteStore::in_memory().unwrap();
        let (a, web) = (name("a"), name("web-1"));
        assert_eq!(store.configure_state(&a).await.unwrap(), ConfigureState::default());
        let set = async |status, why| store.set_status(&a, &web, status, why).await.unwrap();
        set(InstanceStatus::Online, Some("web-1 is online")).await;
        let first = store.begin_configure(&a, std::slice::from_ref(&web)).await.unwrap();
        // It leaves while the others react.
        set(InstanceStatus::ConnectionLost, Some("web-1 is connection_lost")).await;
        store.end_configure(&a, first).await.unwrap();
        let state = store.configure_state(&a).await.unwrap();
        assert_eq!((state.generation, state.pending.unwrap().why.as_str()), (1, "web-1 is connection_lost"));
        let second = store.begin_configure(&a, &[]).await.unwrap();
        assert_eq!((first.generation, second.generation), (1, 2));
        store.end_configure(&a, second).await.unwrap();
        set(InstanceStatus::Stopped, None).await;
        let state = store.configure_state(&a).await.unwrap();
        assert_eq!(state, ConfigureState { generation: 2, pending: None });
        // It comes and goes: nobody else has been seen.
        set(InstanceStatus::Online, Some("web-1 is online")).await;
        set(InstanceStatus::Stopped, Some("web-1 is stopped")).await;
        let third = store.begin_configure(&a, &[]).await.unwrap();
        assert_eq!(third.generation, 2);
        store.end_configure(&a, third).await.unwrap();
        assert_eq!(store.configure_state(&a).await.unwrap().pending, None);
        assert_eq!(store.begin_configure(&name("b"), &[]).await.unwrap().generation, 1);
    }

    fn new_run(command: Command) -> NewRun {
        NewRun {
            stack: name("a"),
            command,
            operator: "ana@desk".into(),
            comment: "why not".into(),
            follows: None,
        }
    }

    #[tokio::test]
    async fn what_happened_is_told_again_in_order() {
        let store = SqliteStore::in_memory().unwrap();
        let run = store.begin_run(new_run(Command::Setup), None).await.unwrap();
        let event = |at_ms, instance: &str| TimedEvent {
            at_ms,
            event: RunEvent::Connecting { instance: name(instance) },
        };
        store.record(run, vec![event(5, "b"), event(5, "a")]).await.unwrap();
        store.record(run, vec![event(4, "c")]).await.unwrap();
        assert_eq!(store.events(run).await.unwrap(), [event(5, "b"), event(5, "a"), event(4, "c")]);
        assert_eq!(store.events(RunId(99)).await.unwrap(), []);
    }

    #[tokio::test]
    async fn of_old_runs_it_is_forgotten_what_happened() {
        let store = SqliteStore::in_memory().unwrap();
        let first = store.begin_run(new_run(Command::Setup), None).await.unwrap();
        let event = TimedEvent { at_ms: 1, event: RunEvent::Connecting { instance: name("a") } };
        store.record(first, vec![event]).await.unwrap();
        for _ in 1..KEPT {
            store.begin_run(new_run(Command::Setup), None).await.unwrap();
        }
        assert_eq!(store.events(first).await.unwrap().len(), 1);
        store.begin_run(new_run(Command::Setup), None).await.unwrap();
        assert_eq!(store.events(first).await.unwrap().len(), 0);
        assert!(store.run(first).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn one_holds_a_stack_until_it_is_given_back_or_the_lease_runs_out() {
        let store = SqliteStore::in_memory().unwrap();
        let request = |owner: &str, lease| LockRequest {
            stack: name("a"),
            owner: owner.to_owned(),
            boot_id: "b".to_owned(),
            process: 7,
            operation: "setup".to_owned(),
            lease,
        };
        let long = Duration::from_mins(10);
        let first = store.lock(request("ana", long)).await.unwrap().unwrap();
        let holder = store.lock(request("bo", long)).await.unwrap().unwrap_err();
        assert_eq!(holder, first);
        assert_eq!(store.lock_of(&name("a")).await.unwrap(), Some(first.clone()));
        assert!(!store.unlock(&name("a"), "another").await.unwrap());
        assert!(store.unlock(&name("a"), &first.id).await.unwrap());
        assert!(!store.renew(&name("a"), &first.id, long).await.unwrap());

        // Whose lease has run out holds nothing, and takes nothing back from who came after.
        let second = store.lock(request("bo", Duration::ZERO)).await.unwrap().unwrap();
        assert!(store.renew(&name("a"), &second.id, Duration::ZERO).await.unwrap());
        let third = store.lock(request("cy", long)).await.unwrap().unwrap();
        assert!(!store.renew(&name("a"), &second.id, long).await.unwrap());
        assert!(!store.unlock(&name("a"), &second.id).await.unwrap());
        assert!(first.token < second.token && second.token < third.token);
        assert_eq!(store.lock_of(&name("b")).await.unwrap(), None);
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
