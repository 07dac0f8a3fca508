//! System V init scripts, `/etc/init.d/NAME`.

pub mod links;

use crate::{
    files::{managed, state},
    provider::{Context, Error},
};

/// Path of a service's script.
pub fn script(name: &str) -> String {
    format!("/etc/init.d/{name}")
}

/// Whether there is a script, as earlier resources would leave it.
pub fn has_script(name: &str, context: &mut Context<'_>) -> Result<bool, Error> {
    let found = managed::look(context, &script(name))?;
    Ok(matches!(found, state::State::File { .. } | state::State::Link(_)))
}
