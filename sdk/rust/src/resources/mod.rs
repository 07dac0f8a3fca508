//! Builders of all resource types. Written from the engine's resource definitions; its tests say how to write them
//! anew.

mod downloads;
mod execute;
mod files;
mod groups;
mod network;
mod packages;
mod repositories;
mod schedules;
mod services;
mod storage;
mod sudoers;
mod system;
mod units;
mod users;

pub use downloads::*;
pub use execute::*;
pub use files::*;
pub use groups::*;
pub use network::*;
pub use packages::*;
pub use repositories::*;
pub use schedules::*;
pub use services::*;
pub use storage::*;
pub use sudoers::*;
pub use system::*;
pub use units::*;
pub use users::*;

/// The tables as data: type, capability, identity, properties.
#[cfg(all(test, not(target_arch = "wasm32")))]
pub(crate) fn tables() -> Vec<crate::builder::TypeTable> {
    [downloads::TABLE, execute::TABLE, files::TABLE, groups::TABLE, network::TABLE, packages::TABLE, repositories::TABLE, schedules::TABLE, services::TABLE, storage::TABLE, sudoers::TABLE, system::TABLE, units::TABLE, users::TABLE].concat()
}
