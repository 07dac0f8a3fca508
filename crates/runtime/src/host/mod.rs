//! The host's side of the contract: what a component may import.
//!
//! Capability interfaces are linked from the table of definitions, and only those granted.

mod capabilities;
mod common;
mod context;
mod facts;
mod values;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine_contract::WIT_VERSION;
use engine_protocol::resource::Origin;
use wasmtime::{
    Engine, StoreContextMut,
    component::{
        Linker, ResourceTable,
        types::{ComponentFunc, Type},
    },
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::{evaluate::Evaluation, sandbox::MemoryLimit};

pub(crate) use values::WitError;

/// Interfaces that need no grant.
const ALWAYS: [&str; 7] = ["types", "common", "facts", "attributes", "stack", "log", "evaluation"];

/// What a store carries: who runs, and the evaluation that all stores of an event share.
pub(crate) struct State {
    pub(crate) evaluation: Arc<Mutex<Evaluation>>,
    pub(crate) origin: Origin,
    pub(crate) memory: MemoryLimit,
    wasi: WasiCtx,
    table: ResourceTable,
}

impl State {
    pub(crate) fn new(evaluation: Arc<Mutex<Evaluation>>, origin: Origin, memory: MemoryLimit) -> Self {
        State { evaluation, origin, memory, wasi: crate::sandbox::nothing(), table: ResourceTable::new() }
    }

    /// A poisoned lock means that a host function panicked; the panic is already on its way up.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Evaluation> {
        self.evaluation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// The store as a host function sees it.
pub(crate) type Caller<'a> = StoreContextMut<'a, State>;

/// The full name of an interface of the contract.
pub(crate) fn interface(name: &str) -> String {
    format!("engine:cookbook/{name}@{WIT_VERSION}")
}

/// Whether engine has an implementation of an import, granted or not.
pub(crate) fn is_offered(import: &str) -> bool {
    import.starts_with("wasi:cli/")
        || ["wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/", "wasi:sockets/"]
            .iter()
            .any(|package| import.starts_with(package))
        || ALWAYS.iter().any(|name| interface(name) == import)
        || engine_contract::definition::capabilities().iter().any(|name| interface(name) == import)
}

/// Whether a function has the type of the contract's `recipes.run`.
pub(crate) fn is_run(function: &ComponentFunc) -> bool {
    let takes_text = function.params().map(|(_, parameter)| parameter).eq([Type::String]);
    let mut results = function.results();
    let (Some(Type::Result(result)), None) = (results.next(), results.next()) else { return false };
    let Some(Type::Record(error)) = result.err() else { return false };
    let names = ["code", "resource", "property", "message"];
    takes_text
        && result.ok().is_none()
        && error.fields().map(|field| (field.name, field.ty)).eq(names.map(|name| (name, Type::String)))
}

/// A linker with the interfaces that need no grant, the capabilities given and, where a component
/// asks for it, an empty WASI.
pub(crate) fn linker(
    engine: &Engine,
    granted: &[&'static str],
    wasi: bool,
) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    linker.instance(&interface("types"))?;
    common::add(&mut linker.instance(&interface("common"))?)?;
    facts::add(&mut linker.instance(&interface("facts"))?)?;
    context::add(&mut linker)?;
    for capability in granted {
        capabilities::add(&mut linker.instance(&interface(capability))?, capability)?;
    }
    if wasi {
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
        never_wait(&mut linker)?;
    }
    Ok(linker)
}

/// The clock stands still, so there is nothing to wait for: every time has come. A guest that could
/// sleep in the host would never look at its deadline.
fn never_wait(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    use wasmtime_wasi::{clocks::WasiClocksView as _, p2::bindings::clocks::monotonic_clock::Host as _};
    linker.allow_shadowing(true);
    let mut clock = linker.instance("wasi:clocks/monotonic-clock@0.2.12")?;
    for name in ["subscribe-duration", "subscribe-instant"] {
        clock.func_wrap(name, |mut caller: Caller<'_>, (_,): (u64,)| {
            Ok((caller.data_mut().clocks().subscribe_duration(0)?,))
        })?;
    }
    linker.allow_shadowing(false);
    Ok(())
}
