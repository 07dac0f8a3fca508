//! Evaluates cookbooks in wasmtime and keeps their compiled code.
//!
//! A recipe runs in a store of its own, with fuel, a deadline, memory limits and only the imports
//! that its cookbook was granted. What it declares goes into the contract's collector; nothing it
//! does reaches a node before the whole collection has been validated.

mod built_in;
pub mod cache;
mod compile;
mod evaluate;
mod host;
mod include;
mod library;
pub mod limits;
mod sandbox;
mod turn;
mod visible;

pub use cache::{Cache, CacheEntry, CacheError, EntryState};
pub use evaluate::Runtime;
pub use library::{Cookbook, LibraryError, LoadError};
pub use limits::EvaluationLimits;

/// BLAKE3 of a component, as 64 hexadecimal digits: the name it has in the cache.
pub fn digest(component: &[u8]) -> String {
    blake3::hash(component).to_hex().to_string()
}
