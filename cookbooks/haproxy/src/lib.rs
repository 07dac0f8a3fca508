//! Load balancer HAProxy in front of the online instances of a layer.

use engine_sdk::prelude::*;
use serde::Serialize;

engine_sdk::cookbook! { recipes: [install, backends] }

const CONFIGURATION: &str = "/etc/haproxy/haproxy.cfg";

/// Installs HAProxy and starts it at boot and now.
#[recipe]
fn install(ctx: &mut Context) -> Result<()> {
    ctx.package("haproxy").declare()?;
    ctx.service("haproxy").action([Action::Enable, Action::Start]).declare()?;
    Ok(())
}

/// What the template is given.
#[derive(Debug, Serialize)]
struct Variables {
    layer: String,
    port: u16,
    backend_port: u16,
    check_path: String,
    servers: Vec<Server>,
}

#[derive(Debug, Serialize)]
struct Server {
    name: String,
    address: String,
}

/// Points HAProxy to the instances of the layer that are online.
#[recipe]
fn backends(ctx: &mut Context) -> Result<()> {
    let layer: String = ctx.require("haproxy.layer")?;
    let check_path: String = ctx.require("haproxy.check_path")?;
    if !check_path.starts_with('/') || !check_path.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = format!("`{}` is no path of a URL", check_path.escape_debug());
        return Err(Error::new("invalid-attribute", message).on("haproxy.check_path"));
    }
    let Some(found) = ctx.stack().layer(&layer) else {
        let message = format!("the stack has no layer `{}`", layer.escape_debug());
        return Err(Error::new("invalid-attribute", message).on("haproxy.layer"));
    };
    let servers: Vec<Server> = found
        .instances
        .into_iter()
        .map(|instance| Server { name: instance.name, address: instance.address })
        .collect();
    if servers.is_empty() {
        ctx.warn(format!("no instance of layer {layer} is online: HAProxy answers with 503"));
    }
    let variables = Variables {
        layer,
        port: ctx.require("haproxy.port")?,
        backend_port: ctx.require("haproxy.backend_port")?,
        check_path,
        servers,
    };

    let service = ctx.service("haproxy").declare()?;
    // Runs right after a change, so that a mistake is reported before the reload fails of it.
    let test = ctx.execute(["haproxy", "-c", "-f", CONFIGURATION]).action(Action::Nothing).declare()?;
    ctx.template(CONFIGURATION)
        .source("haproxy.cfg")
        .variables(&variables)
        .mode("0644")
        .notifies(Action::Run, &test, Timing::Immediately)
        .notifies(Action::Reload, &service, Timing::Delayed)
        .declare()?;
    Ok(())
}
