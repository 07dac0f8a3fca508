//! Declares resources of the capability `repositories`. Written from the engine's resource definitions; its tests say how to write it anew.

use engine_sdk::prelude::*;

use crate::value::{Common, Wanted};

/// Declares one of them.
pub(super) fn declare(ctx: &Context, wanted: &mut Wanted, general: Common) -> Result<()> {
    match wanted.resource.as_str() {
        "apt_repository" => {
            let mut builder = ctx.apt_repository(wanted.name()?);
            if let Some(value) = wanted.text("uri")? {
                builder = builder.uri(value);
            }
            if let Some(value) = wanted.text("distribution")? {
                builder = builder.distribution(value);
            }
            if let Some(value) = wanted.text_list("components")? {
                builder = builder.components(value);
            }
            if let Some(value) = wanted.text_list("architectures")? {
                builder = builder.architectures(value);
            }
            if let Some(value) = wanted.text("key")? {
                builder = builder.key(value);
            }
            if let Some(value) = wanted.text("key_source")? {
                builder = builder.key_source(value);
            }
            if let Some(value) = wanted.boolean("trusted")? {
                builder = builder.trusted(value);
            }
            common!(builder, general).declare()?;
        }
        "yum_repository" => {
            let mut builder = ctx.yum_repository(wanted.name()?);
            if let Some(value) = wanted.text("description")? {
                builder = builder.description(value);
            }
            if let Some(value) = wanted.text("baseurl")? {
                builder = builder.baseurl(value);
            }
            if let Some(value) = wanted.text("mirrorlist")? {
                builder = builder.mirrorlist(value);
            }
            if let Some(value) = wanted.text("metalink")? {
                builder = builder.metalink(value);
            }
            if let Some(value) = wanted.text_list("gpgkey")? {
                builder = builder.gpgkey(value);
            }
            if let Some(value) = wanted.text("key_source")? {
                builder = builder.key_source(value);
            }
            if let Some(value) = wanted.boolean("gpgcheck")? {
                builder = builder.gpgcheck(value);
            }
            if let Some(value) = wanted.boolean("enabled")? {
                builder = builder.enabled(value);
            }
            if let Some(value) = wanted.integer("priority")? {
                builder = builder.priority(value);
            }
            common!(builder, general).declare()?;
        }
        other => return Err(wanted.unknown(other)),
    }
    Ok(())
}
