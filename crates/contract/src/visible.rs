//! Text of others, fit for a terminal.
//!
//! What cookbooks and nodes say must not move the cursor, change colours or turn the order of
//! characters around: it could forge what engine says. Whatever is printed for people goes through
//! here, and engine's own colours are put around it afterwards.

use std::borrow::Cow;

/// Text that may have several lines: without characters that a terminal obeys or that turn the order
/// of others around. Who prints it keeps its further lines from looking like lines of engine's.
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_harmful(c) && !matches!(c, '\n' | '\t'))
}

/// Text that has to stay on one line, for example a name: as [`lines`], and without ends of lines.
pub fn line(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_harmful(c) && c != '\t')
}

fn is_harmful(c: char) -> bool {
    c.is_control()
        // Marks, embeddings, overrides and isolates of direction.
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        // Separators of lines and paragraphs.
        || matches!(c, '\u{2028}' | '\u{2029}')
}

fn escaped(text: &str, harmful: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&harmful) {
        return Cow::Borrowed(text);
    }
    let mut visible = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if harmful(c) {
            visible.extend(c.escape_default());
        } else {
            visible.push(c);
        }
    }
    Cow::Owned(visible)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_escaped() {
        assert_eq!(lines("\u{1b}[2J\rroot\u{9b}1m\u{7f}"), "\\u{1b}[2J\\rroot\\u{9b}1m\\u{7f}");
        assert_eq!(lines("/etc/\u{202e}dwssap\u{61c}\u{2028}"), "/etc/\\u{202e}dwssap\\u{61c}\\u{2028}");
    }

    #[test]
    fn text_stays_as_it_is() {
        for text in ["", "two\n\tlines\n", "größer — 例え 🦀"] {
            assert!(matches!(lines(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn a_line_stays_one() {
        assert_eq!(line("a\nb\tc"), "a\\nb\tc");
    }

    #[test]
    fn applied_twice_nothing_changes() {
        let once = line("\u{1b}[31m\n").into_owned();
        assert!(matches!(line(&once), Cow::Borrowed(_)));
    }
}
