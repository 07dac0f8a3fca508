//! Declares resources of the capability `users`. Written from the engine's resource definitions; its tests say how to write it anew.

use engine_sdk::prelude::*;

use crate::value::{Common, Wanted};

/// Declares one of them.
pub(super) fn declare(ctx: &Context, wanted: &mut Wanted, general: Common) -> Result<()> {
    match wanted.resource.as_str() {
        "user" => {
            let mut builder = ctx.user(wanted.name()?);
            if let Some(value) = wanted.integer("uid")? {
                builder = builder.uid(value);
            }
            if let Some(value) = wanted.text("group")? {
                builder = builder.group(value);
            }
            if let Some(value) = wanted.text_list("groups")? {
                builder = builder.groups(value);
            }
            if let Some(value) = wanted.text("comment")? {
                builder = builder.comment(value);
            }
            if let Some(value) = wanted.text("home")? {
                builder = builder.home(value);
            }
            if let Some(value) = wanted.text("shell")? {
                builder = builder.shell(value);
            }
            if let Some(value) = wanted.text("password")? {
                builder = builder.password(value);
            }
            if let Some(value) = wanted.boolean("manage_home")? {
                builder = builder.manage_home(value);
            }
            if let Some(value) = wanted.boolean("system")? {
                builder = builder.system(value);
            }
            common!(builder, general).declare()?;
        }
        "authorized_keys" => {
            let mut builder = ctx.authorized_keys(wanted.name()?);
            if let Some(value) = wanted.text_list("keys")? {
                builder = builder.keys(value);
            }
            if let Some(value) = wanted.boolean("exclusive")? {
                builder = builder.exclusive(value);
            }
            common!(builder, general).declare()?;
        }
        other => return Err(wanted.unknown(other)),
    }
    Ok(())
}
