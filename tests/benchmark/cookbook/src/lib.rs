//! Templated files, as many as asked for.

use engine_sdk::prelude::*;

engine_sdk::cookbook! { recipes: [files] }

/// Writes templated files to /srv/benchmark.
#[recipe]
fn files(ctx: &mut Context) -> Result<()> {
    let count: u32 = ctx.require("benchmark.files")?;
    ctx.directory("/srv/benchmark").mode("0755").declare()?;
    for number in 0..count {
        ctx.template(format!("/srv/benchmark/file-{number:03}.conf"))
            .source("file.conf")
            .variables(&json!({"number": number, "port": 10_000 + number}))
            .mode("0644")
            .declare()?;
    }
    Ok(())
}
