//! What the process says of its memory: nothing.

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// Lets no core dump be written and nobody of the same user look into this process: secrets are in it.
pub(crate) fn keep_memory_private() {
    // What it starts may raise its own again.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), ..getrlimit(Resource::Core) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}
