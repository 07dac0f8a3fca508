//! Declares resources of the capability `sudoers`. Written from the engine's resource definitions; its tests say how to write it anew.

use engine_sdk::prelude::*;

use crate::value::{Common, Wanted};

/// Declares one of them.
pub(super) fn declare(ctx: &Context, wanted: &mut Wanted, general: Common) -> Result<()> {
    match wanted.resource.as_str() {
        "sudoers" => {
            let mut builder = ctx.sudoers(wanted.name()?);
            if let Some(value) = wanted.text_list("users")? {
                builder = builder.users(value);
            }
            if let Some(value) = wanted.text_list("groups")? {
                builder = builder.groups(value);
            }
            if let Some(value) = wanted.text_list("commands")? {
                builder = builder.commands(value);
            }
            if let Some(value) = wanted.text("runas")? {
                builder = builder.runas(value);
            }
            if let Some(value) = wanted.boolean("nopasswd")? {
                builder = builder.nopasswd(value);
            }
            common!(builder, general).declare()?;
        }
        other => return Err(wanted.unknown(other)),
    }
    Ok(())
}
