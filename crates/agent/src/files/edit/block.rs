//! The provider of lines between two marks in files that others own.

use engine_protocol::{Action, Resource, resource::BlockInFileSpec};

use super::{EditError, Edited, Missing, Place, pattern, text::Text};
use crate::provider::{Check, Context, Error, unsupported};

/// Checks it.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r BlockInFileSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let compile = |name, text: &Option<String>| pattern(&spec.path, name, text.as_deref());
    let (after, before) = (compile("after", &spec.after)?, compile("before", &spec.before)?);
    let place = Place { after: after.as_ref(), before: before.as_ref() };
    let marks = Marks::new(spec);
    let missing = if action == Action::Delete { Missing::HasNothing } else { Missing::IsAnError };
    let edited = Edited { path: &spec.path, verify: &spec.verify, backup: spec.backup, missing };
    match action {
        Action::Create => edited.check(context, |content| marks.create(content, &spec.content, place)),
        Action::Delete => edited.check(context, |content| marks.delete(content)),
        _ => Err(unsupported(resource, action)),
    }
}

/// Lines without their ends, whatever these are: the file has its own.
fn lines(block: &str) -> impl Iterator<Item = &str> {
    block.lines().map(|line| line.trim_end_matches('\r'))
}

/// The lines that a block stands between.
#[derive(Debug)]
struct Marks {
    begin: String,
    end: String,
}

impl Marks {
    fn new(spec: &BlockInFileSpec) -> Self {
        let mark = |word| format!("{} {word} engine: {} {}", spec.comment, spec.name, spec.comment_end);
        Self { begin: mark("BEGIN").trim().to_owned(), end: mark("END").trim().to_owned() }
    }

    /// The indices of both marks.
    fn find(&self, text: &Text<'_>) -> Result<Option<(usize, usize)>, EditError> {
        let of = |mark: &str| -> Vec<usize> {
            let is_mark = |line: &[u8]| line.trim_ascii() == mark.as_bytes();
            (0..).zip(&text.lines).filter(|(_, line)| is_mark(&line.bytes)).map(|(index, _)| index).collect()
        };
        match (&of(&self.begin)[..], &of(&self.end)[..]) {
            ([], []) => Ok(None),
            ([begin], [end]) if begin < end => Ok(Some((*begin, *end))),
            (begin, end) => {
                let line = begin.iter().chain(end).min().map_or(1, |index| index + 1);
                Err(EditError::Marks { line, begin: self.begin.clone(), end: self.end.clone() })
            }
        }
    }

    fn create(&self, content: &[u8], block: &str, place: Place<'_>) -> Result<Option<Vec<u8>>, EditError> {
        if let Some(mark) = lines(block).map(str::trim).find(|line| *line == self.begin || *line == self.end)
        {
            return Err(EditError::MarkInside { mark: mark.to_owned() });
        }
        let mut text = Text::new(content);
        if let Some((begin, end)) = self.find(&text)? {
            let present = text.lines[begin + 1..end].iter().map(|line| &*line.bytes);
            if present.eq(lines(block).map(str::as_bytes)) {
                return Ok(None);
            }
            text.lines.drain(begin + 1..end);
            text.insert(begin + 1, lines(block).map(str::as_bytes));
        } else {
            let index = place.find(&text);
            let whole = [self.begin.as_str()].into_iter().chain(lines(block)).chain([self.end.as_str()]);
            text.insert(index, whole.map(str::as_bytes));
        }
        Ok(Some(text.bytes()))
    }

    fn delete(&self, content: &[u8]) -> Result<Option<Vec<u8>>, EditError> {
        let mut text = Text::new(content);
        let Some((begin, end)) = self.find(&text)? else { return Ok(None) };
        text.lines.drain(begin..=end);
        Ok(Some(text.bytes()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex_lite::Regex;

    use super::*;

    const END: Place<'_> = Place { after: None, before: None };

    fn marks() -> Marks {
        let (name, comment) = ("x".to_owned(), "#".to_owned());
        Marks::new(&BlockInFileSpec { name, comment, ..BlockInFileSpec::default() })
    }

    fn created(content: &str, block: &str) -> Option<String> {
        marks().create(content.as_bytes(), block, END).unwrap().map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn a_block_is_added_and_replaced_where_it_is() {
        let one = "a\n# BEGIN engine: x\none\n# END engine: x\n";
        assert_eq!(created("a\n", "one\n").as_deref(), Some(one));
        assert_eq!(created("a", "one").as_deref(), Some(one));
        assert_eq!(created(one, "one"), None);
        let moved = format!("{one}b\n");
        assert_eq!(
            created(&moved, "two\n\nlines\n").as_deref(),
            Some("a\n# BEGIN engine: x\ntwo\n\nlines\n# END engine: x\nb\n")
        );
        assert_eq!(
            created("a\r\n", "1\n2\r\n").as_deref(),
            Some("a\r\n# BEGIN engine: x\r\n1\r\n2\r\n# END engine: x\r\n")
        );
    }

    #[test]
    fn a_new_block_goes_to_its_place() {
        let pattern = Regex::new("^Match").unwrap();
        let place = Place { after: None, before: Some(&pattern) };
        let made = marks().create(b"Port 22\nMatch all\n", "X", place).unwrap().unwrap();
        assert_eq!(made, b"Port 22\n# BEGIN engine: x\nX\n# END engine: x\nMatch all\n");
    }

    #[test]
    fn a_mark_may_have_an_end() {
        let spec = BlockInFileSpec {
            name: "x".into(),
            comment: "<!--".into(),
            comment_end: "-->".into(),
            ..BlockInFileSpec::default()
        };
        assert_eq!(Marks::new(&spec).begin, "<!-- BEGIN engine: x -->");
    }

    #[test]
    fn marks_that_do_not_fit_together_are_an_error() {
        for content in [
            "# BEGIN engine: x\n",
            "a\n# END engine: x\n# BEGIN engine: x\n",
            "# BEGIN engine: x\n# BEGIN engine: x\n# END engine: x\n",
        ] {
            assert!(matches!(marks().delete(content.as_bytes()), Err(EditError::Marks { .. })), "{content}");
        }
        let inside = marks().create(b"", "a\n  # END engine: x\n", END);
        assert!(matches!(inside, Err(EditError::MarkInside { .. })));
    }

    proptest! {
        #[test]
        fn a_block_is_made_once_and_taken_away_again(
            content in "([ab]{0,2}\r?\n){0,4}",
            first in "([a-c]{0,2}\n){1,3}",
            second in "([a-c]{0,2}\n){0,3}c",
            after in proptest::option::of("[ab]"),
        ) {
            let after = after.map(|text| Regex::new(&text).unwrap());
            let place = Place { after: after.as_ref(), before: None };
            let made = marks().create(content.as_bytes(), &first, place).unwrap().unwrap();
            prop_assert_eq!(marks().create(&made, &first, place).unwrap(), None);
            let other = marks().create(&made, &second, place).unwrap().unwrap_or(made);
            prop_assert_eq!(marks().create(&other, &second, place).unwrap(), None);
            prop_assert_eq!(marks().delete(&other).unwrap(), Some(content.into_bytes()));
        }
    }
}
