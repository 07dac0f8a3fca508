//! Users, groups and what they may do.

use engine_protocol::{
    Action, Spec,
    resource::{AuthorizedKeysSpec, GroupSpec, SudoersSpec, UserSpec},
};

use super::{Declared, Lowered, invalid, missing, plain};

pub(super) fn user(declared: &Declared<'_>) -> Lowered<Spec> {
    if declared.text("comment").is_some_and(|comment| comment.contains([':', '\n', '\0'])) {
        return Err(invalid("comment", "no colon and no line break may be in it"));
    }
    let password = declared.line("password")?;
    if password.as_ref().is_some_and(|hash| hash.is_empty() || hash.contains(':')) {
        return Err(invalid("password", "it must be a hash as in `/etc/shadow`, without a colon"));
    }
    Ok(Spec::User(UserSpec {
        name: declared.name()?,
        uid: declared.number("uid")?,
        group: declared.plain("group")?,
        groups: declared.plain_texts("groups")?,
        comment: declared.text("comment"),
        home: declared.absolute("home")?,
        shell: declared.absolute("shell")?,
        password,
        manage_home: declared.boolean("manage_home"),
        system: declared.boolean("system"),
    }))
}

pub(super) fn group(declared: &Declared<'_>) -> Lowered<Spec> {
    let (members, excluded_members) =
        (declared.plain_texts("members")?, declared.plain_texts("excluded_members")?);
    if let Some(both) = members.iter().find(|member| excluded_members.contains(member)) {
        return Err(invalid("excluded_members", format!("`{both}` shall be a member and shall not")));
    }
    Ok(Spec::Group(GroupSpec {
        name: declared.name()?,
        gid: declared.number("gid")?,
        members,
        excluded_members,
        system: declared.boolean("system"),
    }))
}

pub(super) fn authorized_keys(declared: &Declared<'_>) -> Lowered<Spec> {
    let user = declared.identity_text();
    plain("user", &user)?;
    let keys = declared.lines("keys")?;
    let looks_like_one = |key: &String| {
        let mut words = key.split_whitespace();
        !key.trim_start().starts_with('#')
            && words.any(|word| {
                ["ssh-", "ecdsa-", "sk-"].iter().any(|kind| word.starts_with(kind)) && !word.contains('=')
            })
            && words.next().is_some_and(|base64| base64.len() >= 32)
    };
    if let Some(bad) = keys.iter().find(|key| !looks_like_one(key)) {
        let begin: String = bad.chars().take(40).collect();
        let message = format!("`{}…` is no line of authorized_keys(5)", begin.escape_debug());
        return Err(invalid("keys", message));
    }
    let exclusive = declared.boolean("exclusive");
    if keys.is_empty() && !exclusive {
        return Err(missing("keys", "name at least one key, or set `exclusive` to take out all"));
    }
    Ok(Spec::AuthorizedKeys(AuthorizedKeysSpec { user, keys, exclusive }))
}

pub(super) fn sudoers(declared: &Declared<'_>) -> Lowered<Spec> {
    let name = declared.file_name()?;
    // sudoers(5): files with a dot in their name are not read.
    if name.contains('.') {
        return Err(invalid("name", "sudo does not read files with a dot in their name"));
    }
    let (users, groups) = (declared.plain_texts("users")?, declared.plain_texts("groups")?);
    if users.is_empty() && groups.is_empty() && declared.does(&[Action::Create]) {
        return Err(missing("users", "say for which users or groups"));
    }
    let commands = declared.lines("commands")?;
    let commands = if commands.is_empty() { vec!["ALL".to_owned()] } else { commands };
    Ok(Spec::Sudoers(SudoersSpec {
        name,
        users,
        groups,
        commands,
        runas: declared.line("runas")?.unwrap_or_else(|| "ALL".to_owned()),
        nopasswd: declared.boolean("nopasswd"),
    }))
}
