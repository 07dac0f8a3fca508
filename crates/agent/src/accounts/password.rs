//! Passwords, as their hashes in shadow(5). A `!` before a hash locks it and keeps it.

use std::fs;

use engine_protocol::{Action, Resource, resource::UserSpec};

use super::{
    AccountError,
    known::{Trait, user_exists},
    tools::Tools,
};
use crate::provider::{Check, Context, Error, done, unsupported};

const PATH: &str = "/etc/shadow";

/// The second field of a user's line in `/etc/shadow`, as earlier resources would leave it.
pub fn field(name: &str, context: &Context<'_>) -> Result<String, AccountError> {
    if let Some(planned) = Trait::Password(name).predicted(context) {
        return Ok(planned.unwrap_or_default());
    }
    let text = fs::read(PATH).map_err(|source| AccountError::Shadow { source })?;
    find(&String::from_utf8_lossy(&text), name)
        .ok_or_else(|| AccountError::NoShadow { name: name.to_owned() })
}

fn find(text: &str, name: &str) -> Option<String> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines
        .filter(|(user, _)| *user == name)
        .map(|(_, rest)| rest.split(':').next().unwrap_or_default().to_owned())
        .next()
}

/// What the field shall be for this hash; nothing if it is so. Who is locked stays locked: only `unlock` ends that.
pub fn wanted(present: &str, hash: &str) -> Option<String> {
    let bare = present.trim_start_matches('!');
    let says_all = hash.starts_with('!') || hash == "*";
    let locked = bare.len() < present.len() && has_hash(bare);
    let wanted = if locked && !says_all { format!("!{hash}") } else { hash.to_owned() };
    let same = if says_all { present == hash } else { bare == hash };
    (!same).then_some(wanted)
}

fn has_hash(bare: &str) -> bool {
    !matches!(bare, "" | "*")
}

/// Checks whether a user is locked out, or is not.
pub fn check_lock<'r>(
    resource: &'r Resource,
    spec: &'r UserSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let name = &spec.name;
    if !user_exists(name, context) {
        return match context.opaque() {
            Some(because) => Ok(Check::Unknown(because)),
            None => Err(AccountError::NoUser { name: name.clone() }.into()),
        };
    }
    let present = field(name, context)?;
    let bare = present.trim_start_matches('!');
    let locked = bare.len() < present.len() || bare == "*";
    let (word, lock) = match action {
        Action::Lock => ("locked", true),
        Action::Unlock => ("unlocked", false),
        _ => return Err(unsupported(resource, action)),
    };
    if lock == locked && (lock || has_hash(bare) || bare.is_empty()) {
        return Ok(Check::UpToDate);
    }
    if !lock && !has_hash(bare) {
        return Err(AccountError::NothingToUnlock { name: name.clone() }.into());
    }
    let tools = Tools::of_node()?;
    let field = if lock { format!("!{present}") } else { bare.to_owned() };
    // `passwd -l` of some distributions writes two marks; each call of the tool takes away one.
    let times = if lock { 1 } else { present.len() - bare.len() };
    Ok(Check::differs(vec![done(word)], vec![Trait::Password(name).predict(Some(field))], move |_| {
        for _ in 0..times {
            tools.set_locked(name, lock).run("user", name)?;
        }
        Ok(Vec::new())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of Debian 12 and of RHEL 9.
    const SHADOW: &str = "root:*:20780:0:99999:7:::\nmessagebus:!:20780::::::\nsystemd-network:!*:20780::::::\n\
        deep2:!$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/:20780:0:99999:7:::\nec2-user:!!:19700:0:99999:7:::\n\
        open::20780:0:99999:7:::\n";

    #[test]
    fn the_field_of_a_user_is_found() {
        assert_eq!(find(SHADOW, "root").as_deref(), Some("*"));
        assert_eq!(find(SHADOW, "ec2-user").as_deref(), Some("!!"));
        assert_eq!(find(SHADOW, "open").as_deref(), Some(""));
        assert_eq!(find(SHADOW, "roo"), None);
    }

    #[test]
    fn a_hash_is_set_and_a_lock_is_kept() {
        let set = |present: &str, hash: &str| wanted(present, hash);
        assert_eq!(set("$1$a$b", "$1$a$b"), None);
        assert_eq!(set("$1$a$b", "$6$c$d").as_deref(), Some("$6$c$d"));
        // No password yet: these marks lock nothing.
        for none in ["", "!", "!!", "*", "!*"] {
            assert_eq!(set(none, "$6$c$d").as_deref(), Some("$6$c$d"), "{none:?}");
        }
        assert_eq!(set("!$6$c$d", "$6$c$d"), None);
        assert_eq!(set("!$1$a$b", "$6$c$d").as_deref(), Some("!$6$c$d"));
        assert_eq!(set("$6$c$d", "*").as_deref(), Some("*"));
        assert_eq!(set("!", "!"), None);
        assert_eq!(set("$6$c$d", "!$6$c$d").as_deref(), Some("!$6$c$d"));
        for (present, hash) in [("!$1$a$b", "$6$c$d"), ("*", "$6$c$d"), ("$6$c$d", "!")] {
            let once = set(present, hash).unwrap();
            assert_eq!(set(&once, hash), None, "{present} {hash}");
        }
    }
}
