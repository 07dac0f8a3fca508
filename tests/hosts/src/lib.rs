//! Real hosts for tests: N machines with an init system, sshd and a package manager on this one,
//! which can be cut off, frozen, killed and reset.
//!
//! Each host is a systemd-nspawn container that boots Debian from an overlay over a base root,
//! which all hosts of its kind ([`Guest`]) share. The hosts sit on a bridge of their own,
//! `10.77.<subnet>.0/24`, that leads nowhere but to this machine; packages come through a private
//! cache from the archives this machine itself uses. Every host also carries small packages of its
//! own: [`probes`]. A host may have loop devices of its own, to put file systems and swap on
//! ([`Options::devices`]). Needs root on a Debian machine.
//!
//! ```no_run
//! use engine_test_hosts::{Fleet, Guest, Options};
//!
//! # fn main() -> Result<(), engine_test_hosts::Error> {
//! let mut options = Options::new("example", 2); // app-1 and app-2
//! options.guests.insert("app-2".into(), Guest::Sysvinit);
//! options.tied = true;
//! let fleet = Fleet::up(&options)?;
//! let host = fleet.host("app-1")?;
//! host.cut()?;
//! assert_eq!(host.check_exec(["hostname"])?, "app-1\n");
//! host.heal()?;
//! fleet.down()
//! # }
//! ```

mod access;
mod base;
mod cgroup;
mod command;
mod devices;
mod error;
mod fault;
mod fleet;
mod guest;
mod machine;
mod network;
mod packages;
pub mod probes;
mod ssh;
mod state;
mod teardown;
mod web;

pub use base::ensure_base;
pub use error::{Error, Result};
pub use fleet::{Fleet, Options, default_dir};
pub use guest::Guest;
pub use machine::{Host, Power};
pub use teardown::leftovers;
pub use web::Web;
