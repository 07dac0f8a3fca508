//! What a component finds when it imports WASI: the interfaces, with nothing behind them.
//!
//! Languages with a large runtime import WASI whether they use it or not. Standing still clocks,
//! constant "random" bytes, no files, no environment, no sockets: evaluation stays deterministic.

use std::time::Duration;

use wasmtime::{ResourceLimiter, bail};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder, random::Deterministic};

struct Standstill;

impl HostWallClock for Standstill {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for Standstill {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        0
    }
}

/// A WASI that gives nothing and always the same.
pub(crate) fn nothing() -> WasiCtx {
    WasiCtxBuilder::new()
        .secure_random(Deterministic::new(vec![0]))
        .insecure_random(Deterministic::new(vec![0]))
        .insecure_random_seed(0)
        .wall_clock(Standstill)
        .monotonic_clock(Standstill)
        .allow_ip_name_lookup(false)
        .allow_tcp(false)
        .allow_udp(false)
        .build()
}

/// Counts what a store allocates, and ends the recipe that goes beyond.
#[derive(Debug)]
pub(crate) struct MemoryLimit {
    pub(crate) memory_bytes: usize,
    pub(crate) table_elements: usize,
    used: usize,
}

impl MemoryLimit {
    pub(crate) fn new(memory_bytes: usize, table_elements: usize) -> Self {
        MemoryLimit { memory_bytes, table_elements, used: 0 }
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            // It will not grow, so it does not count.
            return Ok(false);
        }
        self.used = self.used.saturating_add(desired.saturating_sub(current));
        if self.used > self.memory_bytes {
            bail!("it needs more than {} MiB of memory", self.memory_bytes / 1024 / 1024);
        }
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > self.table_elements {
            bail!("it needs a table of more than {} elements", self.table_elements);
        }
        Ok(true)
    }
}
