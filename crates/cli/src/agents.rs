//! The agents that this binary carries.

use engine_transport::AgentBinary;

/// Architecture, SHA-256 and binary, put here by the build script.
const CARRIED: &[(&str, &str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/agents.rs"));

/// Every agent that is carried.
pub(crate) fn carried() -> Vec<AgentBinary> {
    CARRIED
        .iter()
        .map(|&(architecture, sha256, bytes)| {
            AgentBinary::with_sha256(architecture, sha256.to_owned(), bytes)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digests_are_those_of_the_binaries() {
        for (agent, (architecture, _, bytes)) in carried().iter().zip(CARRIED) {
            assert_eq!(agent.sha256(), AgentBinary::new(architecture, *bytes).sha256());
        }
        assert!(!CARRIED.is_empty());
    }

    /// Whatever profile the command has: the agent is built with its own.
    #[test]
    fn an_agent_is_no_larger_than_4_mib() {
        for (architecture, _, bytes) in CARRIED {
            let size = bytes.len();
            assert!(size <= 4 * 1024 * 1024, "the agent for {architecture} has {size} bytes");
        }
    }
}
