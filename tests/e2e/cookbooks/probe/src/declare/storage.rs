//! Declares resources of the capability `storage`. Written from the engine's resource definitions; its tests say how to write it anew.

use engine_sdk::prelude::*;

use crate::value::{Common, Wanted};

/// Declares one of them.
pub(super) fn declare(ctx: &Context, wanted: &mut Wanted, general: Common) -> Result<()> {
    match wanted.resource.as_str() {
        "swap_file" => {
            let mut builder = ctx.swap_file(wanted.name()?);
            if let Some(value) = wanted.integer("size_mib")? {
                builder = builder.size_mib(value);
            }
            common!(builder, general).declare()?;
        }
        "mount" => {
            let mut builder = ctx.mount(wanted.name()?);
            if let Some(value) = wanted.text("device")? {
                builder = builder.device(value);
            }
            if let Some(value) = wanted.text("filesystem")? {
                builder = builder.filesystem(value);
            }
            if let Some(value) = wanted.text_list("options")? {
                builder = builder.options(value);
            }
            if let Some(value) = wanted.integer("dump")? {
                builder = builder.dump(value);
            }
            if let Some(value) = wanted.integer("pass")? {
                builder = builder.pass(value);
            }
            common!(builder, general).declare()?;
        }
        "volume" => {
            let mut builder = ctx.volume(wanted.name()?);
            if let Some(value) = wanted.text("mount_point")? {
                builder = builder.mount_point(value);
            }
            if let Some(value) = wanted.text("filesystem")? {
                builder = builder.filesystem(value);
            }
            if let Some(value) = wanted.text_list("options")? {
                builder = builder.options(value);
            }
            if let Some(value) = wanted.text("label")? {
                builder = builder.label(value);
            }
            common!(builder, general).declare()?;
        }
        other => return Err(wanted.unknown(other)),
    }
    Ok(())
}
