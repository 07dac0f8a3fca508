//! What the store knows of a stack, for commands that look or put things straight beside a run.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use engine_manifest::Manifest;
use engine_model::{InstanceStatus, Name, StatusRecord};
use engine_scheduler::{
    RunEvent,
    execute::Sink,
    lock,
    ports::{Fence, Store, StoreFailure},
};

use crate::{
    arguments::RunOptions,
    commands::execution,
    errors::{self, Failure},
    state::{self, ask, existing},
};

/// The statuses, and since when.
pub(crate) type Statuses = BTreeMap<Name, StatusRecord>;

/// The status of each instance that has one. Looking leaves no store behind.
pub(crate) fn statuses(manifest: &Manifest, state: Option<&str>) -> Result<Statuses, Failure> {
    match existing(manifest, state)? {
        Some(store) => ask(store.status_records(&manifest.stack.name)),
        None => Ok(BTreeMap::new()),
    }
}

/// The status of an instance; `pending` if it never had one.
pub(crate) fn status(statuses: &Statuses, instance: &Name) -> InstanceStatus {
    statuses.get(instance).map(|record| record.status).unwrap_or_default()
}

/// Says where an instance stands that was put into the stack file or taken out of its layers.
pub(crate) fn set_status(
    manifest: &Manifest,
    options: &RunOptions,
    instance: &Name,
    status: InstanceStatus,
    owes_configure: Option<&str>,
) -> Result<(), Failure> {
    let store = state::store(manifest, options.state.given())?;
    holding(manifest, options, &store, async |fence| {
        store.set_status(fence, instance, status, owes_configure).await
    })
}

/// Forgets an instance that is no more, or that begins anew.
pub(crate) fn forget(
    manifest: &Manifest,
    options: &RunOptions,
    instance: &Name,
    owes_configure: Option<&str>,
) -> Result<(), Failure> {
    match existing(manifest, options.state.given())? {
        Some(store) => holding(manifest, options, &store, async |fence| {
            store.forget(fence, instance, owes_configure).await
        }),
        None => Ok(()),
    }
}

/// Writes something while no run holds the stack.
fn holding(
    manifest: &Manifest,
    options: &RunOptions,
    store: &Arc<dyn Store>,
    work: impl AsyncFnOnce(&Fence) -> Result<(), StoreFailure>,
) -> Result<(), Failure> {
    let request = lock::request(&manifest.stack.name, &execution::operator(), "instance");
    let patience = Duration::from_secs(options.lock_wait);
    let sink: Sink = Arc::new(|event| {
        if let RunEvent::WaitingForStack { holder } = event {
            let text = format!("waits for {}, who holds stack {}", holder.owner, holder.stack);
            errors::hint(&text);
        }
    });
    state::wait_for(lock::under(store, request, patience, &sink, work))?.map_err(execution::not_held)
}
