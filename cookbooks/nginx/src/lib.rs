//! Web server nginx and the apps it serves.

use engine_sdk::{App, prelude::*};

engine_sdk::cookbook! { recipes: [install, site, remove] }

/// Where an app's parts lie.
struct Places {
    root: String,
    available: String,
    enabled: String,
}

impl Places {
    fn of(app: &App) -> Self {
        Places {
            root: format!("/var/www/{}", app.name),
            available: format!("/etc/nginx/sites-available/{}.conf", app.name),
            enabled: format!("/etc/nginx/sites-enabled/{}.conf", app.name),
        }
    }
}

/// The directories are those of Debian's packages.
fn check_platform(ctx: &Context) -> Result<()> {
    let family = ctx.facts().platform_family();
    if family == "debian" {
        return Ok(());
    }
    Err(Error::new(
        "unsupported-platform",
        format!("this cookbook knows the Debian family, and the node is of `{family}`"),
    ))
}

/// Installs nginx, starts it at boot and now, and removes the distribution's default site.
#[recipe]
fn install(ctx: &mut Context) -> Result<()> {
    check_platform(ctx)?;
    let package: String = ctx.require("nginx.package")?;
    ctx.package(package).declare()?;
    ctx.link("/etc/nginx/sites-enabled/default")
        .action(Action::Delete)
        .notifies(Action::Reload, "service[nginx]", Timing::Delayed)
        .declare()?;
    ctx.service("nginx").action([Action::Enable, Action::Start]).declare()?;
    Ok(())
}

/// Serves the apps that are deployed.
#[recipe]
fn site(ctx: &mut Context) -> Result<()> {
    check_platform(ctx)?;
    let default_port: u16 = ctx.require("nginx.port")?;
    let hostname = ctx.stack().this_instance().hostname;
    let service = ctx.service("nginx").declare()?;
    // Runs right after a change, so that a mistake is reported at the file that has it.
    let test = ctx.execute(["nginx", "-t"]).action(Action::Nothing).declare()?;

    for app in ctx.stack().apps() {
        let port = app.attribute::<u16>("port")?.unwrap_or(default_port);
        let title = app.attribute::<String>("title")?.unwrap_or_else(|| app.name.clone());
        let server_name = app.attribute::<String>("server_name")?.unwrap_or_else(|| "_".to_owned());
        check_server_name(&app, &server_name)?;
        let Places { root, available, enabled } = Places::of(&app);

        ctx.directory(&root).mode("0755").declare()?;
        ctx.template(format!("{root}/index.html"))
            .source("index.html")
            .variables(&json!({"title": title, "hostname": hostname}))
            .mode("0644")
            .declare()?;
        ctx.template(&available)
            .source("site.conf")
            .variables(&json!({"port": port, "root": root, "server_name": server_name}))
            .mode("0644")
            .notifies(Action::Run, &test, Timing::Immediately)
            .notifies(Action::Reload, &service, Timing::Delayed)
            .declare()?;
        ctx.link(enabled)
            .to(available)
            .notifies(Action::Run, &test, Timing::Immediately)
            .notifies(Action::Reload, &service, Timing::Delayed)
            .declare()?;
    }
    Ok(())
}

/// An attribute must not be able to end the directive that it stands in.
fn check_server_name(app: &App, name: &str) -> Result<()> {
    let good = !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '*' | ' '));
    if good {
        return Ok(());
    }
    let message = format!("`{}` of app `{}` is no server name", name.escape_debug(), app.name);
    Err(Error::new("invalid-attribute", message).on("server_name"))
}

/// Stops serving the apps that are undeployed, and deletes them.
#[recipe]
fn remove(ctx: &mut Context) -> Result<()> {
    let service = ctx.service("nginx").declare()?;
    for app in ctx.stack().apps() {
        let Places { root, available, enabled } = Places::of(&app);
        ctx.link(enabled)
            .action(Action::Delete)
            .notifies(Action::Reload, &service, Timing::Delayed)
            .declare()?;
        ctx.file(available).action(Action::Delete).declare()?;
        ctx.directory(root).recursive(true).action(Action::Delete).declare()?;
    }
    Ok(())
}
