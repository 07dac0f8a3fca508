//! The connection to a database: made when it is needed, made again when it was cut.
//!
//! What is done on it is done once. A transaction that was cut before its commit has done nothing, so it is tried again;
//! of one that was cut in its commit the server is asked what became of it.

use std::{sync::Arc, time::Duration};

use engine_scheduler::ports::{Fence, StoreFailure};
use tokio::sync::Mutex;
use tokio_postgres::{Client, error::SqlState};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Address, Trouble, migrations, tls};
use crate::{StoreError, rows::signed};

/// Pauses before a connection that was cut is made again.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

/// Nobody waits for another's row or transaction for ever; nor does a controller that hangs hold others up.
const SESSION: &str = "SET lock_timeout = '10s'; SET statement_timeout = '60s'; \
                       SET idle_in_transaction_session_timeout = '30s'";

/// The way to a database.
pub(super) struct Connection {
    address: Address,
    tls: MakeRustlsConnect,
    /// Nothing while it is cut, and while somebody uses it: who goes away in the middle takes it with them.
    client: Mutex<Option<Arc<Client>>>,
}

impl Connection {
    pub(super) fn new(address: Address) -> Result<Self, StoreError> {
        let address = address.with_password()?;
        let tls = tls::connector(&address.security)?;
        Ok(Connection { address, tls, client: Mutex::new(None) })
    }

    pub(super) fn place(&self) -> String {
        self.address.to_string()
    }

    /// Whether anything was ever remembered there.
    pub(super) async fn has_schema(&self) -> Result<bool, Trouble> {
        Ok(migrations::version(&*self.dial().await?).await?.is_some())
    }

    /// Connects now, and brings the schema up to date.
    pub(super) async fn open(&self) -> Result<(), Trouble> {
        let client = self.connect().await?;
        *self.client.lock().await = Some(client);
        Ok(())
    }

    /// Does something that may be done twice: reads, above all.
    pub(super) async fn ask<T, F>(
        &self,
        question: impl Fn(Arc<Client>) -> F + Send + Sync,
    ) -> Result<T, StoreFailure>
    where
        T: Send,
        F: Future<Output = Result<T, Trouble>> + Send,
    {
        let mut slot = self.client.lock().await;
        let mut pauses = PAUSES.iter();
        loop {
            match self.try_to_ask(&mut slot, &question).await {
                Ok(answer) => return Ok(answer),
                Err(trouble) => self.pause(trouble, pauses.next()).await?,
            }
        }
    }

    async fn try_to_ask<T, F>(
        &self,
        slot: &mut Option<Arc<Client>>,
        question: impl Fn(Arc<Client>) -> F + Send + Sync,
    ) -> Result<T, Trouble>
    where
        F: Future<Output = Result<T, Trouble>> + Send,
    {
        let client = self.taken(slot).await?;
        let answer = question(Arc::clone(&client)).await;
        // A connection on which a statement failed is as good as before, unless it was cut: then it is closed.
        *slot = Some(client);
        answer
    }

    /// Changes something in one transaction, if the stack is still held.
    pub(super) async fn write<T, F>(
        &self,
        fence: &Fence,
        change: impl Fn(Arc<Client>) -> F + Send + Sync,
    ) -> Result<T, StoreFailure>
    where
        T: Send,
        F: Future<Output = Result<T, Trouble>> + Send,
    {
        let mut slot = self.client.lock().await;
        let mut pauses = PAUSES.iter();
        loop {
            match self.try_to_write(&mut slot, fence, &change).await {
                Ok(Some(changed)) => return Ok(changed),
                Ok(None) => {
                    let (stack, id) = (fence.stack.clone(), fence.id.clone());
                    return Err(StoreFailure::StackLost { stack, id });
                }
                Err(trouble) => self.pause(trouble, pauses.next()).await?,
            }
        }
    }

