//! The provider of groups.

use engine_protocol::{Action, Change, Resource, resource::GroupSpec};

use super::{
    AccountError,
    known::{self, GroupId, Trait},
    tools::{Step, Tools},
    valid_name,
};
use crate::{
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
    let users = spec.members.iter().chain(&spec.excluded_members).map(|user| ("user", user));
    for (what, name) in [("group", &spec.name)].into_iter().chain(users) {
        if !valid_name(name) {
            return Err(AccountError::Name { what, name: name.clone() }.into());
        }
    }
    let exists = known::group_exists(&spec.name, context);
    match action {
        Action::CreateIfMissing if exists => Ok(Check::UpToDate),
        Action::Create | Action::CreateIfMissing => check_present(spec, exists, context),
        Action::Remove | Action::Delete if !exists => Ok(Check::UpToDate),
        Action::Remove | Action::Delete => {
            if let Some(user) = known::user_of_primary(&spec.name, context) {
                return Err(AccountError::PrimaryGroup { name: spec.name.clone(), user }.into());
            }
            let step = Tools::of_node()?.remove_group(&spec.name);
            let prediction = Prediction::Group(spec.name.clone(), false);
            Ok(differs(spec, vec![done("removed")], vec![prediction], vec![step]))
        }
        _ => Err(unsupported(resource, action)),
    }
}

fn differs(
    spec: &GroupSpec,
    changes: Vec<Change>,
    predictions: Vec<Prediction>,
    steps: Vec<Step>,
) -> Check<'_> {
    Check::differs(changes, predictions, move |_| {
        for step in steps {
            step.run("group", &spec.name)?;
        }
        Ok(Vec::new())
    })
}

fn check_present<'r>(
    spec: &'r GroupSpec,
    exists: bool,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let name = &spec.name;
    if let Some(gid) = spec.gid
        && let Some(other) = known::other_with_gid(gid, name, context)
    {
        return Err(AccountError::Taken { what: "group", name: name.clone(), id: gid, other }.into());
    }
    let tools = Tools::of_node()?;
    let (mut changes, mut predictions, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    if !exists {
        changes.push(done("created"));
        changes.extend(spec.gid.map(|gid| property("gid", None, Some(gid.to_string()))));
        predictions.extend(known::predict_group(name, spec.gid));
        steps.push(tools.add_group(name, spec.gid, spec.system));
    } else if let (Some(wanted), Some(present)) = (spec.gid, known::group(name, context)) {
        match present {
            GroupId::Named(_) => return Ok(Check::Unknown(format!("group[{name}]"))),
            GroupId::Gid(old) if old != wanted => {
                changes.push(property("gid", Some(old.to_string()), Some(wanted.to_string())));
                predictions.extend(known::predict_group(name, Some(wanted)));
                steps.push(tools.change_gid(name, wanted)?);
            }
            GroupId::Gid(_) => {}
        }
    }
    for user in &spec.members {
        if exists && known::is_member(name, user, context) {
            continue;
        }
        if !known::user_exists(user, context) {
            return match context.opaque() {
                Some(because) => Ok(Check::Unknown(because)),
                None => Err(AccountError::NoMember { name: name.clone(), user: user.clone() }.into()),
            };
        }
        changes.push(property("members", None, Some(user.clone())));
        predictions.push(Trait::Member(name, user).predict(Some(String::new())));
        steps.push(tools.set_member(name, user, true));
    }
    for user in spec.excluded_members.iter().filter(|_| exists) {
        if known::is_member(name, user, context) {
            changes.push(property("members", Some(user.clone()), None));
            predictions.push(Trait::Member(name, user).predict(None));
            steps.push(tools.set_member(name, user, false));
        }
    }
    Ok(if changes.is_empty() { Check::UpToDate } else { differs(spec, changes, predictions, steps) })
}
