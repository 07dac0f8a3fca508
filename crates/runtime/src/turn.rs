//! Bounds how many evaluations run at the same time, so that wasmtime's pool never runs out.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for evaluations; whoever waits gets one in the order of asking.
#[derive(Debug, Clone)]
pub(crate) struct Turns(Arc<Semaphore>);

/// A place. It is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Turns {
    pub(crate) fn new(places: usize) -> Self {
        Turns(Arc::new(Semaphore::new(places)))
    }

    /// Waits without occupying a thread.
    pub(crate) async fn wait(self) -> Turn {
        // It is never closed.
        Turn { _permit: self.0.acquire_owned().await.ok() }
    }

    /// Waits on this thread; no runtime is needed.
    pub(crate) fn wait_blocking(&self) -> Turn {
        struct Unpark(Thread);
        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut waiting = pin!(self.clone().wait());
        loop {
            match waiting.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(turn) => return turn,
                Poll::Pending => thread::park(),
            }
        }
    }
}