    /// Gives nothing if the stack is not held.
    async fn try_to_write<T, F>(
        &self,
        slot: &mut Option<Arc<Client>>,
        fence: &Fence,
        change: impl Fn(Arc<Client>) -> F + Send + Sync,
    ) -> Result<Option<T>, Trouble>
    where
        F: Future<Output = Result<T, Trouble>> + Send,
    {
        let client = self.taken(slot).await?;
        client.batch_execute("BEGIN").await?;
        let changed = match begin(&client, fence).await {
            Ok(Some(number)) => change(Arc::clone(&client)).await.map(|changed| Some((number, changed))),
            Ok(None) => Ok(None),
            Err(trouble) => Err(trouble),
        };
        let (number, changed) = match changed {
            Ok(Some(changed)) => changed,
            Ok(None) => {
                client.batch_execute("ROLLBACK").await?;
                *slot = Some(client);
                return Ok(None);
            }
            // Who comes next makes a new connection; the server rolls back when this one ends.
            Err(trouble) => return Err(trouble),
        };
        match client.batch_execute("COMMIT").await.map_err(Trouble::from) {
            Ok(()) => *slot = Some(client),
            Err(trouble) if trouble.is_cut() && self.is_committed(slot, &number).await? => {}
            Err(trouble) => return Err(trouble),
        }
        Ok(Some(changed))
    }

    /// Waits before something is tried again; an error if that makes no sense, or was done often enough.
    async fn pause(&self, trouble: Trouble, pause: Option<&Duration>) -> Result<(), StoreFailure> {
        match pause.filter(|_| trouble.is_passing()) {
            Some(pause) => {
                tokio::time::sleep(*pause).await;
                Ok(())
            }
            None => Err(StoreFailure::Failed { place: self.place(), message: trouble.to_string() }),
        }
    }

    /// What became of a transaction whose commit was cut: the server knows, and may still be at it.
    async fn is_committed(&self, slot: &mut Option<Arc<Client>>, number: &str) -> Result<bool, Trouble> {
        for pause in PAUSES {
            match self.try_to_ask(slot, |client| state(client, number)).await {
                Ok(Some(state)) if state == "committed" => return Ok(true),
                Ok(Some(state)) if state == "aborted" => return Ok(false),
                Ok(_) => {}
                Err(trouble) if trouble.is_passing() => {}
                Err(_) => return Err(Trouble::Unsure),
            }
            tokio::time::sleep(pause).await;
        }
        Err(Trouble::Unsure)
    }

    /// The connection, out of its place: it is put back by who used it to the end.
    async fn taken(&self, slot: &mut Option<Arc<Client>>) -> Result<Arc<Client>, Trouble> {
        match slot.take().filter(|client| !client.is_closed()) {
            Some(client) => Ok(client),
            None => self.connect().await,
        }
    }

    async fn connect(&self) -> Result<Arc<Client>, Trouble> {
        let client = self.dial().await?;
        migrations::migrate(&client).await?;
        client.batch_execute(SESSION).await?;
        Ok(client)
    }

    async fn dial(&self) -> Result<Arc<Client>, Trouble> {
        let (client, connection) = self.address.config.connect(self.tls.clone()).await?;
        // It ends with the client, and what cut it is told to whoever uses that.
        tokio::spawn(connection);
        Ok(Arc::new(client))
    }
}

/// Makes sure that the stack is held until the transaction ends; gives its number.
async fn begin(client: &Client, fence: &Fence) -> Result<Option<String>, Trouble> {
    let select =
        "SELECT pg_current_xact_id()::text FROM stack_lock WHERE stack = $1 AND id = $2 AND token = $3
                  FOR SHARE";
    let (stack, id, token) = (fence.stack.as_str(), &fence.id, signed(fence.token));
    let held = client.query_opt(select, &[&stack, id, &token]).await?;
    Ok(held.map(|row| row.try_get(0)).transpose()?)
}

/// What the server knows of a transaction.
async fn state(client: Arc<Client>, number: &str) -> Result<Option<String>, Trouble> {
    let row = client.query_one("SELECT pg_xact_status($1::text::xid8)", &[&number]).await?;
    Ok(row.try_get(0)?)
}

/// Whether an error says that the connection is gone, or that the server goes away or comes up.
pub(super) fn is_cut(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(code) => {
            code.code().starts_with("08")
                || [
                    &SqlState::ADMIN_SHUTDOWN,
                    &SqlState::CRASH_SHUTDOWN,
                    &SqlState::CANNOT_CONNECT_NOW,
                    &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
                ]
                .contains(&code)
        }
        None => error.is_closed() || super::caused_by_io(error),
    }
}
