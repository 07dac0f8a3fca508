//! Declares resources of the capability `downloads`. Written from the engine's resource definitions; its tests say how to write it anew.

use engine_sdk::prelude::*;

use crate::value::{Common, Wanted};

/// Declares one of them.
pub(super) fn declare(ctx: &Context, wanted: &mut Wanted, general: Common) -> Result<()> {
    match wanted.resource.as_str() {
        "remote_file" => {
            let mut builder = ctx.remote_file(wanted.name()?);
            if let Some(value) = wanted.text("source")? {
                builder = builder.source(value);
            }
            if let Some(value) = wanted.text("checksum")? {
                builder = builder.checksum(value);
            }
            if let Some(value) = wanted.text_map("headers")? {
                builder = builder.headers(value);
            }
            if let Some(value) = wanted.text("owner")? {
                builder = builder.owner(value);
            }
            if let Some(value) = wanted.text("group")? {
                builder = builder.group(value);
            }
            if let Some(value) = wanted.text("mode")? {
                builder = builder.mode(value);
            }
            if let Some(value) = wanted.text("verify")? {
                builder = builder.verify(value);
            }
            if let Some(value) = wanted.text_list("verify_command")? {
                builder = builder.verify_command(value);
            }
            if let Some(value) = wanted.integer("backup")? {
                builder = builder.backup(value);
            }
            common!(builder, general).declare()?;
        }
        "git" => {
            let mut builder = ctx.git(wanted.name()?);
            if let Some(value) = wanted.text("repository")? {
                builder = builder.repository(value);
            }
            if let Some(value) = wanted.text("revision")? {
                builder = builder.revision(value);
            }
            if let Some(value) = wanted.integer("depth")? {
                builder = builder.depth(value);
            }
            if let Some(value) = wanted.boolean("enable_submodules")? {
                builder = builder.enable_submodules(value);
            }
            if let Some(value) = wanted.text("user")? {
                builder = builder.user(value);
            }
            common!(builder, general).declare()?;
        }
        other => return Err(wanted.unknown(other)),
    }
    Ok(())
}
