//! The lock of a stack: one operation at a time changes what belongs together.

use serde::{Deserialize, Serialize};

use crate::name::Name;

/// Who holds a stack, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackLock {
    /// The stack.
    pub stack: Name,
    /// Identifies this holding; who breaks it has to name it.
    pub id: String,
    /// Who: a user on a machine, and the process there.
    pub owner: String,
    /// The boot of the owner's machine, so that who is on the same one can look whether the process is gone.
    pub boot_id: String,
    /// The owner's process there.
    pub process: u32,
    /// For what, such as `setup`.
    pub operation: String,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
    /// Until when it holds unless it is renewed, in milliseconds since 1970. After that anybody may take it.
    pub until_ms: u64,
    /// Grows with each holding: of two who think that they hold the stack, the one with the smaller token is wrong.
    pub token: u64,
}
