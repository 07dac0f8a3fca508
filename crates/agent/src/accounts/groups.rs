//! The provider of groups.

use engine_protocol::{Action, Mode, Resource, resource::GroupSpec};

use super::{AccountError, valid_name};
use crate::{
    command::Run,
    overlay::Prediction,
    provider::{Check, Context, Error, done, property, unsupported},
};

/// Checks a group.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r GroupSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    for (what, name) in
        [("group", &spec.name)].into_iter().chain(spec.members.iter().map(|member| ("user", member)))
    {
        if !valid_name(name) {
            return Err(AccountError::Name { what, name: name.clone() }.into());
        }
    }
    let planned = if context.mode == Mode::Plan { context.overlay.group(&spec.name) } else { None };
    let present = context.node.accounts().group(&spec.name);
    let exists = planned.unwrap_or(present.is_some());
    match action {
        Action::Remove | Action::Delete if !exists => Ok(Check::UpToDate),
        Action::Remove | Action::Delete => {
            let steps = vec![vec!["groupdel".to_owned(), "--".into(), spec.name.clone()]];
            Ok(differs(spec, vec![done("removed")], false, steps))
        }
        Action::CreateIfMissing if exists => Ok(Check::UpToDate),
        Action::Create | Action::CreateIfMissing => {
            let mut changes = Vec::new();
            let mut steps = Vec::new();
            let gid = present.as_ref().map(|group| group.gid);
            if !exists {
                let mut argv = vec!["groupadd".to_owned()];
                changes.push(done("created"));
                if let Some(gid) = spec.gid {
                    changes.push(property("gid", None, Some(gid.to_string())));
                    argv.extend(["--gid".into(), gid.to_string()]);
                }
                if spec.system {
                    argv.push("--system".into());
                }
                argv.extend(["--".into(), spec.name.clone()]);
                steps.push(argv);
            } else if let (Some(old), Some(new)) = (gid, spec.gid)
                && old != new
            {
                changes.push(property("gid", Some(old.to_string()), Some(new.to_string())));
                let argv = ["groupmod", "--gid", &new.to_string(), "--", &spec.name];
                steps.push(argv.map(ToOwned::to_owned).into());
            }
            let members = present.map(|group| group.members).unwrap_or_default();
            for member in spec.members.iter().filter(|member| !members.contains(member)) {
                let known = context.overlay.user(member) == Some(true)
                    || context.node.accounts().user_id(member).is_some();
                if !known {
                    let (name, user) = (spec.name.clone(), member.clone());
                    return Err(AccountError::NoMember { name, user }.into());
                }
                changes.push(property("members", None, Some(member.clone())));
                let argv = ["gpasswd", "--add", member, "--", &spec.name];
                steps.push(argv.map(ToOwned::to_owned).into());
            }
            if steps.is_empty() { Ok(Check::UpToDate) } else { Ok(differs(spec, changes, true, steps)) }
        }
        _ => Err(unsupported(resource, action)),
    }
}

fn differs(
    spec: &GroupSpec,
    changes: Vec<engine_protocol::Change>,
    exists: bool,
    steps: Vec<Vec<String>>,
) -> Check<'_> {
    let prediction = Prediction::Group(spec.name.clone(), exists);
    Check::differs(changes, vec![prediction], move |_| {
        for argv in steps {
            Run::new(argv).succeed().map_err(|source| AccountError::Tool {
                what: "group",
                name: spec.name.clone(),
                source,
            })?;
        }
        Ok(Vec::new())
    })
}
