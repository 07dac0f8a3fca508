//! References to secrets: texts that stand for a value that only the controller knows.
//!
//! `{{secret:NAME}}` is what an operator writes into attributes, what a recipe gets and may put into resources, and what
//! is kept of it everywhere. The value takes its place when a collection goes to the node, and only where
//! [`places`] says that it is safe. `{{secret:NAME:quoted}}` is the same for between double quotes.

use std::ops::Range;

use crate::resource::{Resource, Spec};

/// How a reference begins.
const OPENING: &[u8] = b"{{secret:";
/// How it ends.
const CLOSING: &[u8] = b"}}";
/// What follows a name whose value is to be [quoted](quote).
const QUOTED: &[u8] = b":quoted";
/// The longest name of a secret, that of all names in stack files.
const LONGEST_NAME: usize = 63;

/// What stands for a secret.
pub fn reference(name: &str) -> String {
    format!("{{{{secret:{name}}}}}")
}

/// A reference in a text, or what was one before somebody altered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it stands, in bytes.
    pub range: Range<usize>,
    /// The secret's name; `None` if it is no reference any more.
    pub name: Option<String>,
    /// Whether the value is to be [quoted](quote).
    pub quoted: bool,
}

/// The references in a text, in order. What differs in the case of its letters or is cut off is found as well, without
/// a name: a filter of a template may have done that.
pub fn find(text: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(offset) = text[from..].iter().position(|byte| *byte == OPENING[0]) {
        let start = from + offset;
        let opening = text[start..].get(..OPENING.len());
        if !opening.is_some_and(|opening| opening.eq_ignore_ascii_case(OPENING)) {
            from = start + 1;
            continue;
        }
        let inside = start + OPENING.len();
        let reach = &text[inside..text.len().min(inside + LONGEST_NAME + QUOTED.len() + CLOSING.len())];
        let closing = reach.windows(CLOSING.len()).position(|window| window == CLOSING);
        let end = closing.map_or(inside, |length| inside + length + CLOSING.len());
        let said = closing.filter(|_| opening == Some(OPENING)).map(|length| &reach[..length]);
        let unquoted = said.and_then(|said| said.strip_suffix(QUOTED));
        let name = unquoted.or(said).and_then(name);
        found.push(Found { range: start..end, name, quoted: unquoted.is_some() });
        from = end;
    }
    found
}

fn name(text: &[u8]) -> Option<String> {
    let (first, rest) = text.split_first()?;
    let fits = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(byte);
    (text.len() <= LONGEST_NAME && first.is_ascii_lowercase() && rest.iter().all(fits))
        .then(|| String::from_utf8_lossy(text).into_owned())
}

/// Whether a text is one reference to a value as it is, and nothing else.
pub fn is_reference(text: &str) -> bool {
    matches!(&find(text.as_bytes())[..], [found] if found.name.is_some() && !found.quoted && found.range == (0..text.len()))
}

/// A text as it stands between double quotes in files that shells and systemd's `EnvironmentFile` read. Line breaks stay.
pub fn quote(text: &str) -> String {
    let escape = |c: char| matches!(c, '"' | '\\' | '$' | '`').then_some('\\').into_iter().chain([c]);
    text.chars().flat_map(escape).collect()
}

/// Whether who reads a quoted text gets it. A shell takes all but a zero byte; systemd (`env_value_is_valid`) drops a
/// variable with other control characters than tabs and line breaks in it.
pub fn can_be_quoted(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n'))
}

/// The same of a text with references in it: their values will be quoted.
pub fn quote_around(text: &str) -> String {
    let (mut quoted, mut from) = (String::with_capacity(text.len()), 0);
    for Found { range, name, .. } in find(text.as_bytes()) {
        quoted.push_str(&quote(&text[from..range.start]));
        match name {
            Some(name) => quoted.extend(["{{secret:", &name, ":quoted}}"]),
            // What it was before somebody altered it is refused later on.
            None => quoted.push_str(&text[range.clone()]),
        }
        from = range.end;
    }
    quoted.push_str(&quote(&text[from..]));
    quoted
}

/// The text with something else in the place of each reference.
pub fn replace<E>(text: &[u8], mut with: impl FnMut(&Found) -> Result<Vec<u8>, E>) -> Result<Vec<u8>, E> {
    let mut replaced = Vec::with_capacity(text.len());
    let mut from = 0;
    for found in find(text) {
        replaced.extend_from_slice(&text[from..found.range.start]);
        replaced.extend(with(&found)?);
        from = found.range.end;
    }
    replaced.extend_from_slice(&text[from..]);
    Ok(replaced)
}

/// The text as people may read it: `[secret NAME]` for each reference.
pub fn shown(text: &str) -> String {
    if !text.contains("{{") {
        return text.to_owned();
    }
    let show = |found: &Found| -> Result<Vec<u8>, std::convert::Infallible> {
        let name = found.name.as_ref();
        Ok(name.map_or_else(|| "[secret]".to_owned(), |name| format!("[secret {name}]")).into_bytes())
    };
    let Ok(shown) = replace(text.as_bytes(), show);
    String::from_utf8_lossy(&shown).into_owned()
}

/// Whether there is a reference anywhere in a resource: its name, its properties, its guards.
pub fn occurs_in(resource: &Resource) -> bool {
    // Texts and bytes stand in it one after the other, as they are.
    postcard::to_allocvec(resource).map_or(true, |bytes| !find(&bytes).is_empty())
}

