//! What every machine has: packages, users, the message of the day and `/etc/hosts`.

use std::net::IpAddr;

use engine_sdk::{Instance, prelude::*};
use serde::{Deserialize, Serialize};

engine_sdk::cookbook! { recipes: [default, hosts] }

/// An entry of the attribute `base.users`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UserEntry {
    name: String,
    comment: Option<String>,
    shell: Option<String>,
    home: Option<String>,
    group: Option<String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    ssh_keys: Vec<String>,
}

/// Installs packages, makes users with their SSH keys and writes the message of the day.
#[recipe]
fn default(ctx: &mut Context) -> Result<()> {
    let packages: Vec<String> = ctx.require("base.packages")?;
    if !packages.is_empty() {
        ctx.package(packages).declare()?;
    }
    for entry in ctx.require::<Vec<UserEntry>>("base.users")? {
        user(ctx, entry)?;
    }
    let stack = ctx.stack();
    let text: String = ctx.require("base.motd")?;
    ctx.template("/etc/motd")
        .source("motd")
        .variables(&json!({
            "instance": stack.this_instance(),
            "stack": stack.name(),
            "text": text.trim_end(),
        }))
        .mode("0644")
        .declare()?;
    Ok(())
}

fn user(ctx: &Context, entry: UserEntry) -> Result<()> {
    let home = entry.home.unwrap_or_else(|| format!("/home/{}", entry.name));
    let mut user = ctx.user(&entry.name).home(&home).manage_home(true).groups(entry.groups);
    if let Some(comment) = entry.comment {
        user = user.comment(comment);
    }
    if let Some(shell) = entry.shell {
        user = user.shell(shell);
    }
    if let Some(group) = &entry.group {
        user = user.group(group);
    }
    user.declare()?;

    if entry.ssh_keys.is_empty() {
        return Ok(());
    }
    let mut keys = String::new();
    for key in entry.ssh_keys {
        keys.push_str(key.trim());
        keys.push('\n');
    }
    let mut directory = ctx.directory(format!("{home}/.ssh")).owner(&entry.name).mode("0700");
    let mut file =
        ctx.file(format!("{home}/.ssh/authorized_keys")).content(keys).owner(&entry.name).mode("0600");
    if let Some(group) = &entry.group {
        directory = directory.group(group);
        file = file.group(group);
    }
    directory.declare()?;
    file.declare()?;
    Ok(())
}

/// A line of `/etc/hosts`.
#[derive(Debug, Serialize)]
struct Host {
    address: String,
    names: Vec<String>,
}

/// Lists all online instances in `/etc/hosts`.
#[recipe]
fn hosts(ctx: &mut Context) -> Result<()> {
    let domain: String = ctx.require("base.domain")?;
    let stack = ctx.stack();
    let this = stack.this_instance();
    let mut instances = stack.instances();
    if !instances.iter().any(|instance| instance.name == this.name) {
        instances.push(this.clone());
    }
    let mut hosts = Vec::new();
    for instance in instances {
        // Where the stack file has a name instead of an address there is nothing to write.
        if is_address(&instance) {
            hosts.push(Host { names: names(&instance, &domain), address: instance.address });
        } else {
            ctx.debug(format!("{} has no address that could stand in /etc/hosts", instance.name));
        }
    }
    let loopback_names = if is_address(&this) { Vec::new() } else { names(&this, &domain) };
    ctx.template("/etc/hosts")
        .source("hosts")
        .variables(&json!({"hosts": hosts, "loopback_names": loopback_names, "stack": stack.name()}))
        .mode("0644")
        .declare()?;
    Ok(())
}

fn is_address(instance: &Instance) -> bool {
    instance.address.parse::<IpAddr>().is_ok_and(|address| !address.is_loopback())
}

/// The names of an instance, the canonical one first.
fn names(instance: &Instance, domain: &str) -> Vec<String> {
    let hostname = if instance.hostname.is_empty() { &instance.name } else { &instance.hostname };
    let mut names = Vec::new();
    if !domain.is_empty() && !hostname.contains('.') {
        names.push(format!("{hostname}.{domain}"));
    }
    for name in [hostname, &instance.name] {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}
