//! How far the instances of a stack have reacted to one another.

use serde::{Deserialize, Serialize};

/// Which configure was the last one, and what has happened since.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigureState {
    /// The generation of the last configure that was begun; 0 if there was none.
    pub generation: u64,
    /// What the instances have not reacted to yet.
    pub pending: Option<PendingConfigure>,
}

/// A configure that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigureBegun {
    /// The generation of its view of who is online: grows with every other view. A node refuses an older one.
    pub generation: u64,
    /// Which configure of the stack it is, counted from 1.
    pub number: u64,
}

/// A configure that is owed: an instance has entered or left the online ones since the last one was begun, or that
/// one did not reach all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingConfigure {
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
    /// What happened last.
    pub why: String,
}
