//! The helper that all reading goes through.

use engine_model::LifecycleEvent;
use schemars::JsonSchema;
use toml::{
    Spanned as TomlSpanned,
    de::{DeTable, DeValue},
};

use super::{Field, Spanned};
use crate::{source::Diagnostic, suggest};

/// Something that a TOML value can be read as, and that an editor can be told about.
pub(crate) trait Value: JsonSchema + Sized {
    /// Reads it; `None` if a problem was reported instead.
    fn read(reader: &mut Reader, value: &TomlSpanned<DeValue<'_>>) -> Option<Self>;
}

/// Where reading is, and what was found wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) problems: Vec<Diagnostic>,
    path: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Key(String),
    Item(usize),
}

impl Reader {
    /// Runs `read` one key deeper.
    pub(crate) fn at<T>(&mut self, key: &str, read: impl FnOnce(&mut Reader) -> T) -> T {
        self.step(Step::Key(key.to_owned()), read)
    }

    /// Runs `read` at an item of an array.
    pub(crate) fn at_item<T>(&mut self, index: usize, read: impl FnOnce(&mut Reader) -> T) -> T {
        self.step(Step::Item(index), read)
    }

    fn step<T>(&mut self, step: Step, read: impl FnOnce(&mut Reader) -> T) -> T {
        self.path.push(step);
        let result = read(self);
        self.path.pop();
        result
    }

    /// Reads one key of a table.
    pub(crate) fn field<T: Value>(&mut self, table: &DeTable<'_>, key: &str) -> Field<T> {
        let Some(value) = table.get(key) else { return Field::Absent };
        match self.at(key, |reader| T::read(reader, value)) {
            Some(read) => Field::Given(Spanned { value: read, span: value.span() }),
            None => Field::Broken,
        }
    }

    /// The value as a table, or a problem.
    pub(crate) fn table<'a, 'i>(&mut self, value: &'a TomlSpanned<DeValue<'i>>) -> Option<&'a DeTable<'i>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.expected("a table", value);
        }
        table
    }

    /// Refuses all keys of a table but those.
    pub(crate) fn refuse_unknown(&mut self, table: &DeTable<'_>, kind: &str, keys: &[&str]) {
        for key in table.keys().filter(|key| !keys.contains(&key.get_ref().as_ref())) {
            let problem = self.unknown(kind, key, keys);
            self.problems.push(problem);
        }
    }

    fn unknown(&self, kind: &str, key: &TomlSpanned<std::borrow::Cow<'_, str>>, keys: &[&str]) -> Diagnostic {
        let (name, span) = (key.get_ref().as_ref(), key.span());
        if let Some((what, table)) = configuration(kind, name) {
            return Diagnostic::error(format!("an instance has no {what} of its own"))
                .label(span, format!("not in {}", self.place()))
                .hint(format!("an instance is configured through its layers; put it into `{table}`"));
        }
        let problem = Diagnostic::error(format!("unknown key `{name}` in {}", self.place()));
        match suggest::nearest(name, keys.iter().copied()) {
            Some(meant) => problem.label(span, format!("did you mean `{meant}`?")),
            None => problem
                .label(span, "unknown key")
                .hint(format!("the keys here are {}", suggest::list(keys.iter().copied()))),
        }
    }

    /// Reports that a value is of another kind.
    pub(crate) fn expected(&mut self, expected: &str, value: &TomlSpanned<DeValue<'_>>) {
        let found = match value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        let problem = Diagnostic::error(format!("{} must be {expected}", self.key()))
            .label(value.span(), format!("expected {expected}, found {found}"));
        self.problems.push(problem);
    }

    /// The key that is being read, dotted.
    pub(crate) fn key(&self) -> String {
        format!("`{}`", self.dotted())
    }

    /// The table that is being read, as its header is written.
    fn place(&self) -> String {
        if self.path.is_empty() { "the stack file".to_owned() } else { format!("`[{}]`", self.dotted()) }
    }

    fn dotted(&self) -> String {
        let mut dotted = String::new();
        for step in &self.path {
            match step {
                Step::Key(key) if dotted.is_empty() => dotted.push_str(&quoted(key)),
                Step::Key(key) => dotted.extend([".", &quoted(key)]),
                Step::Item(index) => dotted.extend(["[", &index.to_string(), "]"]),
            }
        }
        dotted
    }
}

/// What an operator would configure an instance with if that were possible, and where it belongs.
fn configuration(kind: &str, key: &str) -> Option<(&'static str, &'static str)> {
    match key {
        _ if kind != "Instance" => None,
        "attributes" => Some(("attributes", "[layers.<layer>.attributes]")),
        _ => key.parse::<LifecycleEvent>().is_ok().then_some(("recipes", "[layers.<layer>]")),
    }
}

/// A key as TOML writes it.
fn quoted(key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if bare { key.to_owned() } else { format!("{key:?}") }
}
