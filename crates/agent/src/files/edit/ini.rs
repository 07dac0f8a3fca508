//! The provider of settings in files of sections, keys and values.
//!
//! Such files have no standard. What is taken for granted: `[section]` on a line of its own, comments begin a line with
//! `;` or `#`, a key ends at the first `=` or `:`, all that follows is the value, and a value goes on after a backslash
//! at the end of its line. Of a key or section that is there several times, the last counts, as for most programs.

use std::ops::Range;

use engine_protocol::{Action, Resource, resource::IniSettingSpec};

use super::{
    Edited, Missing,
    text::{Line, Text},
};
use crate::provider::{Check, Context, Error, unsupported};

/// Checks it.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r IniSettingSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let missing = if action == Action::Delete { Missing::HasNothing } else { Missing::IsMade };
    let edited = Edited { path: &spec.path, verify: &spec.verify, backup: spec.backup, missing };
    match action {
        Action::Create => edited.check(context, |content| Ok(create(content, spec))),
        Action::Delete => edited.check(context, |content| Ok(delete(content, spec))),
        _ => Err(unsupported(resource, action)),
    }
}

/// What a line of such a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind<'l> {
    /// Nothing or a comment.
    Nothing,
    /// `[name]`.
    Section(&'l [u8]),
    /// A key, and where in the line its value begins, if it has a separator.
    Key(&'l [u8], Option<usize>),
}

fn kind(line: &[u8]) -> Kind<'_> {
    match line.trim_ascii() {
        [] | [b';' | b'#', ..] => Kind::Nothing,
        [b'[', rest @ ..] => {
            let name = rest.split(|byte| *byte == b']').next().unwrap_or_default();
            Kind::Section(name.trim_ascii())
        }
        _ => match line.iter().position(|byte| matches!(byte, b'=' | b':')) {
            None => Kind::Key(line.trim_ascii(), None),
            Some(index) => {
                let value = &line[index + 1..];
                let spaces = value.len() - value.trim_ascii_start().len();
                Kind::Key(line[..index].trim_ascii(), Some(index + 1 + spaces))
            }
        },
    }
}

/// A setting that is there.
#[derive(Debug)]
struct Found {
    /// Its lines: several if the value goes on.
    lines: Range<usize>,
    /// Where in the first line the value begins.
    value: Option<usize>,
}

/// What was found of a section.
#[derive(Debug, Default)]
struct Section {
    /// Where a new setting goes: after the last one, else after the section's own line.
    end: Option<usize>,
    /// Places of the key.
    found: Vec<Found>,
}

impl Section {
    fn find(text: &Text<'_>, spec: &IniSettingSpec) -> Self {
        let mut section = Self::default();
        // Settings before the first section are in one without a name, which is always there.
        let mut inside = spec.section.is_empty();
        let mut index = 0;
        while index < text.lines.len() {
            let begin = index;
            index += 1;
            match kind(&text.lines[begin].bytes) {
                Kind::Nothing => continue,
                Kind::Section(name) => inside = !spec.section.is_empty() && name == spec.section.as_bytes(),
                Kind::Key(key, value) => {
                    while index < text.lines.len() && text.lines[index - 1].bytes.ends_with(b"\\") {
                        index += 1;
                    }
                    if inside && key == spec.key.as_bytes() {
                        section.found.push(Found { lines: begin..index, value });
                    }
                }
            }
            if inside {
                section.end = Some(index);
            }
        }
        section
    }
}

fn setting(spec: &IniSettingSpec) -> Vec<u8> {
    format!("{}{}{}", spec.key, spec.separator, spec.value).into_bytes()
}

fn create(content: &[u8], spec: &IniSettingSpec) -> Option<Vec<u8>> {
    let mut text = Text::new(content);
    let section = Section::find(&text, spec);
    if let Some(Found { lines, value }) = section.found.last() {
        let first = &text.lines[lines.start].bytes;
        let new = match value {
            None => setting(spec),
            Some(value)
                if lines.len() == 1 && *first[*value..].trim_ascii() == *spec.value.trim().as_bytes() =>
            {
                return None;
            }
            Some(value) => [&first[..*value], spec.value.as_bytes()].concat(),
        };
        let end = text.lines[lines.end - 1].end;
        text.lines.splice(lines.clone(), [Line { bytes: new.into(), end }]);
    } else if let Some(end) = section.end {
        text.insert(end, [setting(spec)]);
    } else if spec.section.is_empty() {
        // Nothing but comments before the first section, if there is one: it goes before them all, or to the end.
        let has_sections = text.lines.iter().any(|line| matches!(kind(&line.bytes), Kind::Section(_)));
        let index = if has_sections { 0 } else { text.lines.len() };
        text.insert(index, [setting(spec)]);
    } else {
        let gap = text.lines.last().is_some_and(|line| !line.bytes.trim_ascii().is_empty());
        let header = format!("[{}]", spec.section).into_bytes();
        let lines = gap.then(Vec::new).into_iter().chain([header, setting(spec)]);
        text.insert(text.lines.len(), lines);
    }
    Some(text.bytes())
}