/// A place in a resource that a secret may stand in.
#[derive(Debug)]
pub enum Place<'a> {
    /// A text of any lines, such as the value of an environment variable.
    Text(&'a mut String),
    /// A text of one line: more would be understood as something else.
    Line(&'a mut String),
    /// The content of a file.
    Bytes(&'a mut Vec<u8>),
}

impl Place<'_> {
    /// What stands there.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Place::Text(text) | Place::Line(text) => text.as_bytes(),
            Place::Bytes(bytes) => bytes,
        }
    }

    /// Whether a value can stand there.
    pub fn takes(&self, value: &[u8]) -> bool {
        match self {
            Place::Text(_) => !value.contains(&0),
            Place::Line(_) => !value.iter().any(u8::is_ascii_control),
            Place::Bytes(_) => true,
        }
    }

    /// Puts something else there. Bytes that are no text do not become one.
    pub fn put(self, new: Vec<u8>) {
        match self {
            Place::Text(text) | Place::Line(text) => {
                *text = String::from_utf8(new)
                    .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
            }
            Place::Bytes(bytes) => *bytes = new,
        }
    }
}

/// Hands over all places of a resource that the value of a secret may stand in. Everything else may be seen by others: the
/// arguments of a process, a URL in the log of a proxy, a unit of systemd.
pub fn places(spec: &mut Spec, visit: &mut dyn FnMut(Place<'_>)) {
    match spec {
        Spec::File(file) => file.content.iter_mut().for_each(|content| visit(Place::Bytes(&mut content.0))),
        Spec::RemoteDirectory(directory) => {
            directory.files.iter_mut().for_each(|(_, content)| visit(Place::Bytes(&mut content.0)));
        }
        Spec::RemoteFile(file) => file.headers.iter_mut().for_each(|(_, value)| visit(Place::Line(value))),
        Spec::User(user) => user.password.iter_mut().for_each(|hash| visit(Place::Line(hash))),
        Spec::Execute(execute) => {
            execute.process.environment.iter_mut().for_each(|(_, value)| visit(Place::Text(value)));
        }
        Spec::Script(script) => {
            visit(Place::Bytes(&mut script.code.0));
            script.process.environment.iter_mut().for_each(|(_, value)| visit(Place::Text(value)));
        }
        _ => {}
    }
}

/// The mode that the content of a resource is written with, for those that write files; `Some(None)` if the resource does
/// not say it.
pub fn mode_of_content(spec: &Spec) -> Option<Option<u32>> {
    match spec {
        Spec::File(file) => Some(file.access.mode),
        Spec::RemoteDirectory(directory) => Some(directory.files_mode),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(text: &str) -> Vec<Option<String>> {
        find(text.as_bytes()).into_iter().map(|found| found.name).collect()
    }

    #[test]
    fn references_are_found_and_altered_ones_are_told() {
        let db = || Some("db-1".to_owned());
        assert_eq!(names("a {{secret:db-1}}{{secret:db-1}} b"), [db(), db()]);
        assert_eq!(names("{{{secret:db-1}}}"), [db()]);
        for text in [
            "{{SECRET:DB}}",
            "{{Secret:db}}",
            "{{secret:}}",
            "{{secret:a b}}",
            "{{secret:cut",
            "{{secret:../x}}",
        ] {
            assert_eq!(names(text), [None], "{text}");
        }
        for text in ["", "{{secret", "{{ secret:db }}", "secret:db}}", "{{secrets.db}}"] {
            assert_eq!(names(text), [], "{text}");
        }
        assert_eq!(names(&reference("db-1")), [db()]);
        assert_eq!(names("{{secret:db-1:quoted}}"), [db()]);
        assert_eq!(names("{{secret:db-1:Quoted}}"), [None]);
        assert_eq!(names(&format!("{{{{secret:{}:quoted}}}}", "a".repeat(64))), [None]);
        assert!(is_reference("{{secret:db}}") && !is_reference("{{secret:db:quoted}}"));
    }

    #[test]
    fn people_see_the_name_and_no_reference() {
        assert_eq!(shown("p={{secret:db}}, {{SECRET:x}}!"), "p=[secret db], [secret]!");
        assert_eq!(shown("{{secret:db:quoted}}"), "[secret db]");
        assert_eq!(shown("{{ no }}"), "{{ no }}");
    }

    #[test]
    fn what_is_around_a_reference_is_quoted_now_and_its_value_later() {
        assert_eq!(quote_around(r#"a"{{secret:db}}$"#), r#"a\"{{secret:db:quoted}}\$"#);
        assert_eq!(quote_around("{{secret:db:quoted}}{{SECRET:db}}"), "{{secret:db:quoted}}{{SECRET:db}}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_shell_reads_what_was_quoted(text in "[^\0]{0,40}", special in "[\"\\\\$`'!\n\r {}]{0,20}") {
            for text in [&text, &special] {
                let script = format!("X=\"{}\"\nprintf %s \"$X\"", quote(text));
                let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
                prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), text.as_str());
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_looked_through(bytes: Vec<u8>, before in "[{a]{0,4}", name in "[a-z][a-z0-9_-]{0,62}") {
            let _ = find(&bytes);
            let mut text = before.into_bytes();
            text.extend(reference(&name).into_bytes());
            text.extend(bytes);
            let found = find(&text);
            prop_assert_eq!(found[0].name.as_deref(), Some(name.as_str()));
            let same = replace(&text, |found| Ok::<_, ()>(text[found.range.clone()].to_vec()));
            if found.iter().all(|found| found.name.is_some()) {
                prop_assert_eq!(same.unwrap(), text);
            }
        }
    }
}
