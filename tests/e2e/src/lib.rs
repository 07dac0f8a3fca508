//! Drives the `engine` command against real hosts: what the end-to-end tests share.

mod command;
pub mod conformance;
mod site;

pub use command::{Engine, Run, Running};
pub use site::{PROBE_GRANTS, Site, eventually, repository, switch_on};
