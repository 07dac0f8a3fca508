//! Declares resources of the capability `network`. Written from the engine's resource definitions; its tests say how to write it anew.

use engine_sdk::prelude::*;

use crate::value::{Common, Wanted};

/// Declares one of them.
pub(super) fn declare(ctx: &Context, wanted: &mut Wanted, general: Common) -> Result<()> {
    match wanted.resource.as_str() {
        "wait_for" => {
            let mut builder = ctx.wait_for(wanted.name()?);
            if let Some(value) = wanted.text("address")? {
                builder = builder.address(value);
            }
            if let Some(value) = wanted.text("url")? {
                builder = builder.url(value);
            }
            if let Some(value) = wanted.integer_list("statuses")? {
                builder = builder.statuses(value);
            }
            if let Some(value) = wanted.text("path")? {
                builder = builder.path(value);
            }
            if let Some(value) = wanted.boolean("absent")? {
                builder = builder.absent(value);
            }
            common!(builder, general).declare()?;
        }
        other => return Err(wanted.unknown(other)),
    }
    Ok(())
}
