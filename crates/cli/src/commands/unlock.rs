//! `engine unlock`.

use std::{path::Path, process::ExitCode};

use engine_scheduler::ports::Store as _;

use crate::{
    commands::{self, runs},
    errors::Failure,
};

pub(crate) fn unlock(id: &str, stack: &str, state: Option<&Path>) -> Result<ExitCode, Failure> {
    let manifest = commands::manifest(stack)?;
    let name = &manifest.stack.name;
    let Some(store) = runs::store(&manifest, state)? else {
        return Err(Failure::usage(format!("nothing is remembered of stack `{name}`, so nobody holds it")));
    };
    if runs::ask(store.unlock(name, id))? {
        anstream::println!("stack {name} is free");
        return Ok(ExitCode::SUCCESS);
    }
    Err(match runs::ask(store.lock_of(name))? {
        Some(holder) => Failure::failed(format!(
            "stack `{name}` is held under another lock: {} by {} for {}",
            holder.id, holder.owner, holder.operation
        )),
        None => Failure::failed(format!("nobody holds stack `{name}`")),
    })
}
