//! The provider of lines in `/etc/hosts`: one line an address, all others are kept byte by byte.

use engine_protocol::{Action, Resource, resource::HostsEntrySpec};

use crate::{
    files::managed::{self, Managed},
    provider::{Check, Context, Error, property, unsupported},
};

/// Where they are.
pub(super) const PATH: &str = "/etc/hosts";

/// Checks a line.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r HostsEntrySpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let wanted = match action {
        Action::Create => {
            let names: Vec<&str> =
                [spec.hostname.as_str()].into_iter().chain(spec.aliases.iter().map(String::as_str)).collect();
            Some(names.join(" "))
        }
        Action::Delete => None,
        _ => return Err(unsupported(resource, action)),
    };
    let text = managed::read(context, PATH)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let now = names_of(&text, &spec.address);
    if now == wanted {
        return Ok(Check::UpToDate);
    }
    let file = Managed::present(PATH, edit(&text, &spec.address, wanted.as_deref()), 0o644);
    let Some((_, predictions)) = file.compare(context)? else { return Ok(Check::UpToDate) };
    let changes = vec![property("names", now, wanted)];
    Ok(Check::differs(changes, predictions, move |context| {
        file.put(context)?;
        Ok(Vec::new())
    }))
}

/// Address and names of a line of hosts(5).
fn fields(line: &str) -> Option<(&str, Vec<&str>)> {
    let mut fields = line.split('#').next().unwrap_or_default().split_whitespace();
    Some((fields.next()?, fields.collect()))
}

/// The names of an address; of its first line, if it has several.
pub(super) fn names_of(text: &str, address: &str) -> Option<String> {
    let names = text.lines().filter_map(fields).find(|(of, _)| *of == address).map(|(_, names)| names);
    names.map(|names| names.join(" "))
}

/// The text with these names for an address, on its first line or at the end; without names, without its lines.
pub(super) fn edit(text: &str, address: &str, names: Option<&str>) -> String {
    let line = names.map(|names| format!("{address}\t{names}\n"));
    let mut new = line.as_ref();
    let mut edited = String::with_capacity(text.len() + 80);
    for old in text.split_inclusive('\n') {
        if fields(old).is_none_or(|(of, _)| of != address) {
            edited.push_str(old);
        } else if let Some(line) = new.take() {
            edited.push_str(line);
        }
    }
    if let Some(line) = new {
        if !edited.is_empty() && !edited.ends_with('\n') {
            edited.push('\n');
        }
        edited.push_str(line);
    }
    edited
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOSTS: &str =
        "127.0.0.1\tlocalhost\n\n# databases\n10.0.0.5  db.example.org db # primary\n::1 localhost";

    #[test]
    fn a_line_is_changed_in_its_place_added_and_taken_out() {
        assert_eq!(names_of(HOSTS, "10.0.0.5"), Some("db.example.org db".into()));
        assert_eq!(
            edit(HOSTS, "10.0.0.5", Some("db2")),
            "127.0.0.1\tlocalhost\n\n# databases\n10.0.0.5\tdb2\n::1 localhost"
        );
        assert_eq!(edit(HOSTS, "10.0.0.6", Some("app")), format!("{HOSTS}\n10.0.0.6\tapp\n"));
        assert_eq!(edit(HOSTS, "10.0.0.5", None), "127.0.0.1\tlocalhost\n\n# databases\n::1 localhost");
    }

    proptest! {
        #[test]
        fn an_edit_is_done_once(lines in proptest::collection::vec("[ -~]{0,30}", 0..6), names in "[a-z]{1,8}( [a-z]{1,8})?") {
            let text = lines.join("\n");
            let once = edit(&text, "10.0.0.9", Some(&names));
            prop_assert_eq!(names_of(&once, "10.0.0.9"), Some(names.clone()));
            prop_assert_eq!(edit(&once, "10.0.0.9", Some(&names)), once.clone());
            prop_assert_eq!(names_of(&edit(&once, "10.0.0.9", None), "10.0.0.9"), None);
        }
    }
}
