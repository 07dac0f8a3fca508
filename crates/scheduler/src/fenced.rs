//! Writes to the store under the holding of a stack.
//!
//! The store refuses what is written under a lock that was broken or taken since. The run then stops as it does when a
//! renewal finds that out.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use engine_model::{ConfigureBegun, InstanceStatus, Name, NewRun, RunId, RunState, StackLock};

use crate::{
    event::RunEvent,
    execute::Sink,
    ports::{Fence, Store, StoreFailure, TimedEvent},
    resume::{Entry, Intent},
    stop::StopSignal,
};

/// The way to write while a stack is held.
pub(crate) struct Fenced {
    store: Arc<dyn Store>,
    fence: Fence,
    stop: StopSignal,
    sink: Sink,
    lost: AtomicBool,
}

impl Fenced {
    pub(crate) fn new(store: &Arc<dyn Store>, lock: &StackLock, stop: &StopSignal, sink: &Sink) -> Self {
        Fenced {
            store: Arc::clone(store),
            fence: Fence::from(lock),
            stop: stop.clone(),
            sink: Arc::clone(sink),
            lost: AtomicBool::new(false),
        }
    }

    /// The stack is not held any more: says so once, and begins nothing further.
    pub(crate) fn lose(&self) {
        if !self.lost.swap(true, Ordering::SeqCst) {
            (self.sink)(RunEvent::StackLost { stack: self.fence.stack.clone() });
            self.stop.set();
        }
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::SeqCst)
    }

    fn written<T>(&self, written: Result<T, StoreFailure>) -> Result<T, StoreFailure> {
        if let Err(StoreFailure::StackLost { .. }) = written {
            self.lose();
        }
        written
    }

    pub(crate) async fn set_status(
        &self,
        instance: &Name,
        status: InstanceStatus,
        owes_configure: Option<&str>,
    ) -> Result<(), StoreFailure> {
        self.written(self.store.set_status(&self.fence, instance, status, owes_configure).await)
    }

    pub(crate) async fn begin_configure(&self, online: &[Name]) -> Result<ConfigureBegun, StoreFailure> {
        self.written(self.store.begin_configure(&self.fence, online).await)
    }

    pub(crate) async fn end_configure(&self, begun: ConfigureBegun) -> Result<(), StoreFailure> {
        self.written(self.store.end_configure(&self.fence, begun).await)
    }

    pub(crate) async fn begin_run(
        &self,
        run: NewRun,
        intent: Option<Box<Intent>>,
    ) -> Result<RunId, StoreFailure> {
        self.written(self.store.begin_run(&self.fence, run, intent).await)
    }

    pub(crate) async fn reopen_run(&self, run: RunId) -> Result<(), StoreFailure> {
        self.written(self.store.reopen_run(&self.fence, run).await)
    }

    pub(crate) async fn write_ahead(&self, run: RunId, entry: Entry) -> Result<(), StoreFailure> {
        self.written(self.store.write_ahead(&self.fence, run, entry).await)
    }

    pub(crate) async fn end_run(&self, run: RunId, state: RunState) -> Result<(), StoreFailure> {
        self.written(self.store.end_run(&self.fence, run, state).await)
    }

    pub(crate) async fn record(&self, run: RunId, events: Vec<TimedEvent>) -> Result<(), StoreFailure> {
        self.written(self.store.record(&self.fence, run, events).await)
    }
}
