//! The operator's wish to stop.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::Notify;

/// A wish to stop, which can be made once and waited for by many.
#[derive(Debug, Clone)]
pub struct StopSignal(Arc<StopState>);

#[derive(Debug, Default)]
struct StopState {
    set: AtomicBool,
    notify: Notify,
}

impl Default for StopSignal {
    fn default() -> Self {
        StopSignal(Arc::new(StopState::default()))
    }
}

impl StopSignal {
    /// Asks to stop: resources in hand are finished, nothing further is begun.
    pub fn set(&self) {
        self.0.set.store(true, Ordering::SeqCst);
        self.0.notify.notify_waiters();
    }

    /// Whether someone asked.
    pub fn is_set(&self) -> bool {
        self.0.set.load(Ordering::SeqCst)
    }

    /// Waits until someone asks.
    pub async fn wait(&mut self) {
        loop {
            let notified = self.0.notify.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if self.is_set() {
                return;
            }
            notified.await;
        }
    }
}
