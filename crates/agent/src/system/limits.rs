//! The provider of limits of users' sessions: a file for each domain, read by pam_limits(8).

use std::fmt::Write as _;

use engine_protocol::{Action, Resource, resource::LimitsSpec};

use crate::{
    files::managed::Managed,
    provider::{Check, Context, Error, unsupported},
};

/// Checks limits.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r LimitsSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let file = match action {
        Action::Create => Managed::present(&path(&spec.domain), text(spec), 0o644),
        Action::Delete => Managed::absent(&path(&spec.domain)),
        _ => return Err(unsupported(resource, action)),
    };
    let Some((changes, predictions)) = file.compare(context)? else { return Ok(Check::UpToDate) };
    Ok(Check::differs(changes, predictions, move |context| {
        file.put(context)?;
        Ok(Vec::new())
    }))
}

/// The file of a domain. `*` and `@` are in no name of a file that people like to see.
fn path(domain: &str) -> String {
    let name = match domain {
        "*" => "all".to_owned(),
        domain => {
            domain.strip_prefix('@').map_or_else(|| domain.to_owned(), |group| format!("group-{group}"))
        }
    };
    format!("/etc/security/limits.d/engine-{name}.conf")
}

/// Lines of limits.conf(5).
fn text(spec: &LimitsSpec) -> String {
    let mut text = String::new();
    for (kind, limits) in [("soft", &spec.soft), ("hard", &spec.hard)] {
        for (item, value) in limits {
            let _ = writeln!(text, "{} {kind} {item} {value}", spec.domain);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_a_line() {
        let limit = |value: &str| vec![("nofile".to_owned(), value.to_owned())];
        let spec = LimitsSpec { domain: "@app".into(), soft: limit("1024"), hard: limit("unlimited") };
        assert_eq!(text(&spec), "@app soft nofile 1024\n@app hard nofile unlimited\n");
        assert_eq!(path("@app"), "/etc/security/limits.d/engine-group-app.conf");
        assert_eq!(path("*"), "/etc/security/limits.d/engine-all.conf");
    }
}
