//! Declares what a test says: one cookbook for all end-to-end tests of resources.
//!
//! The attribute `probe.resources` is a JSON array of objects: `resource` and `name` (or `names`), properties by their
//! names, and what all resources have: `action`, `notifies`, `subscribes`, `only_if`, `not_if`, `retries` and so on.

use engine_sdk::prelude::*;

#[macro_use]
mod value;
#[rustfmt::skip] // Written from the definitions.
mod declare;
mod facts;

engine_sdk::cookbook! { recipes: [default, facts_file] }

/// Declares the resources in the attribute `probe.resources`.
#[recipe]
fn default(ctx: &mut Context) -> Result<()> {
    let text: String = ctx.require("probe.resources")?;
    for wanted in value::parse(&text)? {
        if wanted.resource == "checkpoint" {
            ctx.checkpoint()?;
        } else {
            declare::declare(ctx, wanted)?;
        }
    }
    Ok(())
}

/// Writes all facts to a file.
#[recipe]
fn facts_file(ctx: &mut Context) -> Result<()> {
    facts::write(ctx)
}
