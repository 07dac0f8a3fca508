//! Declares resources of the capability `packages`. Written from the engine's resource definitions; its tests say how to write it anew.

use engine_sdk::prelude::*;

use crate::value::{Common, Wanted};

/// Declares one of them.
pub(super) fn declare(ctx: &Context, wanted: &mut Wanted, general: Common) -> Result<()> {
    match wanted.resource.as_str() {
        "package" => {
            let mut builder = ctx.package(wanted.names()?);
            if let Some(value) = wanted.text("version")? {
                builder = builder.version(value);
            }
            if let Some(value) = wanted.text("source")? {
                builder = builder.source(value);
            }
            common!(builder, general).declare()?;
        }
        "package_update" => {
            let mut builder = ctx.package_update();
            if let Some(value) = wanted.boolean("security_only")? {
                builder = builder.security_only(value);
            }
            common!(builder, general).declare()?;
        }
        other => return Err(wanted.unknown(other)),
    }
    Ok(())
}
