//! State in a PostgreSQL database that several controllers share.
//!
//! Times are those of the database's clock, so that controllers whose clocks differ agree on whose lease has run out.

mod address;
mod configures;
mod connection;
mod journals;
mod locks;
mod migrations;
mod nodes;
mod password;
mod runs;
mod tls;

use std::{collections::BTreeMap, error::Error as _, time::Duration};

use engine_model::{
    ConfigureBegun, ConfigureState, InstanceStatus, Name, NewRun, RunId, RunRecord, RunState, StackLock,
    StatusRecord,
};
use engine_scheduler::{
    ports::{Fence, LockRequest, NodeRunRecord, PortFuture, Store, StoreFailure, TimedEvent},
    resume::{Entry, Intent, Journal},
};
use tokio_postgres::Row;

use crate::{
    StoreError,
    rows::{RunRow, Unreadable},
};
pub use address::{Address, AddressError};
use connection::Connection;
pub use password::PasswordError;

/// The time, in milliseconds since 1970.
const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// State in a PostgreSQL database.
pub struct PostgresStore {
    connection: Connection,
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{}", told(.0))]
    Database(tokio_postgres::Error),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("something cannot be written: {0}")]
    Unwritable(#[from] serde_json::Error),
    #[error("the connection was cut while something was written, and it is not known whether it was")]
    Unsure,
    #[error("it has schema version {0}, and this engine knows an earlier one only; use a later engine")]
    Newer(u32),
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Self {
        Trouble::Database(error)
    }
}

impl Trouble {
    /// Whether the connection is gone, or cannot be made now.
    fn is_cut(&self) -> bool {
        matches!(self, Trouble::Database(error) if connection::is_cut(error))
    }

    /// Whether it makes sense to try again.
    fn is_passing(&self) -> bool {
        let conflict = matches!(self, Trouble::Database(error) if error.code().is_some_and(|code| {
            matches!(code.code(), "40001" | "40P01")
        }));
        self.is_cut() || conflict
    }
}

/// What a server or the client library says, with its causes.
fn told(error: &tokio_postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        let more = [said.detail(), said.hint()].into_iter().flatten();
        return std::iter::once(said.message()).chain(more).collect::<Vec<_>>().join("; ");
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

fn caused_by_io(error: &tokio_postgres::Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<std::io::Error>() {
            // What TLS refuses is an error of I/O too, and stays refused.
            return error.kind() != std::io::ErrorKind::InvalidData;
        }
        source = cause.source();
    }
    false
}

impl PostgresStore {
    /// Connects to the database, and brings its schema up to date or makes it.
    pub async fn open(address: Address) -> Result<Self, StoreError> {
        let store = PostgresStore { connection: Connection::new(address)? };
        store.connection.open().await.map_err(|trouble| store.cannot_open(trouble))?;
        Ok(store)
    }

    /// The same, if anything was ever remembered there; else the database is left as it is.
    pub async fn open_existing(address: Address) -> Result<Option<Self>, StoreError> {
        let store = PostgresStore { connection: Connection::new(address)? };
        if !store.connection.has_schema().await.map_err(|trouble| store.cannot_open(trouble))? {
            return Ok(None);
        }
        store.connection.open().await.map_err(|trouble| store.cannot_open(trouble))?;
        Ok(Some(store))
    }

    fn cannot_open(&self, trouble: Trouble) -> StoreError {
        let place = self.connection.place();
        match trouble {
            Trouble::Newer(found) => StoreError::Newer { place, found },
            trouble => StoreError::Postgres { place, message: trouble.to_string() },
        }
    }
}

fn run_row(row: &Row) -> Result<RunRow, tokio_postgres::Error> {
    Ok(RunRow {
        id: row.try_get(0)?,
        stack: row.try_get(1)?,
        command: row.try_get(2)?,
        operator: row.try_get(3)?,
        comment: row.try_get(4)?,
        state: row.try_get(5)?,
        started_ms: row.try_get(6)?,
        ended_ms: row.try_get(7)?,
        follows: row.try_get(8)?,
    })
}

