//! Declares resources of the capability `groups`. Written from the engine's resource definitions; its tests say how to write it anew.

use engine_sdk::prelude::*;

use crate::value::{Common, Wanted};

/// Declares one of them.
pub(super) fn declare(ctx: &Context, wanted: &mut Wanted, general: Common) -> Result<()> {
    match wanted.resource.as_str() {
        "group" => {
            let mut builder = ctx.group(wanted.name()?);
            if let Some(value) = wanted.integer("gid")? {
                builder = builder.gid(value);
            }
            if let Some(value) = wanted.text_list("members")? {
                builder = builder.members(value);
            }
            if let Some(value) = wanted.text_list("excluded_members")? {
                builder = builder.excluded_members(value);
            }
            if let Some(value) = wanted.boolean("system")? {
                builder = builder.system(value);
            }
            common!(builder, general).declare()?;
        }
        other => return Err(wanted.unknown(other)),
    }
    Ok(())
}
