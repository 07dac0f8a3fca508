//! A file as lines that keep their own ends, so that what is not edited comes out as it went in, byte by byte.

use std::borrow::Cow;

/// What some editors put before UTF-8. It belongs to no line.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// How a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// A line feed.
    Unix,
    /// Carriage return and line feed.
    Dos,
    /// The file ends without one.
    None,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line<'t> {
    /// Without its end.
    pub(super) bytes: Cow<'t, [u8]>,
    pub(super) end: End,
}

impl Line<'_> {
    /// As text, for regular expressions. What is not UTF-8 matches no letter that is asked for.
    pub(super) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

/// All lines of a file.
#[derive(Debug, Clone)]
pub(super) struct Text<'t> {
    has_mark: bool,
    pub(super) lines: Vec<Line<'t>>,
}

impl<'t> Text<'t> {
    pub(super) fn new(content: &'t [u8]) -> Self {
        let rest = content.strip_prefix(MARK);
        let lines = rest.unwrap_or(content).split_inclusive(|byte| *byte == b'\n').map(|whole| {
            let (bytes, end) = match whole.strip_suffix(b"\n") {
                None => (whole, End::None),
                Some(line) => line.strip_suffix(b"\r").map_or((line, End::Unix), |line| (line, End::Dos)),
            };
            Line { bytes: Cow::Borrowed(bytes), end }
        });
        Self { has_mark: rest.is_some(), lines: lines.collect() }
    }

    /// The content of the file.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut content = if self.has_mark { MARK.to_vec() } else { Vec::new() };
        for line in &self.lines {
            content.extend_from_slice(&line.bytes);
            content.extend_from_slice(match line.end {
                End::Unix => b"\n",
                End::Dos => b"\r\n",
                End::None => b"",
            });
        }
        content
    }

    /// The end that new lines get: that of the first line.
    pub(super) fn end(&self) -> End {
        match self.lines.first() {
            Some(Line { end: End::Dos, .. }) => End::Dos,
            _ => End::Unix,
        }
    }

    /// Puts lines before the one of this index. What stood at the end of the file without an end gets one.
    pub(super) fn insert<S: Into<Cow<'t, [u8]>>>(
        &mut self,
        index: usize,
        lines: impl IntoIterator<Item = S>,
    ) {
        let end = self.end();
        if let Some(before) = index.checked_sub(1).and_then(|index| self.lines.get_mut(index))
            && before.end == End::None
        {
            before.end = end;
        }
        self.lines.splice(index..index, lines.into_iter().map(|bytes| Line { bytes: bytes.into(), end }));
    }
}

/// Where something new goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'p> {
    /// After the last line that matches.
    pub(super) after: Option<&'p regex_lite::Regex>,
    /// Before the first line that matches.
    pub(super) before: Option<&'p regex_lite::Regex>,
}

impl Place<'_> {
    /// The index of the line before which it goes: the end if nothing matches.
    pub(super) fn find(&self, text: &Text<'_>) -> usize {
        let matches = |pattern: &regex_lite::Regex, line: &Line<'_>| pattern.is_match(&line.text());
        let after = |pattern| Some(text.lines.iter().rposition(|line| matches(pattern, line))? + 1);
        let before = |pattern| text.lines.iter().position(|line| matches(pattern, line));
        let found = self.after.and_then(after).or_else(|| self.before.and_then(before));
        found.unwrap_or(text.lines.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_keep_their_ends() {
        let text = Text::new(b"\xef\xbb\xbfa\r\nb\n\nc");
        let ends: Vec<End> = text.lines.iter().map(|line| line.end).collect();
        assert_eq!(ends, [End::Dos, End::Unix, End::Unix, End::None]);
        assert_eq!((&*text.lines[0].bytes, text.end()), (b"a".as_slice(), End::Dos));
        assert!(Text::new(b"").lines.is_empty());
    }

    #[test]
    fn a_new_line_is_whole_and_so_is_the_one_before_it() {
        let mut text = Text::new(b"a\r\nb");
        text.insert(2, [b"c".as_slice()]);
        assert_eq!(text.bytes(), b"a\r\nb\r\nc\r\n");
        text.insert(0, [b"first".as_slice(), b"second"]);
        assert_eq!(text.bytes(), b"first\r\nsecond\r\na\r\nb\r\nc\r\n");
    }

    proptest! {
        #[test]
        fn what_is_not_edited_comes_out_as_it_went_in(content: Vec<u8>, lines in "(\u{feff})?([ab\r]{0,2}\r?\n){0,3}a?") {
            prop_assert_eq!(Text::new(&content).bytes(), content);
            prop_assert_eq!(Text::new(lines.as_bytes()).bytes(), lines.as_bytes());
        }
    }
}
