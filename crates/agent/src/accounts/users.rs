//! The provider of users.

use engine_protocol::{Action, Change, Mode, Resource, resource::UserSpec};

use super::{AccountError, User, valid_name};
use crate::{
    command::Run,
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
    let planned = if context.mode == Mode::Plan { context.overlay.user(&spec.name) } else { None };
    let present = context.node.accounts().user(&spec.name);
    let exists = planned.unwrap_or(present.is_some());
    match action {
        Action::Create if exists => match present {
            Some(user) => check_existing(spec, &user, context),
            None => Ok(Check::UpToDate),
        },
        Action::Create | Action::CreateIfMissing if !exists => {
            check_groups(spec, context)?;
            Ok(differs(spec, new_changes(spec), true, useradd(spec)))
        }
        Action::CreateIfMissing => Ok(Check::UpToDate),
        Action::Remove | Action::Delete if !exists => Ok(Check::UpToDate),
        Action::Remove | Action::Delete => {
            let mut argv = vec!["userdel".to_owned()];
            if spec.manage_home {
                argv.push("--remove".into());
            }
            Ok(differs(spec, vec![done("removed")], false, argv))
        }
        _ => Err(unsupported(resource, action)),
    }
}

fn differs(spec: &UserSpec, changes: Vec<Change>, exists: bool, mut argv: Vec<String>) -> Check<'_> {
    argv.push("--".into());
    argv.push(spec.name.clone());
    let prediction = Prediction::User(spec.name.clone(), exists);
    Check::differs(changes, vec![prediction], move |_| {
        Run::new(argv).succeed().map_err(|source| AccountError::Tool {
            what: "user",
            name: spec.name.clone(),
            source,
        })?;
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
    for (property, value) in [("comment", &spec.comment), ("home", &spec.home), ("shell", &spec.shell)] {
        if value.as_ref().is_some_and(|value| value.chars().any(|c| c == ':' || c.is_control())) {
            return Err(AccountError::Value { name: spec.name.clone(), property });
        }
    }
    Ok(())
}

fn check_groups(spec: &UserSpec, context: &mut Context<'_>) -> Result<(), AccountError> {
    for group in spec.group.iter().chain(&spec.groups) {
        let known = group.parse::<u32>().is_ok()
            || context.overlay.group(group) == Some(true)
            || context.node.accounts().group_id(group).is_some();
        if !known {
            return Err(AccountError::NoGroup { name: spec.name.clone(), group: group.clone() });
        }
    }
    Ok(())
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

fn useradd(spec: &UserSpec) -> Vec<String> {
    let mut argv = vec!["useradd".to_owned()];
    let mut option = |name: &str, value: &str| argv.extend([name.to_owned(), value.to_owned()]);
    if let Some(uid) = spec.uid {
        option("--uid", &uid.to_string());
    }
    let texts = [
        ("--gid", &spec.group),
        ("--comment", &spec.comment),
        ("--home-dir", &spec.home),
        ("--shell", &spec.shell),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            option(name, value);
        }
    }
    if !spec.groups.is_empty() {
        option("--groups", &spec.groups.join(","));
    }
    if spec.system {
        argv.push("--system".into());
    }
    argv.push(if spec.manage_home { "--create-home" } else { "--no-create-home" }.into());
    argv
}

fn check_existing<'r>(
    spec: &'r UserSpec,
    user: &User,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    check_groups(spec, context)?;
    let mut argv = vec!["usermod".to_owned()];
    let mut changes = Vec::new();
    let mut change = |option: &str, name: &str, old: String, new: String| {
        argv.extend([option.to_owned(), new.clone()]);
        changes.push(property(name, Some(old), Some(new)));
    };
    if let Some(uid) = spec.uid.filter(|uid| *uid != user.uid) {
        change("--uid", "uid", user.uid.to_string(), uid.to_string());
    }
    if let Some(group) = &spec.group {
        let accounts = context.node.accounts();
        let gid = group.parse().ok().or_else(|| accounts.group_id(group));
        if gid != Some(user.gid) {
            let old = accounts.group_name(user.gid).unwrap_or_else(|| user.gid.to_string());
            change("--gid", "group", old, group.clone());
        }
    }
    let texts = [
        ("--comment", "comment", &spec.comment, &user.comment),
        ("--home", "home", &spec.home, &user.home),
        ("--shell", "shell", &spec.shell, &user.shell),
    ];
    for (option, name, wanted, present) in texts {
        if let Some(wanted) = wanted.as_ref().filter(|wanted| *wanted != present) {
            change(option, name, present.clone(), wanted.clone());
        }
    }
    let missing: Vec<&str> = spec
        .groups
        .iter()
        .map(String::as_str)
        .filter(|group| {
            let found = context.node.accounts().group(group);
            !found.is_some_and(|found| found.gid == user.gid || found.members.contains(&user.name))
        })
        .collect();
    if !missing.is_empty() {
        changes.push(property("groups", None, Some(missing.join(", "))));
        argv.extend(["--append".to_owned(), "--groups".to_owned(), missing.join(",")]);
    }
    if changes.is_empty() {
        return Ok(Check::UpToDate);
    }
    Ok(differs(spec, changes, true, argv))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_user_gets_what_the_recipe_says() {
        let spec = UserSpec {
            name: "deploy".into(),
            uid: Some(1500),
            groups: vec!["adm".into(), "www-data".into()],
            shell: Some("/bin/bash".into()),
            manage_home: true,
            ..UserSpec::default()
        };
        let expected = ["useradd", "--uid", "1500", "--shell", "/bin/bash", "--groups", "adm,www-data"];
        let argv = useradd(&spec);
        assert_eq!(argv[..7], expected);
        assert_eq!(argv[7..], ["--create-home"]);
    }

    #[test]
    fn values_that_would_break_a_line_are_refused() {
        let spec = UserSpec { name: "a".into(), comment: Some("x:0:0".into()), ..UserSpec::default() };
        assert!(matches!(validate(&spec), Err(AccountError::Value { property: "comment", .. })));
        let spec = UserSpec { name: "-a".into(), ..UserSpec::default() };
        assert!(matches!(validate(&spec), Err(AccountError::Name { .. })));
    }
}
