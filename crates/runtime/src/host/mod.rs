//! The host's side of the contract: what a component may import.
//!
//! Capability interfaces are linked from the table of definitions, and only those granted.

mod capabilities;
mod common;
mod context;
mod facts;
mod values;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

/// The version of the contract that came before custom resources.
const WITHOUT_CUSTOM_RESOURCES: &str = "0.1.0";

/// The contract in one of its versions: what a component of that version can import. The functions behind are the same
/// for all versions; the older one is the newer without what was added since.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contract<'a> {
    /// The version that the component is built against.
    pub(crate) version: &'a str,
}

impl Contract<'_> {
    /// The full name of an interface.
    pub(crate) fn interface(self, name: &str) -> String {
        format!("engine:cookbook/{name}@{}", self.version)
    }

    /// Whether a cookbook can use custom resources.
    fn has_custom_resources(self) -> bool {
        self.version != WITHOUT_CUSTOM_RESOURCES
    }

    /// Whether engine has an implementation of an import, granted or not.
    pub(crate) fn is_offered(self, import: &str) -> bool {
        import.starts_with("wasi:cli/")
            || ["wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/", "wasi:sockets/"]
                .iter()
                .any(|package| import.starts_with(package))
            || ALWAYS.iter().any(|name| self.interface(name) == import)
            || engine_contract::definition::capabilities().iter().any(|name| self.interface(name) == import)
    }

    /// A linker with the interfaces that need no grant, the capabilities given and, where a component
    /// asks for it, an empty WASI.
    pub(crate) fn linker(
        self,
        engine: &Engine,
        granted: &[&'static str],
        wasi: bool,
    ) -> wasmtime::Result<Linker<State>> {
        let mut linker = Linker::new(engine);
        linker.instance(&self.interface("types"))?;
        common::add(&mut linker.instance(&self.interface("common"))?)?;
        facts::add(&mut linker.instance(&self.interface("facts"))?)?;
        context::add(&mut linker, self)?;
        for capability in granted {
            capabilities::add(&mut linker.instance(&self.interface(capability))?, capability)?;
        }
        if wasi {
            wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
            never_wait(&mut linker)?;
        }
        Ok(linker)
    }
}

/// Whether a function has the type of the contract's `recipes.run`.
pub(crate) fn is_run(function: &ComponentFunc) -> bool {
    is_fallible(function, 1, |ok| ok.is_none())
}

/// Whether a function has the type of the contract's `custom-resources.declare`.
pub(crate) fn is_declare(function: &ComponentFunc) -> bool {
    is_fallible(function, 2, |ok| ok == Some(Type::String))
}

/// Whether a function takes so many texts and returns such a result, or the contract's `error`.
fn is_fallible(function: &ComponentFunc, texts: usize, ok: impl Fn(Option<Type>) -> bool) -> bool {
    let takes_texts = function.params().map(|(_, parameter)| parameter).eq(vec![Type::String; texts]);
    let mut results = function.results();
    let (Some(Type::Result(result)), None) = (results.next(), results.next()) else { return false };
    let Some(Type::Record(error)) = result.err() else { return false };
    let names = ["code", "resource", "property", "message"];
    takes_texts
        && ok(result.ok())
        && error.fields().map(|field| (field.name, field.ty)).eq(names.map(|name| (name, Type::String)))
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
