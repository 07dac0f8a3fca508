//! The agents that this binary carries.

use engine_transport::AgentBinary;

/// Architecture and binary, put here by the build script.
const CARRIED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/agents.rs"));

/// Every agent that is carried.
pub(crate) fn carried() -> Vec<AgentBinary> {
    CARRIED.iter().map(|(architecture, bytes)| AgentBinary::new(architecture, *bytes)).collect()
}
