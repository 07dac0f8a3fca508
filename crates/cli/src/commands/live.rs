//! What the store knows of a stack, for commands that look or put things straight beside a run.

use std::{collections::BTreeMap, path::Path};

use engine_manifest::Manifest;
use engine_model::{InstanceStatus, Name, StatusRecord};
use engine_scheduler::ports::Store as _;
use engine_store::SqliteStore;

use crate::{
    commands::runs::{ask, store},
    errors::Failure,
    paths,
};

/// The statuses, and since when.
pub(crate) type Statuses = BTreeMap<Name, StatusRecord>;

/// The status of each instance that has one. Looking leaves no store behind.
pub(crate) fn statuses(manifest: &Manifest, state: Option<&Path>) -> Result<Statuses, Failure> {
    match store(manifest, state)? {
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
    state: Option<&Path>,
    instance: &Name,
    status: InstanceStatus,
    owes_configure: Option<&str>,
) -> Result<(), Failure> {
    let store = SqliteStore::open(&paths::state_file(state, manifest.path())).map_err(Failure::failed)?;
    ask(store.set_status(&manifest.stack.name, instance, status, owes_configure))
}

/// Forgets an instance that is no more, or that begins anew.
pub(crate) fn forget(
    manifest: &Manifest,
    state: Option<&Path>,
    instance: &Name,
    owes_configure: Option<&str>,
) -> Result<(), Failure> {
    match store(manifest, state)? {
        Some(store) => ask(store.forget(&manifest.stack.name, instance, owes_configure)),
        None => Ok(()),
    }
}
