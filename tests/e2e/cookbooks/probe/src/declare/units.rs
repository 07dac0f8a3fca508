//! Declares resources of the capability `units`. Written from the engine's resource definitions; its tests say how to write it anew.

use engine_sdk::prelude::*;

use crate::value::{Common, Wanted};

/// Declares one of them.
pub(super) fn declare(ctx: &Context, wanted: &mut Wanted, general: Common) -> Result<()> {
    match wanted.resource.as_str() {
        "systemd_unit" => {
            let mut builder = ctx.systemd_unit(wanted.name()?);
            if let Some(value) = wanted.text("content")? {
                builder = builder.content(value);
            }
            if let Some(value) = wanted.boolean("verify")? {
                builder = builder.verify(value);
            }
            common!(builder, general).declare()?;
        }
        other => return Err(wanted.unknown(other)),
    }
    Ok(())
}
