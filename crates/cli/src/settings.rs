//! Attributes from the command line. OpsWorks' custom JSON, and single values.

use std::fs;

use engine_model::Attributes;
use serde_json::{Map, Value};

/// The words of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Words(pub(crate) Vec<String>);

/// Reads the words of a command as a shell quotes them. No shell runs it.
pub(crate) fn words(text: &str) -> Result<Words, String> {
    match shlex::split(text) {
        Some(words) if !words.is_empty() => Ok(Words(words)),
        Some(_) => Err("it is empty".to_owned()),
        None => Err("a quote is not closed".to_owned()),
    }
}

/// Reads `nginx.port=8080`: keys with dots between them, and JSON or a text.
pub(crate) fn attribute(text: &str) -> Result<Attributes, String> {
    let (path, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    if path.split('.').any(str::is_empty) {
        return Err(format!("`{path}` is no attribute; keys stand with dots between them"));
    }
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    let tree =
        path.rsplit('.').fold(value, |value, key| Value::Object(Map::from_iter([(key.to_owned(), value)])));
    match tree {
        Value::Object(map) => Ok(Attributes(map)),
        _ => Err("write KEY=VALUE".to_owned()),
    }
}

/// Reads a JSON object, or with `@` before it the file that has one.
pub(crate) fn custom_json(text: &str) -> Result<Attributes, String> {
    let read;
    let (text, place) = match text.strip_prefix('@') {
        Some(path) => {
            read = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
            (read.as_str(), format!("{path}: "))
        }
        None => (text, String::new()),
    };
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Ok(Attributes(map)),
        Ok(_) => Err(format!("{place}it must be an object, `{{...}}`")),
        Err(error) => Err(format!("{place}{error}")),
    }
}

/// The attributes of a run: those that are set lie on top of the custom JSON, later ones on top of earlier ones.
pub(crate) fn attributes(custom_json: Option<&Attributes>, set: &[Attributes]) -> Attributes {
    let mut attributes = custom_json.cloned().unwrap_or_default();
    for over in set {
        attributes.overlay(over);
    }
    attributes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(attributes: Attributes) -> Value {
        Value::Object(attributes.0)
    }

    #[test]
    fn a_value_is_json_where_it_reads_as_json() {
        for (text, expected) in [
            ("a=1", json!({"a": 1})),
            ("a.b.c=true", json!({"a": {"b": {"c": true}}})),
            ("a=hello=you", json!({"a": "hello=you"})),
            ("a=\"1\"", json!({"a": "1"})),
            ("a=[1, 2]", json!({"a": [1, 2]})),
            ("a=", json!({"a": ""})),
        ] {
            assert_eq!(value(attribute(text).unwrap()), expected, "{text}");
        }
        for text in ["a", "=1", "a..b=1", ".a=1"] {
            assert!(attribute(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_command_is_words_and_no_shell() {
        assert_eq!(
            words("notify-send 'engine run' $HOME").unwrap().0,
            ["notify-send", "engine run", "$HOME"]
        );
        assert!(words("'open").is_err() && words("  ").is_err());
    }

    #[test]
    fn what_is_set_lies_on_top_of_the_custom_json() {
        let json = custom_json(r#"{"nginx": {"port": 80, "workers": 2}}"#).unwrap();
        let set = [attribute("nginx.port=81").unwrap(), attribute("nginx.port=82").unwrap()];
        assert_eq!(value(attributes(Some(&json), &set)), json!({"nginx": {"port": 82, "workers": 2}}));
    }

    #[test]
    fn custom_json_is_an_object_from_the_command_line_or_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "{\"a\": 1}").unwrap();
        let path = format!("@{}", file.path().display());
        assert_eq!(value(custom_json(&path).unwrap()), json!({"a": 1}));
        assert!(custom_json("[1]").unwrap_err().contains("object"));
        fs::write(file.path(), "{\"a\": }").unwrap();
        assert!(custom_json(&path).unwrap_err().starts_with(&path[1..]));
        assert!(custom_json("@/missing").unwrap_err().starts_with("/missing: "));
    }
}