fn delete(content: &[u8], spec: &IniSettingSpec) -> Option<Vec<u8>> {
    let mut text = Text::new(content);
    let section = Section::find(&text, spec);
    for found in section.found.iter().rev() {
        text.lines.drain(found.lines.clone());
    }
    (!section.found.is_empty()).then(|| text.bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spec(section: &str, key: &str, value: &str) -> IniSettingSpec {
        IniSettingSpec {
            section: section.into(),
            key: key.into(),
            value: value.into(),
            separator: " = ".into(),
            ..IniSettingSpec::default()
        }
    }

    fn created(content: &str, section: &str, key: &str, value: &str) -> Option<String> {
        create(content.as_bytes(), &spec(section, key, value)).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    const PHP: &str =
        "[PHP]\n; About memory.\n;memory_limit = 64M\nmemory_limit=128M\n\n; About time.\n[Date]\n";

    #[test]
    fn a_value_is_replaced_and_its_surroundings_are_not() {
        assert_eq!(
            created(PHP, "PHP", "memory_limit", "256M").unwrap(),
            PHP.replace("memory_limit=128M", "memory_limit=256M")
        );
        assert_eq!(created(PHP, "PHP", "memory_limit", "128M"), None);
        assert_eq!(created("  a :  1  \r\n", "", "a", "2").as_deref(), Some("  a :  2\r\n"));
        assert_eq!(created("  a :  1  \r\n", "", "a", "1"), None);
        assert_eq!(created("a = 1 ; why", "", "a", "1").as_deref(), Some("a = 1"));
        assert_eq!(created("a =", "", "a", "1").as_deref(), Some("a =1"));
        assert_eq!(created("[x]\nskip\n", "x", "skip", "1").as_deref(), Some("[x]\nskip = 1\n"));
        assert_eq!(
            created("[x]\na = 1 \\\n  2 \\\n  3\nb = 1\n", "x", "a", "4").as_deref(),
            Some("[x]\na = 4\nb = 1\n")
        );
    }

    #[test]
    fn a_new_setting_goes_to_the_end_of_its_section() {
        assert_eq!(
            created(PHP, "PHP", "engine", "On").unwrap(),
            PHP.replace("128M\n", "128M\nengine = On\n")
        );
        assert_eq!(created(PHP, "Date", "zone", "UTC").unwrap(), format!("{PHP}zone = UTC\n"));
        assert_eq!(created(PHP, "Mail", "a", "b").unwrap(), format!("{PHP}\n[Mail]\na = b\n"));
        assert_eq!(created(PHP, "", "a", "b").unwrap(), format!("a = b\n{PHP}"));
        assert_eq!(created("# only\n", "", "a", "b").as_deref(), Some("# only\na = b\n"));
        assert_eq!(created("", "x", "a", "b").as_deref(), Some("[x]\na = b\n"));
        assert_eq!(
            created("\u{feff}[x]\r\na = 1", "x", "b", "2").as_deref(),
            Some("\u{feff}[x]\r\na = 1\r\nb = 2\r\n")
        );
        assert_eq!(created("[x]\na = 1 \\\n", "x", "b", "2").as_deref(), Some("[x]\na = 1 \\\nb = 2\n"));
    }

    #[test]
    fn of_several_the_last_counts_and_all_are_deleted() {
        let twice = "[a]\nk = 1\n[b]\nk = 1\n[a]\nk = 2\nl = 1\n";
        assert_eq!(created(twice, "a", "k", "1").unwrap(), twice.replace("k = 2", "k = 1"));
        assert_eq!(created(twice, "a", "k", "2"), None);
        let gone = delete(twice.as_bytes(), &spec("a", "k", "")).unwrap();
        assert_eq!(gone, b"[a]\n[b]\nk = 1\n[a]\nl = 1\n");
        assert_eq!(delete(&gone, &spec("a", "k", "")), None);
        assert_eq!(delete(b"k = 1\n[a]\n", &spec("a", "k", "")), None);
    }

    fn content() -> impl Strategy<Value = String> {
        let line = prop_oneof![
            Just("[a]"),
            Just("[b] ; x"),
            Just("k = 1"),
            Just("k=2"),
            Just("l : 3"),
            Just("; k = 4"),
            Just(""),
            Just("bare"),
            Just("  k = 5"),
        ];
        let end = prop_oneof![4 => Just("\n"), 1 => Just("\r\n")];
        proptest::collection::vec((line, end), 0..10)
            .prop_map(|lines| lines.into_iter().flat_map(|(line, end)| [line, end]).collect())
    }

    proptest! {
        #[test]
        fn applied_twice_nothing_changes(
            content in content(), section in "a|b|c|", key in "k|l|new|bare", value in "1|2|x y|", cut: bool,
        ) {
            let (spec, content) = (spec(&section, &key, &value), content.as_bytes());
            let content = if cut { content.strip_suffix(b"\n").unwrap_or(content) } else { content };
            let now = create(content, &spec);
            prop_assert_ne!(now.as_deref(), Some(content));
            let now = now.unwrap_or_else(|| content.to_vec());
            prop_assert_eq!(create(&now, &spec), None);
            let gone = delete(&now, &spec).unwrap();
            prop_assert_eq!(delete(&gone, &spec), None);
        }

        #[test]
        fn what_was_added_to_a_section_can_be_taken_away_again(content in content(), section in "a|b|") {
            let has = |name: &str| content.lines().any(|line| line.starts_with(&format!("[{name}]")));
            prop_assume!(section.is_empty() || has(&section));
            let spec = spec(&section, "new", "1");
            let made = create(content.as_bytes(), &spec).unwrap();
            prop_assert_eq!(delete(&made, &spec), Some(content.into_bytes()));
        }

        #[test]
        fn other_lines_stay(content in content(), section in "a|b|c|", key in "k|l|new") {
            let made = create(content.as_bytes(), &spec(&section, &key, "x")).unwrap_or_else(|| content.clone().into());
            let (old, new) = (Text::new(content.as_bytes()), Text::new(&made));
            let same = |text: &Text<'_>| text.lines.iter().filter(|line| old.lines.contains(line)).count();
            // One may be replaced.
            prop_assert!(same(&new) + 1 >= old.lines.len(), "{}", String::from_utf8_lossy(&made));
        }
    }
}
