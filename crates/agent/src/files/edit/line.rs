//! The provider of lines in files that others own.

use engine_protocol::{Action, Resource, resource::LineInFileSpec};
use regex_lite::Regex;

use super::{
    Edited, Missing, Place, pattern,
    text::{Line, Text},
};
use crate::provider::{Check, Context, Error, unsupported};

/// Checks it.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r LineInFileSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let compile = |name, text: &Option<String>| pattern(&spec.path, name, text.as_deref());
    let wanted = compile("pattern", &spec.pattern)?;
    let (after, before) = (compile("after", &spec.after)?, compile("before", &spec.before)?);
    let place = Place { after: after.as_ref(), before: before.as_ref() };
    let missing = if action == Action::Delete { Missing::HasNothing } else { Missing::IsAnError };
    let edited = Edited { path: &spec.path, verify: &spec.verify, backup: spec.backup, missing };
    match action {
        Action::Create => {
            edited.check(context, |content| Ok(create(content, &spec.line, wanted.as_ref(), place)))
        }
        Action::Delete => edited.check(context, |content| Ok(delete(content, &spec.line, wanted.as_ref()))),
        _ => Err(unsupported(resource, action)),
    }
}

/// Makes the last line that matches, or is equal already, be the line; without any, adds it. To count equal lines as
/// well is what makes a line that its own pattern does not match stay alone.
fn create(content: &[u8], line: &str, pattern: Option<&Regex>, place: Place<'_>) -> Option<Vec<u8>> {
    let mut text = Text::new(content);
    match text.lines.iter().rposition(|found| is(found, line, pattern)) {
        Some(index) if *text.lines[index].bytes == *line.as_bytes() => return None,
        Some(index) => text.lines[index].bytes = line.as_bytes().into(),
        None => {
            let index = place.find(&text);
            text.insert(index, [line.as_bytes()]);
        }
    }
    Some(text.bytes())
}

/// Takes out all lines that match or are equal. A pattern may stand alone: then the line is empty, and means none.
fn delete(content: &[u8], line: &str, pattern: Option<&Regex>) -> Option<Vec<u8>> {
    let mut text = Text::new(content);
    let before = text.lines.len();
    let goes = |found: &Line<'_>| match pattern {
        Some(pattern) if line.is_empty() => pattern.is_match(&found.text()),
        pattern => is(found, line, pattern),
    };
    text.lines.retain(|found| !goes(found));
    (text.lines.len() < before).then(|| text.bytes())
}

