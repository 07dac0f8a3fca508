//! Secrets, and what refers to them.

use std::ops::Range;

use engine_model::{Attributes, Secret, SecretFileSettings, SecretSource};
use engine_protocol::secret;

use super::{Validator, entries};
use crate::{
    read::{self, Field, Named},
    source::Diagnostic,
    suggest,
};

/// Where a value can come from.
const SOURCES: &str =
    "`environment = \"VARIABLE\"`, `file = \"secrets.age\"` or `command = [\"pass\", \"show\", \"db\"]`";

impl Validator<'_> {
    pub(super) fn secrets(&mut self) -> Vec<Secret> {
        self.attributes_must_refer_to_secrets();
        self.environments_must_refer_to_secrets();
        entries(&self.file.secrets).filter_map(|entry| self.secret(entry)).collect()
    }

    fn secret(&mut self, entry: &Named<read::Secret>) -> Option<Secret> {
        let table = entry.table.value()?;
        let places =
            [&table.environment, &table.file].map(|field| field.given().map(|given| given.span.clone()));
        let command = table.command.given().map(|given| given.span.clone());
        let places: Vec<Range<usize>> = places.into_iter().flatten().chain(command).collect();
        let broken = table.environment.is_broken() || table.file.is_broken() || table.command.is_broken();
        match &places[..] {
            [] if broken => return None,
            [] => {
                let problem = Diagnostic::error(format!("secret `{}` comes from nowhere", entry.key))
                    .label(entry.span.clone(), "no source")
                    .hint(format!("give it one of {SOURCES}"));
                self.problems.push(problem);
                return None;
            }
            [_] => {}
            [first, second, ..] => {
                let problem = Diagnostic::error(format!("secret `{}` comes from two places", entry.key))
                    .label(second.clone(), "a second source")
                    .label(first.clone(), "the first source")
                    .hint("leave one of them");
                self.problems.push(problem);
                return None;
            }
        }
        let name = entry.name.clone()?;
        let source = self.secret_source(name.as_str(), table)?;
        Some(Secret { name, source })
    }

    fn secret_source(&mut self, name: &str, table: &read::Secret) -> Option<SecretSource> {
        if let (Some(key), true) = (table.key.given(), table.file.is_absent()) {
            let problem = Diagnostic::error("`key` names an entry of a `file`, and there is none")
                .label(key.span.clone(), "of no file");
            self.problems.push(problem);
        }
        if let Some(variable) = table.environment.given() {
            if variable.value.is_empty() || variable.value.contains(['=', '\0']) {
                let problem = Diagnostic::error("`environment` must be the name of a variable")
                    .label(variable.span.clone(), "no name")
                    .hint("the value does not belong into the stack file");
                self.problems.push(problem);
            }
            return Some(SecretSource::Environment(variable.value.clone()));
        }
        if !table.file.is_absent() {
            let path = self.path("file", &table.file)?;
            let key = table.key.value().cloned().unwrap_or_else(|| name.to_owned());
            return Some(SecretSource::File { path, key });
        }
        let command = table.command.given()?;
        let argv: Vec<String> = command.value.items.iter().map(|item| item.value.clone()).collect();
        if command.value.complete && argv.first().is_none_or(String::is_empty) {
            let problem = Diagnostic::error("`command` has no program")
                .label(command.span.clone(), "nothing to run")
                .hint("write the program and its arguments, for example `[\"pass\", \"show\", \"db\"]`");
            self.problems.push(problem);
        }
        Some(SecretSource::Command(argv))
    }

    pub(super) fn secret_file(&mut self) -> SecretFileSettings {
        let absent = read::SecretFile::default();
        let table = self.file.secret_file.value().unwrap_or(&absent);
        let recipients = table.recipients.value().map(|list| list.items.as_slice()).unwrap_or_default();
        for recipient in recipients {
            let known = ["age1", "ssh-ed25519 ", "ssh-rsa "];
            if !known.iter().any(|begin| recipient.value.starts_with(begin)) {
                let problem = Diagnostic::error("this recipient is no public key")
                    .label(recipient.span.clone(), "neither of age nor of SSH")
                    .hint("`engine secret keygen` makes a key and prints its public part, `age1...`");
                self.problems.push(problem);
            }
        }
        SecretFileSettings {
            recipients: recipients.iter().map(|recipient| recipient.value.clone()).collect(),
            identity: self.path("identity", &table.identity),
        }
    }

    fn attributes_must_refer_to_secrets(&mut self) {
        let mut trees: Vec<&Field<read::Tree>> = vec![&self.file.attributes];
        let layers = entries(&self.file.layers).filter_map(|entry| entry.table.value());
        trees.extend(layers.map(|layer| &layer.attributes));
        let apps = entries(&self.file.apps).filter_map(|entry| entry.table.value());
        trees.extend(apps.map(|app| &app.attributes));
        let given: Vec<(Attributes, Range<usize>)> = trees
            .into_iter()
            .filter_map(Field::given)
            .map(|tree| (tree.value.0.clone(), tree.span.clone()))
            .collect();
        for (attributes, span) in given {
            self.must_refer_to_secrets(&serde_json::Value::Object(attributes.0).to_string(), &span);
        }
    }

    fn environments_must_refer_to_secrets(&mut self) {
        let apps = entries(&self.file.apps).filter_map(|entry| entry.table.value());
        let variables = apps.filter_map(|app| app.environment.value()).flat_map(|texts| &texts.0);
        let values: Vec<_> = variables.map(|(_, value)| value.clone()).collect();
        for value in values {
            self.must_refer_to_secrets(&value.value, &value.span);
        }
    }

    /// Reports references in a text to secrets that the file does not have.
    fn must_refer_to_secrets(&mut self, text: &str, span: &Range<usize>) {
        if self.file.secrets.is_broken() {
            return;
        }
        let known = || entries(&self.file.secrets).map(|entry| entry.key.as_str());
        let mut problems = Vec::new();
        for found in secret::find(text.as_bytes()) {
            let problem = match found.name {
                Some(name) if known().any(|key| key == name) => continue,
                Some(name) => {
                    let problem = Diagnostic::error(format!(
                        "`{}` is of no secret of the stack",
                        secret::reference(&name)
                    ));
                    match suggest::nearest(&name, known()) {
                        Some(meant) => problem
                            .label(span.clone(), format!("did you mean `{}`?", secret::reference(meant))),
                        None => problem
                            .label(span.clone(), "in here")
                            .hint(format!("add a table `[secrets.{name}]` with one of {SOURCES}")),
                    }
                }
                None => Diagnostic::error("this refers to a secret, and names none")
                    .label(span.clone(), "in here")
                    .hint("write `{{secret:NAME}}`, in lower case and without white space"),
            };
            problems.push(problem);
        }
        self.problems.extend(problems);
    }
}
