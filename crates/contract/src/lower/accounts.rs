//! Users, groups and what they may do.

use std::collections::HashSet;

use engine_protocol::{
    Action, Spec,
    resource::{AuthorizedKeysSpec, GroupSpec, SshKey, SudoersSpec, UserSpec},
    secret::is_reference,
};

use super::{Declared, Lowered, invalid, missing, plain};

pub(super) fn user(declared: &Declared<'_>) -> Lowered<Spec> {
    if declared.text("comment").is_some_and(|comment| comment.contains([':', '\n', '\0'])) {
        return Err(invalid("comment", "no colon and no line break may be in it"));
    }
    let password = declared.line("password")?;
    if !password.as_deref().is_none_or(|text| is_hash(text) || is_reference(text)) {
        let message =
            "it must be a hash as in `/etc/shadow`, such as `$y$…` or `$6$…`, and not the password itself";
        return Err(invalid("password", message));
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

/// Whether this can be the second field of a line in shadow(5): a hash as crypt(5) writes them today, perhaps locked,
/// or what no password has. The hashes of old have no form that a password could not have as well.
fn is_hash(text: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_alphanumeric() || b"./$=,+-_".contains(&byte);
    match text.trim_start_matches('!') {
        "" => text.starts_with('!'),
        "*" => true,
        hash => {
            let begin = hash.starts_with('$') && hash.matches('$').count() >= 3;
            begin && hash.len() >= 20 && hash.bytes().all(digit)
        }
    }
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
    let mut known = HashSet::new();
    for key in &keys {
        let begin: String = key.chars().take(40).collect();
        let begin = begin.escape_debug();
        let found = SshKey::of_line(key)
            .ok_or_else(|| invalid("keys", format!("`{begin}…` is no line of authorized_keys(5)")))?;
        if !known.insert(found) {
            return Err(invalid("keys", format!("the key in `{begin}…` comes twice")));
        }
    }
    let exclusive = declared.boolean("exclusive");
    if keys.is_empty() && (!exclusive || declared.does(&[Action::Delete])) {
        let hint = "name at least one key; to take out all, use `create` with `exclusive` and none";
        return Err(missing("keys", hint));
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
    let runas = declared.line("runas")?.unwrap_or_else(|| "ALL".to_owned());
    let odd = |c: char| !(c.is_alphanumeric() || "._-+:@~$\\%#!, ".contains(c));
    if runas.trim().is_empty() || runas.contains(odd) {
        return Err(invalid(
            "runas",
            "name users as in sudoers(5), such as `www-data` or `postgres:postgres`",
        ));
    }
    Ok(Spec::Sudoers(SudoersSpec {
        name,
        users,
        groups,
        commands,
        runas,
        nopasswd: declared.boolean("nopasswd"),
    }))
}

#[cfg(test)]
mod tests {
    use super::is_hash;

    #[test]
    fn a_password_itself_is_no_hash() {
        for good in [
            "$6$rounds=5000$saltsalt$abcdefghijklmnopqrstuvwxyz./0123456789",
            "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$tnSYvahCwPBHKZUspmcxMfb0.WiB9W.zEaKlOBL35rC",
            "$2b$12$abcdefghijklmnopqrstuuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01",
            "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/",
            "!$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/",
            "!",
            "!!",
            "*",
            "!*",
        ] {
            assert!(is_hash(good), "{good}");
        }
        for bad in ["", "secret", "MyPassword123", "$ecret", "a:b", "$pa$$word$and$more words", "x*"] {
            assert!(!is_hash(bad), "{bad}");
        }
    }
}
