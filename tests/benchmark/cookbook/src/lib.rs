//! Templated files, as many as asked for.

use engine_sdk::prelude::*;

engine_sdk::cookbook! { recipes: [files, peers] }

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

/// Writes the online instances of another layer to /srv/benchmark, as the configuration of a load balancer has them.
#[recipe]
fn peers(ctx: &mut Context) -> Result<()> {
    let layer: String = ctx.require("benchmark.peers")?;
    let instances = ctx.stack().layer(&layer).map(|layer| layer.instances).unwrap_or_default();
    ctx.directory("/srv/benchmark").mode("0755").declare()?;
    ctx.template("/srv/benchmark/peers.conf")
        .source("peers.conf")
        .variables(&json!({"instances": instances}))
        .mode("0644")
        .declare()?;
    Ok(())
}
