//! What new content must pass before it is put in place.

use engine_protocol::resource::{Format, Verify};

use super::{FileError, body::Body, write::Draft};
use crate::{
    command::{Ended, Run, Tail},
    provider::Error,
};

mod ini;
mod systemd;

/// Content beyond this length is not read to be checked.
const CONTENT_BYTES: u64 = 64 * 1024 * 1024;

/// Where content is not well-formed, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}{}: {message}", .column.map(|column| format!(", column {column}")).unwrap_or_default())]
pub struct Malformed {
    /// Line, counted from 1.
    pub line: usize,
    /// Column, counted from 1, where the format's parser says it.
    pub column: Option<usize>,
    /// What the parser says.
    pub message: String,
}

impl Malformed {
    fn line(line: usize, message: impl Into<String>) -> Self {
        Self { line, column: None, message: message.into() }
    }

    /// At an offset in the text.
    fn at(text: &[u8], offset: usize, message: impl Into<String>) -> Self {
        let before = &text[..offset.min(text.len())];
        let begin = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |index| index + 1);
        let line = before.split(|byte| *byte == b'\n').count();
        Self { line, column: Some(before.len() - begin + 1), message: message.into() }
    }
}

/// Checks new content for a format; in plans as well, for this has no effects.
pub fn format(verify: &Verify, path: &str, content: &Body) -> Result<(), FileError> {
    let Some(format) = verify.format else { return Ok(()) };
    let bytes = content.read(path, CONTENT_BYTES + 1)?;
    if bytes.len() as u64 > CONTENT_BYTES {
        return Err(FileError::TooLarge { path: path.to_owned(), what: "checked", limit: CONTENT_BYTES });
    }
    let name = Format::ALL.iter().find(|(_, known)| *known == format).map_or("", |(name, _)| name);
    well_formed(format, &bytes).map_err(|malformed| FileError::Malformed {
        path: path.to_owned(),
        format: name,
        malformed,
    })
}

/// Runs the command that must succeed on a complete draft. It may have effects, so plans do not run it.
pub fn command(verify: &Verify, path: &str, draft: &Draft) -> Result<(), Error> {
    if verify.argv.is_empty() {
        return Ok(());
    }
    let at = draft.path();
    let finished = Run::new(verify.argv.iter().map(|argument| argument.replace("{path}", &at))).finish()?;
    if finished.status.success() {
        return Ok(());
    }
    Err(FileError::Refused {
        path: path.to_owned(),
        command: verify.argv.join(" "),
        status: Ended(finished.status),
        // The draft is gone when somebody reads this.
        output: Tail(finished.output.replace(&at, path)),
    }
    .into())
}

fn well_formed(format: Format, content: &[u8]) -> Result<(), Malformed> {
    let text = std::str::from_utf8(content)
        .map_err(|error| Malformed::at(content, error.valid_up_to(), "this is not UTF-8"))?;
    if let Some(offset) = text.find('\0') {
        return Err(Malformed::at(content, offset, "a NUL byte"));
    }
    match format {
        Format::Json => json(text),
        Format::Yaml => yaml(text),
        Format::Toml => toml(text),
        Format::Ini => ini::check(text),
        Format::Systemd => systemd::check(text),
    }
}

fn json(text: &str) -> Result<(), Malformed> {
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => Ok(()),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            let message = error.to_string();
            let place = format!(" at line {line} column {column}");
            let message = message.strip_suffix(&place).unwrap_or(&message).to_owned();
            Err(Malformed { line: line.max(1), column: Some(column.max(1)), message })
        }
    }
}

fn yaml(text: &str) -> Result<(), Malformed> {
    for event in saphyr_parser::Parser::new_from_str(text) {
        if let Err(error) = event {
            let marker = error.marker();
            let (line, column) = (marker.line(), Some(marker.col() + 1));
            return Err(Malformed { line, column, message: error.info().to_owned() });
        }
    }
    Ok(())
}

fn toml(text: &str) -> Result<(), Malformed> {
    match toml::de::DeTable::parse(text) {
        Ok(_) => Ok(()),
        Err(error) => {
            let offset = error.span().map_or(0, |span| span.start);
            Err(Malformed::at(text.as_bytes(), offset, error.message().replace('\n', ", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn says(format: Format, text: &str) -> String {
        well_formed(format, text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn well_formed_content_passes() {
        for (format, text) in [
            (Format::Json, "{\"a\": [1, 2.5e3, null, \"\\u00fc\"]}\n"),
            (Format::Yaml, "%YAML 1.2\n---\na: &x [1, 2]\nb: *x\nc: |\n  text\n---\n- other: {d: e}\n"),
            (Format::Yaml, ""),
            (Format::Toml, "a = 1\n[b.c]\nd = [\"e\", 1979-05-27T07:32:00Z]\n[[f]]\n[[f]]\n"),
            (Format::Ini, "; a comment\nbare\n[section one]\nkey = value\n  indented: x\n"),
            (Format::Systemd, "[Unit]\nDescription=x\n[Service]\nExecStart=a \\\n# inside\n  b\n"),
        ] {
            assert_eq!(well_formed(format, text.as_bytes()), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_is_malformed_is_named_with_its_place() {
        for (format, text, expected) in [
            (Format::Json, "{\n  \"a\": 1,\n}\n", "line 3, column 1: key must be a string"),
            (Format::Json, "[1,]", "line 1, column 4: expected value"),
            (Format::Json, "", "line 1, column 1: EOF while parsing a value"),
            (Format::Yaml, "a: [1, 2\nb: c\n", "line 2, column 2: illegal placement of ':' indicator"),
            (
                Format::Yaml,
                "a: b\n  c: d\n",
                "line 2, column 4: mapping values are not allowed in this context",
            ),
            (Format::Yaml, "a: *nobody\n", "line 1, column 4: while parsing node, found unknown anchor"),
            (Format::Yaml, "a: \0", "line 1, column 4: a NUL byte"),
            (Format::Toml, "a = 1\na = 2\n", "line 2, column 1: duplicate key"),
            (
                Format::Toml,
                "a = \n",
                "line 1, column 5: string values must be quoted, expected literal string",
            ),
            (Format::Ini, "[ok]\n[open\n", "line 2: a section without `]`"),
            (Format::Systemd, "[Unit]\nDescription\n", "line 2: no `=`"),
        ] {
            assert_eq!(says(format, text), expected, "{text}");
        }
        let error = well_formed(Format::Ini, b"a=1\nb=\xff\n").unwrap_err();
        assert_eq!(error.to_string(), "line 2, column 3: this is not UTF-8");
    }

    proptest! {
        #[test]
        fn any_bytes_are_well_formed_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for (_, format) in Format::ALL {
                let _ = well_formed(*format, &bytes);
            }
        }

        #[test]
        fn any_text_is_well_formed_or_not(text in "[-\\[\\]{}:#&*!|>'\"%@`a-c0-2 \n\t\\\\=.,;_]{0,80}") {
            for (_, format) in Format::ALL {
                let _ = well_formed(*format, text.as_bytes());
            }
        }
    }
}
