//! Secrets on their way: references become values when a collection goes to a node, and values become `[secret NAME]` in
//! what comes back.
//!
//! Between the two the values are in the memory of the [`Vault`] alone, which wipes it. What encodes and encrypts a message
//! to the node has copies for a moment that nobody wipes.

mod heard;
mod scrub;
mod stream;
mod value;
mod vault;

pub(crate) use stream::Stream;
pub use value::SecretValue;
pub(crate) use vault::Vault;
