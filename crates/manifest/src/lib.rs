//! The stack file: `stacks/<name>.toml` in, [`engine_model::Stack`] out.
//!
//! Reading has two steps. The `read` module turns TOML into tables in which every value knows where it
//! stands; the `validate` module checks what they say together and builds the stack. Both go on after a
//! problem, so that an operator sees all of them at once, in the order of the file. Only a file
//! that is not TOML stops before: what a broken file means is a guess.
//!
//! An [`Edit`] changes a file and keeps its comments and its order.
//!
//! Nothing here prints and nothing here opens what the stack file names.

mod edit;
mod find;
mod manifest;
mod read;
mod schema;
mod source;
mod suggest;
mod validate;
mod write;

pub use edit::{Edit, EditError};
pub use find::{FindError, find};
pub use manifest::{LoadError, Manifest, load, load_unfinished, parse};
pub use schema::schema;
pub use source::{Diagnostic, Diagnostics, Severity, Source};
pub use write::{WriteError, create, replace};
