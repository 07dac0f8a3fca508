//! Declares resources of the capability `execute`. Written from the engine's resource definitions; its tests say how to write it anew.

use engine_sdk::prelude::*;

use crate::value::{Common, Wanted};

/// Declares one of them.
pub(super) fn declare(ctx: &Context, wanted: &mut Wanted, general: Common) -> Result<()> {
    match wanted.resource.as_str() {
        "execute" => {
            let mut builder = ctx.execute(wanted.names()?);
            if let Some(value) = wanted.text("creates")? {
                builder = builder.creates(value);
            }
            if let Some(value) = wanted.text("cwd")? {
                builder = builder.cwd(value);
            }
            if let Some(value) = wanted.text_map("environment")? {
                builder = builder.environment(value);
            }
            if let Some(value) = wanted.text("user")? {
                builder = builder.user(value);
            }
            if let Some(value) = wanted.text("group")? {
                builder = builder.group(value);
            }
            if let Some(value) = wanted.integer_list("returns")? {
                builder = builder.returns(value);
            }
            if let Some(value) = wanted.boolean("live_stream")? {
                builder = builder.live_stream(value);
            }
            common!(builder, general).declare()?;
        }
        "script" => {
            let mut builder = ctx.script(wanted.name()?);
            if let Some(value) = wanted.text_list("interpreter")? {
                builder = builder.interpreter(value);
            }
            if let Some(value) = wanted.text("code")? {
                builder = builder.code(value);
            }
            if let Some(value) = wanted.text("source")? {
                builder = builder.source(value);
            }
            if let Some(value) = wanted.text("creates")? {
                builder = builder.creates(value);
            }
            if let Some(value) = wanted.text("cwd")? {
                builder = builder.cwd(value);
            }
            if let Some(value) = wanted.text_map("environment")? {
                builder = builder.environment(value);
            }
            if let Some(value) = wanted.text("user")? {
                builder = builder.user(value);
            }
            if let Some(value) = wanted.text("group")? {
                builder = builder.group(value);
            }
            if let Some(value) = wanted.integer_list("returns")? {
                builder = builder.returns(value);
            }
            if let Some(value) = wanted.boolean("live_stream")? {
                builder = builder.live_stream(value);
            }
            common!(builder, general).declare()?;
        }
        other => return Err(wanted.unknown(other)),
    }
    Ok(())
}
