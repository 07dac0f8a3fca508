//! A greeting, for trying things out: it needs no root and touches one directory.

use engine_sdk::prelude::*;

engine_sdk::cookbook! { recipes: [default] }

/// Writes a greeting and a link to it.
#[recipe]
fn default(ctx: &mut Context) -> Result<()> {
    let directory: String = ctx.require("hello.directory")?;
    let name: String = ctx.require("hello.name")?;
    let facts = ctx.facts();
    let greeting = format!("Hello, {name}! This is {} ({}).\n", facts.hostname(), facts.platform());

    ctx.directory(&directory).mode("0755").declare()?;
    ctx.file(format!("{directory}/greeting")).content(greeting).mode("0644").declare()?;
    ctx.link(format!("{directory}/current")).to("greeting").declare()?;
    Ok(())
}
