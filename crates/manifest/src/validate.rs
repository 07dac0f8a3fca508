//! What the tables say together, and the stack that comes of it.

mod apps;
mod built_in;
mod cookbooks;
mod instances;
mod layers;
mod notifications;
mod paths;
mod rollout;
mod secrets;
mod state;

use std::{collections::BTreeMap, ops::Range, time::Duration};

use engine_model::{HostnameTheme, LifecycleEvent, Name, SshSettings, Stack};
pub(crate) use paths::Base;

use crate::{
    read::{Field, List, Named, Spanned, Ssh, StackFile, Tables},
    source::Diagnostic,
    suggest,
};

/// Where things stand in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Spans {
    pub(crate) cookbooks: BTreeMap<Name, CookbookSpans>,
    pub(crate) layers: BTreeMap<Name, Range<usize>>,
    pub(crate) recipes: BTreeMap<(Name, LifecycleEvent), Vec<Range<usize>>>,
    pub(crate) instances: BTreeMap<Name, Range<usize>>,
    pub(crate) apps: BTreeMap<Name, Range<usize>>,
}

/// Where a cookbook's parts stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CookbookSpans {
    pub(crate) name: Range<usize>,
    pub(crate) source: Range<usize>,
    pub(crate) grants: Option<Range<usize>>,
}

/// What a layer without an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EmptyLayers {
    /// An error: the layer would do nothing.
    Refused,
    /// Worth a warning: the stack is being put together.
    Allowed,
}

/// Checks one file. The stack is one only if no problem is an error.
pub(crate) struct Validator<'a> {
    file: &'a StackFile,
    base: &'a Base,
    empty_layers: EmptyLayers,
    problems: Vec<Diagnostic>,
    spans: Spans,
}

/// Checks a file and makes the stack of it.
pub(crate) fn validate(
    name: Name,
    file: &StackFile,
    base: &Base,
    empty_layers: EmptyLayers,
) -> (Stack, Spans, Vec<Diagnostic>) {
    let (problems, spans) = (Vec::new(), Spans::default());
    let mut validator = Validator { file, base, empty_layers, problems, spans };
    let stack = Stack {
        name,
        description: text(&file.description),
        update_on_setup: file.update_on_setup.value().copied().unwrap_or(true),
        confirm_timeout: file.confirm_timeout.value().map(|seconds| Duration::from_secs(seconds.0)),
        built_in: validator.built_in(),
        hostname_theme: file.hostname_theme.value().map_or_else(HostnameTheme::default, |theme| theme.0),
        packages: validator.packages(&file.packages),
        users: validator.users(),
        attributes: file.attributes.value().cloned().unwrap_or_default().0,
        ssh: validator.ssh(),
        cookbooks: validator.cookbooks(),
        layers: validator.layers(),
        instances: validator.instances(),
        apps: validator.apps(),
        notifications: validator.notifications(),
        secrets: validator.secrets(),
        secret_file: validator.secret_file(),
        state: validator.state(),
    };
    (stack, validator.spans, validator.problems)
}

impl Validator<'_> {
    fn ssh(&mut self) -> SshSettings {
        let default = SshSettings::default();
        let absent = Ssh::default();
        let ssh = self.file.ssh.value().unwrap_or(&absent);
        SshSettings {
            config: self.path("config", &ssh.config),
            known_hosts: self.path("known_hosts", &ssh.known_hosts),
            accept_new_host_keys: ssh.accept_new_host_keys.value().copied(),
            user: self.word("user", &ssh.user),
            identity_file: self.path("identity_file", &ssh.identity_file),
            connect_timeout: ssh.connect_timeout.value().map(|seconds| Duration::from_secs(seconds.0)),
            sudo: ssh.sudo.value().copied().unwrap_or(default.sudo),
        }
    }

    /// A user or host: something that stands on a command line or in a configuration as one word.
    fn word(&mut self, key: &str, field: &Field<String>) -> Option<String> {
        let Spanned { value, span } = field.given()?;
        let problem = if value.is_empty() {
            "is empty"
        } else if value.starts_with('-') {
            "must not begin with `-`"
        } else if value.contains(|c: char| c.is_whitespace() || c.is_control()) {
            "must not have white space in it"
        } else {
            return Some(value.clone());
        };
        self.problems.push(Diagnostic::error(format!("`{key}` {problem}")).label(span.clone(), problem));
        None
    }

    /// The layers that a list names, in the order of the file.
    fn layer_names(&mut self, field: &Field<List<String>>) -> Vec<Name> {
        let Some(list) = field.value() else { return Vec::new() };
        for (index, item) in list.items.iter().enumerate() {
            if let Some(first) = list.items[..index].iter().find(|other| other.value == item.value) {
                let problem = Diagnostic::error(format!("layer `{}` is listed twice", item.value))
                    .label(item.span.clone(), "again here")
                    .label(first.span.clone(), "first here");
                self.problems.push(problem);
            }
            self.must_exist("layer", "layers", &self.file.layers, &item.value, &item.span, || {
                format!("no layer `{}`", item.value)
            });
        }
        let layers = entries(&self.file.layers);
        let named = layers.filter(|layer| list.items.iter().any(|item| item.value == layer.key));
        named.filter_map(|layer| layer.name.clone()).collect()
    }

    /// Reports a reference to something that the file does not have.
    fn must_exist<T>(
        &mut self,
        kind: &str,
        table: &str,
        tables: &Field<Tables<T>>,
        name: &str,
        span: &Range<usize>,
        message: impl FnOnce() -> String,
    ) {
        // Where the tables could not be read, nobody knows what exists.
        if tables.is_broken() || entries(tables).any(|entry| entry.key == name) {
            return;
        }
        let problem = Diagnostic::error(message());
        let known = || entries(tables).map(|entry| entry.key.as_str());
        let problem = match suggest::nearest(name, known()) {
            Some(meant) => problem.label(span.clone(), format!("did you mean `{meant}`?")),
            None if known().next().is_none() => problem
                .label(span.clone(), format!("no such {kind}"))
                .hint(format!("the stack has no {kind} yet; add a table `[{table}.{name}]`")),
            None => problem
                .label(span.clone(), format!("no such {kind}"))
                .hint(format!("add a table `[{table}.{name}]`; the stack has {}", suggest::list(known()))),
        };
        self.problems.push(problem);
    }
}

fn entries<T>(tables: &Field<Tables<T>>) -> impl Iterator<Item = &Named<T>> {
    tables.value().into_iter().flat_map(|tables| &tables.0)
}

fn text(field: &Field<String>) -> String {
    field.value().cloned().unwrap_or_default()
}
