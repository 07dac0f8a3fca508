//! Declares what a test says: one cookbook for all end-to-end tests of resources.

use engine_sdk::prelude::*;
use serde::Deserialize;

engine_sdk::cookbook! { recipes: [default] }

/// A resource in a test's words.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Wanted {
    File { path: String, content: String },
    Directory { path: String },
    Execute { argv: Vec<String>, creates: Option<String> },
    Package { name: String },
    Service { name: String },
    Group { name: String, members: Vec<String> },
    User { name: String, groups: Vec<String>, shell: String },
    OwnedFile { path: String, owner: String, group: String },
    ExecuteAs { user: String, argv: Vec<String>, creates: String },
}

/// Declares the resources in the attribute `probe.resources`.
#[recipe]
fn default(ctx: &mut Context) -> Result<()> {
    let text: String = ctx.require("probe.resources")?;
    let wanted: Vec<Wanted> =
        serde_json::from_str(&text).map_err(|error| Error::new("invalid-attribute", error.to_string()))?;
    for resource in wanted {
        match resource {
            Wanted::File { path, content } => drop(ctx.file(path).content(content).mode("0644").declare()?),
            Wanted::Directory { path } => drop(ctx.directory(path).mode("0755").declare()?),
            Wanted::Execute { argv, creates } => {
                let execute = ctx.execute(argv);
                match creates {
                    Some(path) => execute.creates(path).declare()?,
                    None => execute.declare()?,
                };
            }
            Wanted::Package { name } => drop(ctx.package(name).declare()?),
            Wanted::Group { name, members } => drop(ctx.group(name).members(members).declare()?),
            Wanted::User { name, groups, shell } => {
                ctx.user(name).groups(groups).shell(shell).manage_home(true).declare()?;
            }
            Wanted::OwnedFile { path, owner, group } => {
                ctx.file(path).content("owned").owner(owner).group(group).mode("0640").declare()?;
            }
            Wanted::ExecuteAs { user, argv, creates } => {
                ctx.execute(argv).user(user).creates(creates).declare()?;
            }
            Wanted::Service { name } => {
                ctx.service(name).action([Action::Enable, Action::Start]).declare()?;
            }
        }
    }
    Ok(())
}
