//! What the controller and the agent say to each other: typed [resources](resource), [facts],
//! [outcomes](outcome) and the [messages](message) that carry them in [frames](frame).
//!
//! This crate does no I/O. The controller only ever talks to the agent that it carries itself (the
//! agent is chosen by content hash), so both ends are always built from the same source and the wire
//! format needs no negotiation: it is `postcard`, compact and not self-describing.

pub mod content;
pub mod facts;
pub mod frame;
pub mod grants;
pub mod message;
pub mod outcome;
pub mod resource;
pub mod secret;
mod size;

pub use content::{ContentHash, Piece};
pub use facts::Facts;
pub use grants::Grants;
pub use message::{FromAgent, Mode, ToAgent};
pub use outcome::{Change, Earlier, Outcome, Status};
pub use resource::{Action, Collection, Resource, ResourceId, Spec};
pub use size::shown_size;
