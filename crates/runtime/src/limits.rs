//! How much a recipe may use.

use std::time::Duration;

/// Limits of one evaluation. A Python guest fits in the defaults.
#[derive(Debug, Clone, Copy)]
pub struct EvaluationLimits {
    /// Wasmtime's fuel, about one unit an instruction, for each recipe.
    pub fuel: u64,
    /// Wall time for each recipe, waiting at checkpoints not included.
    pub deadline: Duration,
    /// Linear memory in bytes, all memories of a component together.
    pub memory_bytes: usize,
    /// Elements of each table.
    pub table_elements: usize,
    /// Resources that the recipes of an event may declare.
    pub resources: usize,
    /// Bytes that they may declare, rendered templates included.
    pub payload_bytes: usize,
    /// How deep recipes may include one another.
    pub include_depth: usize,
    /// Messages that a recipe may log.
    pub log_messages: usize,
}

impl Default for EvaluationLimits {
    fn default() -> Self {
        let collector = engine_contract::Limits::default();
        EvaluationLimits {
            fuel: 5_000_000_000,
            deadline: Duration::from_secs(10),
            memory_bytes: 256 * 1024 * 1024,
            table_elements: 40_000,
            resources: collector.resources,
            payload_bytes: collector.payload_bytes,
            include_depth: 16,
            log_messages: 10_000,
        }
    }
}

impl EvaluationLimits {
    /// The part that the collector holds.
    pub fn collector(&self) -> engine_contract::Limits {
        engine_contract::Limits { resources: self.resources, payload_bytes: self.payload_bytes }
    }
}
