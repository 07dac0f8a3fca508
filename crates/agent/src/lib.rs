//! The agent: what runs on a node. It says what the node is ([`facts`]), takes typed resources, and
//! checks and applies them one after the other ([`converge`]), each through its domain's provider.
//!
//! It speaks over standard input and output ([`serve`]), listens on no port and leaves nothing
//! running. No shell is ever involved, and a run that changes nothing writes nothing.

pub mod accounts;
pub mod command;
pub mod converge;
pub mod downloads;
pub mod execute;
pub mod facts;
pub mod files;
pub mod generations;
pub mod journal;
pub mod lock;
pub mod network;
pub mod node;
pub mod overlay;
pub mod packages;
pub mod provider;
pub mod releases;
pub mod reporter;
pub mod revert;
pub mod schedules;
pub mod serve;
pub mod services;
pub mod storage;
pub mod system;
