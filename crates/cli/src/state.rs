//! Where the live state of a stack is, and how commands ask it.

use std::sync::{Arc, OnceLock};

use engine_manifest::Manifest;
use engine_model::StatePlace;
use engine_scheduler::ports::{Store, StoreFailure};
use engine_store::{Location, StoreError};
use tokio::runtime::{Builder, Runtime};

use crate::{errors::Failure, paths};

/// Where the state is: where the operator says, else where the stack file says, else in a file next to the stacks.
pub(crate) fn location(manifest: &Manifest, given: Option<&str>) -> Result<Location, Failure> {
    let parsed = match (given, &manifest.stack.state) {
        (Some(given), _) => given.parse(),
        (None, Some(StatePlace::Url(url))) => url.parse(),
        (None, Some(StatePlace::File(file))) => Ok(Location::File(file.clone())),
        (None, None) => Ok(Location::File(paths::state_file(manifest.path()))),
    };
    parsed.map_err(Failure::usage)
}

/// Opens the state, making it if it is not there.
pub(crate) fn store(manifest: &Manifest, given: Option<&str>) -> Result<Arc<dyn Store>, Failure> {
    let location = location(manifest, given)?;
    runtime()?.block_on(engine_store::open(&location)).map_err(|error| failure(&error))
}

/// Opens the state, if anything was ever remembered in it. Who only looks leaves nothing behind.
pub(crate) fn existing(manifest: &Manifest, given: Option<&str>) -> Result<Option<Arc<dyn Store>>, Failure> {
    let location = location(manifest, given)?;
    runtime()?.block_on(engine_store::open_existing(&location)).map_err(|error| failure(&error))
}

/// Waits for what the state answers.
pub(crate) fn ask<T>(answer: impl Future<Output = Result<T, StoreFailure>>) -> Result<T, Failure> {
    wait_for(answer)?.map_err(Failure::failed)
}

/// Waits for something that has to do with the state.
pub(crate) fn wait_for<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    Ok(runtime()?.block_on(work))
}

/// Why the state cannot be used, and what to do.
pub(crate) fn failure(error: &StoreError) -> Failure {
    let failure = Failure::failed(error);
    match error {
        StoreError::Postgres { message, .. } if message.contains("password missing") => failure.hint(
            "write the password into ~/.pgpass (`HOST:PORT:DATABASE:USER:PASSWORD`), or set PGPASSWORD",
        ),
        _ => failure,
    }
}

/// One for all questions of a command: with it lives the connection to a database.
fn runtime() -> Result<&'static Runtime, Failure> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("the asynchronous runtime: {error}")))?;
    Ok(RUNTIME.get_or_init(|| runtime))
}