fn is(found: &Line<'_>, line: &str, pattern: Option<&Regex>) -> bool {
    *found.bytes == *line.as_bytes() || pattern.is_some_and(|pattern| pattern.is_match(&found.text()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::text::End, *};

    const END: Place<'_> = Place { after: None, before: None };

    fn created(content: &str, line: &str, pattern: &str) -> Option<String> {
        let pattern = (!pattern.is_empty()).then(|| Regex::new(pattern).unwrap());
        create(content.as_bytes(), line, pattern.as_ref(), END).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    fn placed(content: &str, line: &str, after: &str, before: &str) -> String {
        let compile = |text: &str| (!text.is_empty()).then(|| Regex::new(text).unwrap());
        let (after, before) = (compile(after), compile(before));
        let place = Place { after: after.as_ref(), before: before.as_ref() };
        String::from_utf8(create(content.as_bytes(), line, None, place).unwrap()).unwrap()
    }

    #[test]
    fn the_last_line_that_matches_is_replaced() {
        let config = "#PermitRootLogin yes\nPort 22\nPermitRootLogin yes\nMatch all\n";
        assert_eq!(
            created(config, "PermitRootLogin no", "^#?PermitRootLogin ").as_deref(),
            Some("#PermitRootLogin yes\nPort 22\nPermitRootLogin no\nMatch all\n")
        );
        assert_eq!(created("a=1\na=2\n", "a=2", "^a="), None);
        assert_eq!(created("a=2\na=1\n", "a=2", "^a=").as_deref(), Some("a=2\na=2\n"));
        // The line is not what its pattern looks for.
        assert_eq!(created("old\nold\n", "new", "^old$").as_deref(), Some("old\nnew\n"));
        assert_eq!(created("old\nnew\n", "new", "^old$"), None);
    }

    #[test]
    fn a_line_that_is_missing_is_added_whole() {
        assert_eq!(created("", "a", "").as_deref(), Some("a\n"));
        assert_eq!(created("x", "a", "").as_deref(), Some("x\na\n"));
        assert_eq!(created("x\r\ny\r\n", "a", "").as_deref(), Some("x\r\ny\r\na\r\n"));
        assert_eq!(created("x\na", "a", ""), None);
        assert_eq!(placed("[a]\nx\n[b]\ny\n", "z", "^\\[", ""), "[a]\nx\n[b]\nz\ny\n");
        assert_eq!(placed("[a]\nx\n[b]\ny\n", "z", "", "^\\["), "z\n[a]\nx\n[b]\ny\n");
        assert_eq!(placed("x\n", "z", "nothing", ""), "x\nz\n");
        assert_eq!(placed("x\n", "z", "", "nothing"), "x\nz\n");
    }

    #[test]
    fn the_end_of_a_line_that_is_replaced_is_kept() {
        assert_eq!(created("a=1\r\nb=1", "b=2", "^b=").as_deref(), Some("a=1\r\nb=2"));
        assert_eq!(created("a=1\r\nb=1\n", "a=2", "^a=").as_deref(), Some("a=2\r\nb=1\n"));
    }

    #[test]
    fn all_lines_that_match_are_deleted() {
        let gone = |content: &[u8], line: &str, pattern: &str| {
            let pattern = (!pattern.is_empty()).then(|| Regex::new(pattern).unwrap());
            delete(content, line, pattern.as_ref())
        };
        assert_eq!(gone(b"a\nb\na\n", "a", "").as_deref(), Some(b"b\n".as_slice()));
        assert_eq!(gone(b"a1\n\nb\na2", "", "^a").as_deref(), Some(b"\nb\n".as_slice()));
        assert_eq!(gone(b"a\nb\n", "b", "^a").as_deref(), Some(b"".as_slice()));
        assert_eq!(gone(b"a\n", "b", "^c"), None);
        assert_eq!(gone(b"a\n\nb\n", "", "").as_deref(), Some(b"a\nb\n".as_slice()));
    }

    #[test]
    fn what_is_not_utf_8_is_kept() {
        assert_eq!(
            create(b"caf\xe9=1\nx=1\n", "x=2", Some(&Regex::new("^x=").unwrap()), END).as_deref(),
            Some(b"caf\xe9=1\nx=2\n".as_slice())
        );
    }

    fn content() -> impl Strategy<Value = Vec<u8>> {
        let line = prop_oneof![
            Just("a"),
            Just("b"),
            Just("a=1"),
            Just("#a=1"),
            Just(""),
            Just("\u{e9}"),
            Just("x y")
        ];
        let end = prop_oneof![4 => Just("\n"), 1 => Just("\r\n")];
        (proptest::collection::vec((line, end), 0..8), any::<bool>(), any::<bool>()).prop_map(
            |(lines, cut, odd)| {
                let mut content: Vec<u8> = lines
                    .iter()
                    .flat_map(|(line, end)| [line.as_bytes(), end.as_bytes()])
                    .flatten()
                    .copied()
                    .collect();
                while cut && content.last().is_some_and(u8::is_ascii_whitespace) {
                    content.pop();
                }
                if odd {
                    content.splice(0..0, *b"\xff\xfe\n");
                }
                content
            },
        )
    }

    fn patterns() -> impl Strategy<Value = Option<Regex>> {
        proptest::option::of(prop_oneof![Just("^a"), Just("^#?a="), Just("b$"), Just("^$"), Just(".")])
            .prop_map(|text| text.map(|text| Regex::new(text).unwrap()))
    }

    proptest! {
        #[test]
        fn applied_twice_nothing_changes(
            content in content(),
            line in "a|a=2|b|new",
            (pattern, after, before) in (patterns(), patterns(), patterns()),
        ) {
            let place = Place { after: after.as_ref(), before: before.as_ref() };
            let (pattern, mut now) = (pattern.as_ref(), content);
            if let Some(next) = create(&now, &line, pattern, place) {
                prop_assert_ne!(&next, &now);
                now = next;
            }
            prop_assert!(Text::new(&now).lines.iter().any(|found| *found.bytes == *line.as_bytes()));
            prop_assert_eq!(create(&now, &line, pattern, place), None);
            let gone = delete(&now, &line, pattern).unwrap();
            prop_assert_eq!(delete(&gone, &line, pattern), None);
        }

        #[test]
        fn one_line_is_added_or_replaced_and_nothing_else_changes(
            content in content(), pattern in patterns(), after in patterns(),
        ) {
            let place = Place { after: after.as_ref(), before: None };
            let (old, new) = (Text::new(&content), create(&content, "new", pattern.as_ref(), place).unwrap());
            let mut new = Text::new(&new);
            let index = new.lines.iter().position(|line| *line.bytes == *b"new").unwrap();
            if new.lines.len() == old.lines.len() {
                prop_assert!(pattern.unwrap().is_match(&old.lines[index].text()));
                prop_assert_eq!(new.lines[index].end, old.lines[index].end);
                new.lines[index] = old.lines[index].clone();
                prop_assert_eq!(new.bytes(), content);
                return Ok(());
            }
            new.lines.remove(index);
            // The line before it may have had no end.
            if let Some(last) = new.lines.last_mut() && old.lines.last().unwrap().end == End::None {
                last.end = End::None;
            }
            prop_assert_eq!(new.bytes(), content);
        }

        #[test]
        fn what_was_added_can_be_taken_away_again(content in content(), after in patterns()) {
            let whole = content.is_empty() || content.ends_with(b"\n");
            prop_assume!(whole);
            let place = Place { after: after.as_ref(), before: None };
            let made = create(&content, "new", None, place).unwrap();
            prop_assert_eq!(delete(&made, "new", None), Some(content));
        }
    }
}
