//! Declares resources of the capability `system`. Written from the engine's resource definitions; its tests say how to write it anew.

use engine_sdk::prelude::*;

use crate::value::{Common, Wanted};

/// Declares one of them.
pub(super) fn declare(ctx: &Context, wanted: &mut Wanted, general: Common) -> Result<()> {
    match wanted.resource.as_str() {
        "hostname" => {
            let builder = ctx.hostname(wanted.name()?);
            common!(builder, general).declare()?;
        }
        "hosts_entry" => {
            let mut builder = ctx.hosts_entry(wanted.name()?);
            if let Some(value) = wanted.text("hostname")? {
                builder = builder.hostname(value);
            }
            if let Some(value) = wanted.text_list("aliases")? {
                builder = builder.aliases(value);
            }
            common!(builder, general).declare()?;
        }
        "timezone" => {
            let builder = ctx.timezone(wanted.name()?);
            common!(builder, general).declare()?;
        }
        "locale" => {
            let mut builder = ctx.locale(wanted.name()?);
            if let Some(value) = wanted.text_map("variables")? {
                builder = builder.variables(value);
            }
            common!(builder, general).declare()?;
        }
        "sysctl" => {
            let mut builder = ctx.sysctl(wanted.name()?);
            if let Some(value) = wanted.text("value")? {
                builder = builder.value(value);
            }
            common!(builder, general).declare()?;
        }
        "kernel_module" => {
            let mut builder = ctx.kernel_module(wanted.name()?);
            if let Some(value) = wanted.text_list("options")? {
                builder = builder.options(value);
            }
            common!(builder, general).declare()?;
        }
        "limits" => {
            let mut builder = ctx.limits(wanted.name()?);
            if let Some(value) = wanted.text_map("soft")? {
                builder = builder.soft(value);
            }
            if let Some(value) = wanted.text_map("hard")? {
                builder = builder.hard(value);
            }
            common!(builder, general).declare()?;
        }
        "reboot" => {
            let mut builder = ctx.reboot(wanted.name()?);
            if let Some(value) = wanted.text("reason")? {
                builder = builder.reason(value);
            }
            if let Some(value) = wanted.boolean("if_needed")? {
                builder = builder.if_needed(value);
            }
            common!(builder, general).declare()?;
        }
        other => return Err(wanted.unknown(other)),
    }
    Ok(())
}
