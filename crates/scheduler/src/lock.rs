//! Holds a stack while a run goes on.
//!
//! The lock is a lease: it is renewed while the run goes on, and anybody may take it when it has run out, as after a
//! controller that was killed; on the machine of that one at once, since there is no such process. Who has lost it finds
//! out at the next renewal, and stops like after Ctrl-C. Until then nothing is written under the lost lock: every write
//! carries its token, and the store refuses a smaller one than that of whoever holds the stack now.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use engine_model::{Name, StackLock};
use tokio::task::JoinHandle;

use crate::{
    event::RunEvent,
    execute::Sink,
    fenced::Fenced,
    ports::{Fence, LockRequest, Store, StoreFailure},
    stop::StopSignal,
};

/// How long a lock holds without being renewed.
pub const LEASE: Duration = Duration::from_mins(1);

/// How often it is renewed: a store that does not answer twice loses nothing.
const RENEWAL: Duration = Duration::from_secs(15);

/// Pause between two looks at a lock that somebody else holds.
const PAUSE: Duration = Duration::from_millis(500);

/// A stack that is held.
pub(crate) struct Held {
    store: Arc<dyn Store>,
    lock: StackLock,
    writes: Arc<Fenced>,
    renewal: JoinHandle<()>,
}

/// Why a stack cannot be held.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else holds it.
    #[error(
        "stack `{}` is held by {} for {} since {} s; wait for that, or break the lock {} if its owner is gone",
        .holder.stack, .holder.owner, .holder.operation, since(.holder), .holder.id
    )]
    Held {
        /// Who.
        holder: Box<StackLock>,
    },
    /// The operator said stop while it waited.
    #[error("stopped while it waited for the stack")]
    Stopped,
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreFailure),
}

/// Takes a stack; waits for who holds it, at most so long.
pub(crate) async fn take(
    store: &Arc<dyn Store>,
    request: LockRequest,
    patience: Duration,
    stop: &StopSignal,
    sink: &Sink,
) -> Result<Held, LockError> {
    let began = tokio::time::Instant::now();
    let mut told: Option<String> = None;
    loop {
        let holder = match store.lock(request.clone()).await? {
            Ok(lock) => {
                let writes = Arc::new(Fenced::new(store, &lock, stop, sink));
                let renewal = tokio::spawn(renew(Arc::clone(store), lock.clone(), Arc::clone(&writes)));
                return Ok(Held { store: Arc::clone(store), lock, writes, renewal });
            }
            Err(holder) => holder,
        };
        if is_gone(&holder, &request) {
            store.unlock(&holder.stack, &holder.id).await?;
            continue;
        }
        if began.elapsed() >= patience {
            return Err(LockError::Held { holder: Box::new(holder) });
        }
        if told.as_ref() != Some(&holder.id) {
            told = Some(holder.id.clone());
            sink(RunEvent::WaitingForStack { holder });
        }
        let mut stop = stop.clone();
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = stop.wait() => return Err(LockError::Stopped),
        }
    }
}

/// Does something small while nobody else changes the stack: waits for who holds it, at most so long.
pub async fn under<T>(
    store: &Arc<dyn Store>,
    request: LockRequest,
    patience: Duration,
    sink: &Sink,
    work: impl AsyncFnOnce(&Fence) -> Result<T, StoreFailure>,
) -> Result<T, LockError> {
    let held = take(store, request, patience, &StopSignal::default(), sink).await?;
    let done = work(&Fence::from(&held.lock)).await;
    // A store that does not answer: the lease runs out by itself.
    let _ = held.release().await;
    Ok(done?)
}

impl Held {
    /// Writes to the store under this holding.
    pub(crate) fn writes(&self) -> Arc<Fenced> {
        Arc::clone(&self.writes)
    }

    /// Lets others have it.
    pub(crate) async fn release(self) -> Result<(), StoreFailure> {
        self.renewal.abort();
        self.store.unlock(&self.lock.stack, &self.lock.id).await.map(drop)
    }
}

/// Renews the lock until it is released. Who has lost it stops: somebody else changes the stack by now.
async fn renew(store: Arc<dyn Store>, lock: StackLock, writes: Arc<Fenced>) {
    loop {
        tokio::time::sleep(RENEWAL).await;
        // A store that does not answer is asked again; the lease holds for a while.
        if let Ok(false) = store.renew(&lock.stack, &lock.id, LEASE).await {
            writes.lose();
            return;
        }
    }
}

/// Whether whoever holds a stack may still be at work; not if that was a process of this machine that is no more.
pub fn is_alive(holder: &StackLock) -> bool {
    !is_gone(holder, &request(&holder.stack, &holder.owner, &holder.operation))
}

/// Whether the holder was a process of this machine that is no more.
fn is_gone(holder: &StackLock, request: &LockRequest) -> bool {
    let processes = Path::new("/proc");
    !holder.boot_id.is_empty()
        && holder.boot_id == request.boot_id
        && processes.join("self").exists()
        && !processes.join(holder.process.to_string()).exists()
}

/// Seconds for which a lock has been held.
fn since(lock: &StackLock) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    u64::try_from(now).unwrap_or(u64::MAX).saturating_sub(lock.since_ms) / 1000
}

/// Where a process number means this process: the boot of the machine and, since containers share that, the PID
/// namespace. Empty where either is not known; then nobody's process is taken for gone.
fn boot_id() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let namespace = std::fs::read_link("/proc/self/ns/pid");
    match (boot, namespace) {
        (Ok(boot), Ok(namespace)) => format!("{} {}", boot.trim(), namespace.display()),
        _ => String::new(),
    }
}

/// What to ask the store for: the stack, for this process.
pub fn request(stack: &Name, owner: &str, operation: &str) -> LockRequest {
    let process = std::process::id();
    LockRequest {
        stack: stack.clone(),
        owner: format!("{owner}, process {process}"),
        boot_id: boot_id(),
        process,
        operation: operation.to_owned(),
        lease: LEASE,
    }
}
