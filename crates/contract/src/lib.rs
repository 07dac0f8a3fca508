//! The contract between engine and a cookbook.
//!
//! One table of [resource definitions](definition) says which resource types there are, in which
//! capability's interface they stand and which properties they have. From it come the WIT files
//! ([`wit`]), the functions that the runtime links, and the validation in the [`collector`]. What a
//! recipe says in strings and numbers becomes the protocol's typed resources here, once, at the edge.
//!
//! Nothing here knows WebAssembly execution: a cookbook's own native tests use the same collector.

pub mod collector;
pub mod definition;
mod definitions;
mod diagnose;
pub mod error;
pub mod fixtures;
pub mod guards;
mod lower;
pub mod metadata;
pub mod node;
pub mod package;
pub mod reference;
pub mod render;
pub mod secrets;
pub mod template;
pub mod visible;
pub mod wit;

pub use collector::{Collector, Limits};
pub use definition::{PropertyDefinition, TypeDefinition, Value, ValueType};
pub use error::ContractError;
pub use guards::GuardDefinition;
pub use metadata::Metadata;
pub use node::{Bundles, Node, StackView};
pub use package::{Bundle, Package, PackageError};

/// The versions of the WIT package `engine:cookbook` that this build serves, the newest last. What is released is frozen.
pub const WIT_VERSIONS: [&str; 2] = ["0.1.0", WIT_VERSION];

/// The newest version, which new cookbooks are built against.
pub const WIT_VERSION: &str = "0.2.0";
