//! Sessions on nodes: SSH without an ssh program, or this machine; and the agent started there.
//!
//! [`Ssh::connect`] reads ssh_config and known_hosts as OpenSSH does (see the modules for what is left out), connects
//! through jump hosts, checks host keys and logs in. [`Connection::start_agent`] uploads the agent where it is missing
//! and starts it, after having checked its SHA-256 on the node. [`Local::start_agent`] does the same without SSH.
//!
//! No host key is ever accepted unseen: it is known, or signed by a known authority, or new and recorded on request.

#![allow(clippy::result_large_err, reason = "errors are rare and final here, and say much")]

mod agent_start;
mod authenticate;
mod config;
mod connect;
mod connector;
mod destination;
mod host_keys;
mod known_hosts;
mod local;
mod pattern;
mod secret;
mod session;
mod ssh_config;
mod stream;

pub use agent_start::{AgentBinary, StartError};
pub use authenticate::{Attempt, AuthenticateError, TriedKey};
pub use connect::{ConnectError, ConnectErrorKind, Ssh};
pub use connector::{Connector, ConnectorSettings};
pub use destination::{Destination, HostKeyPolicy, PassphrasePrompt, SshOptions, Sudo};
pub use host_keys::HostKeyError;
pub use local::Local;
pub use secret::Secret;
pub use session::{Connection, ExecError, ExecOutput};
pub use ssh_config::ConfigError;
pub use stream::{AgentStream, ConnectionLost, Exit};
