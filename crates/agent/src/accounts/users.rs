//! The provider of users.

use engine_protocol::{Action, Change, Resource, resource::UserSpec};

use super::{
    AccountError,
    defaults::{LoginDefs, NewUser},
    home,
    known::{self, Account, GroupId, Trait},
    password,
    tools::{Settings, Step, Tools},
    valid_name,
};
use crate::{
    overlay::Prediction,
    provider::{Check, Context, Error, done, property, unsupported},
};

/// Checks a user.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r UserSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    validate(spec)?;
    let present = known::account(&spec.name, context);
    match (action, present) {
        (Action::Create, Some(account)) => check_existing(spec, &account, context),
        (Action::Create | Action::CreateIfMissing, None) => check_new(spec, context),
        (Action::CreateIfMissing, Some(_)) | (Action::Remove | Action::Delete, None) => Ok(Check::UpToDate),
        (Action::Remove | Action::Delete, Some(account)) => check_removal(spec, &account, context),
        (Action::Lock | Action::Unlock, _) => password::check_lock(resource, spec, action, context),
        _ => Err(unsupported(resource, action)),
    }
}

fn differs(
    spec: &UserSpec,
    changes: Vec<Change>,
    predictions: Vec<Prediction>,
    steps: Vec<Step>,
) -> Check<'_> {
    Check::differs(changes, predictions, move |_| {
        for step in steps {
            step.run("user", &spec.name)?;
        }
        Ok(Vec::new())
    })
}

fn validate(spec: &UserSpec) -> Result<(), AccountError> {
    if !valid_name(&spec.name) {
        return Err(AccountError::Name { what: "user", name: spec.name.clone() });
    }
    for group in spec.group.iter().chain(&spec.groups) {
        if !valid_name(group) && group.parse::<u32>().is_err() {
            return Err(AccountError::Name { what: "group", name: group.clone() });
        }
    }
    let breaks = |value: &String| value.chars().any(|c| c == ':' || c.is_control());
    let properties = [
        ("comment", &spec.comment),
        ("home", &spec.home),
        ("shell", &spec.shell),
        ("password", &spec.password),
    ];
    for (property, value) in properties {
        if value.as_ref().is_some_and(breaks) {
            return Err(AccountError::Value { name: spec.name.clone(), property });
        }
    }
    Ok(())
}

/// Refuses what the tool would refuse. What an earlier resource may bring is not known.
fn refuse(spec: &UserSpec, context: &mut Context<'_>) -> Result<Option<String>, AccountError> {
    if let Some(uid) = spec.uid
        && let Some(other) = known::other_with_uid(uid, &spec.name, context)
    {
        return Err(AccountError::Taken { what: "user", name: spec.name.clone(), id: uid, other });
    }
    for group in spec.group.iter().chain(&spec.groups) {
        if known::group(group, context).is_none() {
            return match context.opaque() {
                Some(because) => Ok(Some(because)),
                None => Err(AccountError::NoGroup { name: spec.name.clone(), group: group.clone() }),
            };
        }
    }
    Ok(None)
}

fn check_new<'r>(spec: &'r UserSpec, context: &mut Context<'_>) -> Result<Check<'r>, Error> {
    if let Some(because) = refuse(spec, context)? {
        return Ok(Check::Unknown(because));
    }
    let tools = Tools::of_node()?;
    let (defs, defaults) = (LoginDefs::read(), NewUser::read());
    let name = &spec.name;
    // With a group of the user's name there, the tools would refuse to make one.
    let own_group = defs.own_groups || tools == Tools::Busybox;
    let group = spec
        .group
        .as_deref()
        .or_else(|| (own_group && known::group_exists(name, context)).then_some(name.as_str()));
    let mut predictions = Vec::new();
    let primary = match group {
        Some(group) => known::group(group, context).unwrap_or_else(|| GroupId::Named(group.to_owned())),
        None if own_group => {
            predictions.extend(known::predict_group(name, None));
            GroupId::Named(name.clone())
        }
        None => GroupId::Gid(defaults.group),
    };
    let account = Account {
        name: name.clone(),
        uid: spec.uid,
        group: primary,
        comment: spec.comment.clone().unwrap_or_default(),
        home: spec.home.clone().unwrap_or_else(|| format!("{}/{name}", defaults.homes.trim_end_matches('/'))),
        shell: spec.shell.clone().unwrap_or_else(|| defaults.shell.clone()),
    };
    predictions.extend(known::predict_account(&account));
    for group in &spec.groups {
        predictions
            .push(Trait::Member(&known::group_name(group, context), name).predict(Some(String::new())));
    }
    if spec.manage_home {
        predictions.extend(home::predict_new(&account, defs, &defaults, context)?);
    }
    let settings = Settings {
        uid: spec.uid,
        group,
        comment: spec.comment.as_deref(),
        home: spec.home.as_deref(),
        shell: spec.shell.as_deref(),
    };
    let mut steps = tools.add_user(name, settings, &spec.groups, spec.system, spec.manage_home);
    let mut changes = new_changes(spec);
    if let Some(hash) = &spec.password {
        steps.push(Tools::set_password(name, hash));
        changes.push(done("password set"));
    }
    let field = spec.password.clone().unwrap_or_else(|| "!".to_owned());
    predictions.push(Trait::Password(name).predict(Some(field)));
    Ok(differs(spec, changes, predictions, steps))
}

