//! What every store does, and what each does in its own way.
//!
//! With the feature `real-postgres` all is held of PostgreSQL as well; `scripts/setup --tests` installs it.

mod configures;
mod journals;
mod locks;
#[cfg(feature = "real-postgres")]
mod postgres;
mod runs;
mod sqlite;
mod statuses;

use std::{sync::Arc, time::Duration};

use engine_model::{Command, InstanceStatus, Name, NewRun, StackLock};
use engine_scheduler::ports::{Fence, LockRequest, Store};

/// A database that several controllers can open.
trait Database {
    /// As another controller.
    async fn open(&self) -> Arc<dyn Store>;
}

/// Declares that sentences hold of all stores. Each gets a database of its own.
macro_rules! hold_everywhere {
    ($($sentence:ident),+ $(,)?) => {
        mod in_sqlite {
            $(#[tokio::test]
            async fn $sentence() {
                super::$sentence(&crate::sqlite::File::new()).await;
            })+
        }
        #[cfg(feature = "real-postgres")]
        mod in_postgres {
            $(#[tokio::test]
            async fn $sentence() {
                super::$sentence(&engine_test_postgres::Server::start()).await;
            })+
        }
    };
}
pub(crate) use hold_everywhere;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn new_run(stack: &Name, command: Command) -> NewRun {
    NewRun {
        stack: stack.clone(),
        command,
        operator: "ana@desk".into(),
        comment: "why 'not' \\ \u{1f980}".into(),
        follows: None,
    }
}

fn request(stack: &Name, owner: &str, lease: Duration) -> LockRequest {
    LockRequest {
        stack: stack.clone(),
        owner: owner.to_owned(),
        boot_id: "b".to_owned(),
        process: u32::MAX,
        operation: "setup".to_owned(),
        lease,
    }
}

const LONG: Duration = Duration::from_mins(10);

async fn lock(store: &Arc<dyn Store>, stack: &Name) -> StackLock {
    store.lock(request(stack, "ana", LONG)).await.unwrap().unwrap()
}

/// Holds a stack, to write.
async fn hold(store: &Arc<dyn Store>, stack: &Name) -> Fence {
    Fence::from(&lock(store, stack).await)
}

/// Something small that is written, to see whether it can be.
async fn write(store: &Arc<dyn Store>, fence: &Fence) -> bool {
    let web = name("web-1");
    store.set_status(fence, &web, InstanceStatus::Online, None).await.is_ok()
}