impl Store for PostgresStore {
    fn lock(
        &self,
        request: LockRequest,
    ) -> PortFuture<'_, Result<Result<StackLock, StackLock>, StoreFailure>> {
        Box::pin(async move {
            let id = crate::rows::lock_id(&request.owner);
            self.connection.ask(|client| locks::lock(client, &request, &id)).await
        })
    }

    fn renew<'a>(
        &'a self,
        stack: &'a Name,
        id: &'a str,
        lease: Duration,
    ) -> PortFuture<'a, Result<bool, StoreFailure>> {
        Box::pin(self.connection.ask(move |client| locks::renew(client, stack, id, lease)))
    }

    fn unlock<'a>(&'a self, stack: &'a Name, id: &'a str) -> PortFuture<'a, Result<bool, StoreFailure>> {
        Box::pin(self.connection.ask(move |client| locks::unlock(client, stack, id)))
    }

    fn lock_of<'a>(&'a self, stack: &'a Name) -> PortFuture<'a, Result<Option<StackLock>, StoreFailure>> {
        Box::pin(self.connection.ask(move |client| locks::lock_of(client, stack)))
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
        Box::pin(self.connection.write(fence, move |client| {
            nodes::set_status(client, &fence.stack, instance, status, owes_configure)
        }))
    }

    fn status_records<'a>(
        &'a self,
        stack: &'a Name,
    ) -> PortFuture<'a, Result<BTreeMap<Name, StatusRecord>, StoreFailure>> {
        Box::pin(self.connection.ask(move |client| nodes::statuses(client, stack)))
    }

    fn forget<'a>(
        &'a self,
        fence: &'a Fence,
        instance: &'a Name,
        owes_configure: Option<&'a str>,
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        Box::pin(
            self.connection
                .write(fence, move |client| nodes::forget(client, &fence.stack, instance, owes_configure)),
        )
    }

    fn configure_state<'a>(
        &'a self,
        stack: &'a Name,
    ) -> PortFuture<'a, Result<ConfigureState, StoreFailure>> {
        Box::pin(self.connection.ask(move |client| configures::state(client, stack)))
    }

    fn begin_configure<'a>(
        &'a self,
        fence: &'a Fence,
        online: &'a [Name],
    ) -> PortFuture<'a, Result<ConfigureBegun, StoreFailure>> {
        let begin = move |client| configures::begin(client, &fence.stack, online);
        Box::pin(self.connection.write(fence, begin))
    }

    fn end_configure<'a>(
        &'a self,
        fence: &'a Fence,
        begun: ConfigureBegun,
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        Box::pin(self.connection.write(fence, move |client| configures::end(client, &fence.stack, begun)))
    }

    fn begin_run<'a>(
        &'a self,
        fence: &'a Fence,
        run: NewRun,
        intent: Option<Box<Intent>>,
    ) -> PortFuture<'a, Result<RunId, StoreFailure>> {
        Box::pin(async move {
            self.connection.write(fence, |client| runs::begin(client, &run, intent.as_deref())).await
        })
    }

    fn reopen_run<'a>(&'a self, fence: &'a Fence, run: RunId) -> PortFuture<'a, Result<(), StoreFailure>> {
        Box::pin(self.connection.write(fence, move |client| runs::reopen(client, run)))
    }

    fn write_ahead<'a>(
        &'a self,
        fence: &'a Fence,
        run: RunId,
        entry: Entry,
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        Box::pin(
            async move { self.connection.write(fence, |client| journals::add(client, run, &entry)).await },
        )
    }

    fn journal(&self, run: RunId) -> PortFuture<'_, Result<Option<Journal>, StoreFailure>> {
        Box::pin(self.connection.ask(move |client| journals::read(client, run)))
    }

    fn end_run<'a>(
        &'a self,
        fence: &'a Fence,
        run: RunId,
        state: RunState,
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        Box::pin(self.connection.write(fence, move |client| runs::end(client, run, state)))
    }

    fn record<'a>(
        &'a self,
        fence: &'a Fence,
        run: RunId,
        events: Vec<TimedEvent>,
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        Box::pin(
            async move { self.connection.write(fence, |client| runs::record(client, run, &events)).await },
        )
    }

    fn runs<'a>(
        &'a self,
        stack: &'a Name,
        most: u32,
    ) -> PortFuture<'a, Result<Vec<RunRecord>, StoreFailure>> {
        Box::pin(self.connection.ask(move |client| runs::newest(client, stack, most)))
    }

    fn run(&self, run: RunId) -> PortFuture<'_, Result<Option<RunRecord>, StoreFailure>> {
        Box::pin(self.connection.ask(move |client| runs::one(client, run)))
    }

    fn events(&self, run: RunId) -> PortFuture<'_, Result<Vec<TimedEvent>, StoreFailure>> {
        Box::pin(self.connection.ask(move |client| runs::events(client, run)))
    }

    fn node_runs<'a>(
        &'a self,
        stack: &'a Name,
        instance: &'a Name,
        most: u32,
    ) -> PortFuture<'a, Result<Vec<NodeRunRecord>, StoreFailure>> {
        Box::pin(self.connection.ask(move |client| nodes::node_runs(client, stack, instance, most)))
    }
}
