//! `engine unlock`.

use std::process::ExitCode;

use crate::{commands, errors::Failure, state};

pub(crate) fn unlock(id: &str, stack: &str, state: Option<&str>) -> Result<ExitCode, Failure> {
    let manifest = commands::manifest(stack)?;
    let name = &manifest.stack.name;
    let Some(store) = state::existing(&manifest, state)? else {
        return Err(Failure::usage(format!("nothing is remembered of stack `{name}`, so nobody holds it")));
    };
    if state::ask(store.unlock(name, id))? {
        anstream::println!("stack {name} is free");
        return Ok(ExitCode::SUCCESS);
    }
    Err(match state::ask(store.lock_of(name))? {
        Some(holder) => Failure::failed(format!(
            "stack `{name}` is held under another lock: {} by {} for {}",
            holder.id, holder.owner, holder.operation
        )),
        None => Failure::failed(format!("nobody holds stack `{name}`")),
    })
}