fn new_changes(spec: &UserSpec) -> Vec<Change> {
    let mut changes = vec![done("created")];
    let texts =
        [("group", &spec.group), ("comment", &spec.comment), ("home", &spec.home), ("shell", &spec.shell)];
    changes.extend(spec.uid.map(|uid| property("uid", None, Some(uid.to_string()))));
    for (name, value) in texts {
        changes.extend(value.clone().map(|value| property(name, None, Some(value))));
    }
    if !spec.groups.is_empty() {
        changes.push(property("groups", None, Some(spec.groups.join(", "))));
    }
    changes
}

fn check_existing<'r>(
    spec: &'r UserSpec,
    account: &Account,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    if let Some(because) = refuse(spec, context)? {
        return Ok(Check::Unknown(because));
    }
    let name = &spec.name;
    let (mut changes, mut predictions, mut settings) = (Vec::new(), Vec::new(), Settings::default());
    if let Some(uid) = spec.uid.filter(|uid| Some(*uid) != account.uid) {
        let Some(old) = account.uid else { return Ok(Check::Unknown(format!("user[{name}]"))) };
        settings.uid = Some(uid);
        changes.push(property("uid", Some(old.to_string()), Some(uid.to_string())));
        predictions.push(Trait::Uid(name).predict(Some(uid.to_string())));
    }
    if let Some(group) = &spec.group
        && let Some(wanted) = known::group(group, context).filter(|wanted| *wanted != account.group)
    {
        settings.group = Some(group);
        changes.push(property("group", Some(account.group.show(context)), Some(group.clone())));
        predictions.push(known::predict_primary(name, &wanted));
    }
    let mut text = |property_name, wanted: &'r Option<String>, present: &String, what: Trait<'_>| {
        let wanted = wanted.as_ref().filter(|wanted| *wanted != present)?;
        changes.push(property(property_name, Some(present.clone()), Some(wanted.clone())));
        predictions.push(what.predict(Some(wanted.clone())));
        Some(wanted.as_str())
    };
    settings.comment = text("comment", &spec.comment, &account.comment, Trait::Comment(name));
    settings.home = text("home", &spec.home, &account.home, Trait::Home(name));
    settings.shell = text("shell", &spec.shell, &account.shell, Trait::Shell(name));
    let moves_home = spec.manage_home && settings.home.is_some();
    if let Some(new) = settings.home.filter(|_| moves_home) {
        predictions.extend(home::predict_moved(account, new, context)?);
    }
    let joins = missing_groups(spec, account, context);
    if !joins.is_empty() {
        changes.push(property("groups", None, Some(joins.join(", "))));
        for group in &joins {
            let group = known::group_name(group, context);
            predictions.push(Trait::Member(&group, name).predict(Some(String::new())));
        }
    }
    let tools = Tools::of_node()?;
    let mut steps = tools.change_user(name, settings, moves_home, &joins)?;
    if let Some(hash) = &spec.password
        && let Some(field) = password::wanted(&password::field(name, context)?, hash)
    {
        changes.push(done("password set"));
        steps.push(Tools::set_password(name, &field));
        predictions.push(Trait::Password(name).predict(Some(field)));
    }
    Ok(if changes.is_empty() { Check::UpToDate } else { differs(spec, changes, predictions, steps) })
}

/// The groups that the user is not in yet. The primary one needs no membership.
fn missing_groups(spec: &UserSpec, account: &Account, context: &mut Context<'_>) -> Vec<String> {
    let missing = spec.groups.iter().filter(|group| {
        let name = known::group_name(group, context);
        known::group(group, context).as_ref() != Some(&account.group)
            && !known::is_member(&name, &spec.name, context)
    });
    missing.cloned().collect()
}

fn check_removal<'r>(
    spec: &'r UserSpec,
    account: &Account,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let name = &spec.name;
    let mut predictions = vec![Prediction::User(name.clone(), false)];
    if spec.manage_home {
        predictions.extend(home::predict_removed(account, context)?);
    }
    let tools = Tools::of_node()?;
    if own_group_goes(account, tools, context) {
        predictions.push(Prediction::Group(name.clone(), false));
    }
    for group in context.node.accounts().groups_with_member(name) {
        predictions.push(Trait::Member(&group, name).predict(None));
    }
    let step = tools.remove_user(name, spec.manage_home);
    Ok(differs(spec, vec![done("removed")], predictions, vec![step]))
}

/// Whether the group of the user's name goes with the user: it is the user's primary one, and nobody else is in it.
fn own_group_goes(account: &Account, tools: Tools, context: &mut Context<'_>) -> bool {
    let name = &account.name;
    if tools == Tools::Shadow && !LoginDefs::read().own_groups {
        return false;
    }
    let members = context.node.accounts().group(name).map(|group| group.members).unwrap_or_default();
    let others = members.iter().filter(|member| *member != name);
    let others = others.filter(|member| known::is_member(name, member, context)).count();
    let primary_of_others = match &account.group {
        GroupId::Gid(gid) => {
            let users = context.node.accounts().users_of_primary(*gid);
            users.iter().any(|user| user != name && known::user_exists(user, context))
        }
        GroupId::Named(_) => false,
    };
    known::group(name, context).as_ref() == Some(&account.group) && others == 0 && !primary_of_others
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_would_break_a_line_are_refused() {
        let spec = UserSpec { name: "a".into(), comment: Some("x:0:0".into()), ..UserSpec::default() };
        assert!(matches!(validate(&spec), Err(AccountError::Value { property: "comment", .. })));
        let spec = UserSpec { name: "a".into(), password: Some("x\nroot:".into()), ..UserSpec::default() };
        assert!(matches!(validate(&spec), Err(AccountError::Value { property: "password", .. })));
        let spec = UserSpec { name: "-a".into(), ..UserSpec::default() };
        assert!(matches!(validate(&spec), Err(AccountError::Name { .. })));
    }
}
