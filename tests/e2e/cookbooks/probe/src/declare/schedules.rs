//! Declares resources of the capability `schedules`. Written from the engine's resource definitions; its tests say how to write it anew.

use engine_sdk::prelude::*;

use crate::value::{Common, Wanted};

/// Declares one of them.
pub(super) fn declare(ctx: &Context, wanted: &mut Wanted, general: Common) -> Result<()> {
    match wanted.resource.as_str() {
        "cron" => {
            let mut builder = ctx.cron(wanted.name()?);
            if let Some(value) = wanted.text("minute")? {
                builder = builder.minute(value);
            }
            if let Some(value) = wanted.text("hour")? {
                builder = builder.hour(value);
            }
            if let Some(value) = wanted.text("day")? {
                builder = builder.day(value);
            }
            if let Some(value) = wanted.text("month")? {
                builder = builder.month(value);
            }
            if let Some(value) = wanted.text("weekday")? {
                builder = builder.weekday(value);
            }
            if let Some(value) = wanted.text("time")? {
                builder = builder.time(value);
            }
            if let Some(value) = wanted.text_list("command")? {
                builder = builder.command(value);
            }
            if let Some(value) = wanted.text("user")? {
                builder = builder.user(value);
            }
            if let Some(value) = wanted.text_map("environment")? {
                builder = builder.environment(value);
            }
            if let Some(value) = wanted.text("mailto")? {
                builder = builder.mailto(value);
            }
            common!(builder, general).declare()?;
        }
        "timer" => {
            let mut builder = ctx.timer(wanted.name()?);
            if let Some(value) = wanted.text("on_calendar")? {
                builder = builder.on_calendar(value);
            }
            if let Some(value) = wanted.integer("on_boot_seconds")? {
                builder = builder.on_boot_seconds(value);
            }
            if let Some(value) = wanted.integer("interval_seconds")? {
                builder = builder.interval_seconds(value);
            }
            if let Some(value) = wanted.integer("randomized_delay_seconds")? {
                builder = builder.randomized_delay_seconds(value);
            }
            if let Some(value) = wanted.boolean("persistent")? {
                builder = builder.persistent(value);
            }
            if let Some(value) = wanted.text_list("command")? {
                builder = builder.command(value);
            }
            if let Some(value) = wanted.text_map("environment")? {
                builder = builder.environment(value);
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
