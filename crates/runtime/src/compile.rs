//! The wasmtime engine: one for the process.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, component::Component,
};

use crate::limits::EvaluationLimits;

/// How often a running recipe looks whether its deadline has passed.
const TICK: Duration = Duration::from_millis(20);

/// Evaluations that run at the same time; more wait. The pool has room for all of them and for the
/// recipes that they include: it is address space, not memory.
pub(crate) const EVALUATIONS: usize = 32;
/// Stack that a recipe may use, in bytes.
pub(crate) const WASM_STACK: usize = 1024 * 1024;
/// Linear memories of one component; with a WASI adapter it is still one.
const MEMORIES: u32 = 2;
/// Core instances, memories and tables of one component; componentize-py makes some fifty.
const PARTS: u32 = 64;

/// An engine set up for cookbooks.
pub(crate) fn engine(limits: &EvaluationLimits) -> wasmtime::Result<Engine> {
    let mut pool = PoolingAllocationConfig::default();
    let components = u32::try_from(EVALUATIONS * (limits.include_depth + 1))?;
    pool.total_component_instances(components)
        .total_core_instances(components * PARTS)
        .total_memories(components * MEMORIES)
        .total_tables(components * PARTS)
        // Nothing here is asynchronous: no fiber stacks, which cost a system call each at the start.
        .total_stacks(0)
        .max_core_instances_per_component(PARTS)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(PARTS)
        .max_component_instance_size(2 * 1024 * 1024)
        .max_core_instance_size(8 * 1024 * 1024)
        .max_memory_size(limits.memory_bytes.next_multiple_of(65_536))
        .table_elements(limits.table_elements);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .memory_reservation(limits.memory_bytes.next_multiple_of(65_536) as u64)
        .memory_guard_size(64 * 1024)
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK)
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false);
    Engine::new(&config)
}

/// Compiles a component. The bytes are untrusted; what comes out is as safe as wasmtime is.
pub(crate) fn compile(engine: &Engine, component: &[u8]) -> wasmtime::Result<Component> {
    Component::from_binary(engine, component)
}

/// Moves an engine's epoch on while it lives, so that a recipe in a loop sees its deadline.
pub(crate) struct Ticker {
    ended: Arc<AtomicBool>,
}

impl Ticker {
    pub(crate) fn start(engine: &Engine) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let (engine, end) = (engine.weak(), Arc::clone(&ended));
        // Without the thread, fuel still ends every loop.
        let _ = thread::Builder::new().name("epoch".to_owned()).spawn(move || {
            while !end.load(Ordering::Relaxed) {
                thread::sleep(TICK);
                match engine.upgrade() {
                    Some(engine) => engine.increment_epoch(),
                    None => break,
                }
            }
        });
        Ticker { ended }
    }
}

impl Ticker {
    /// For who shares an engine whose ticker another holds.
    pub(crate) fn none() -> Self {
        Ticker { ended: Arc::new(AtomicBool::new(true)) }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}
