//! Changes of a stack file that keep its comments and its order.
//!
//! Each change is made twice: in the text, and in the stack that the text described. What the new text says must be
//! exactly that stack; otherwise there is no new text.

use std::{collections::BTreeMap, path::Path};

use engine_model::{Connection, Instance, Name, Stack};
use toml_edit::{Array, DocumentMut, Item, RawString, Table, TableLike, Value};

use crate::{Diagnostics, Manifest, manifest::parse_unfinished};

/// A stack file that is being changed.
#[derive(Debug, Clone)]
pub struct Edit {
    document: DocumentMut,
    /// What it is to say.
    wanted: Stack,
}

/// Why a stack file cannot be changed so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The name is taken.
    #[error("instance `{0}` is in the stack file already")]
    Exists(Name),
    /// There is no such instance.
    #[error("the stack file has no instance `{0}`")]
    Missing(Name),
    /// It is no TOML for the editor, although it was for the reader.
    #[error("the stack file cannot be edited: {0}")]
    Syntax(#[from] toml_edit::TomlError),
    /// The tables are written in a way that is not understood here.
    #[error("`{0}` is written in the stack file in a form that cannot be edited; make the change by hand")]
    Form(String),
    /// A path that TOML cannot hold.
    #[error("{} is not UTF-8, so no stack file can name it", .0.display())]
    NotText(std::path::PathBuf),
    /// There would be errors in it. Displays them all.
    #[error(transparent)]
    Invalid(Box<Diagnostics>),
    /// It would say something else as well.
    #[error("the changed stack file would not say what was asked for; make the change by hand")]
    Otherwise,
}

impl Edit {
    /// Begins to change a stack file.
    pub fn of(manifest: &Manifest) -> Result<Self, EditError> {
        Ok(Edit { document: manifest.source().text().parse()?, wanted: manifest.stack.clone() })
    }

    /// Adds an instance behind the others.
    pub fn add_instance(&mut self, instance: &Instance) -> Result<(), EditError> {
        if self.wanted.instance(&instance.name).is_some() {
            return Err(EditError::Exists(instance.name.clone()));
        }
        let mut table = keys(instance)?;
        let instances = self.document.entry("instances").or_insert_with(|| {
            let mut instances = Table::new();
            instances.set_implicit(true);
            Item::Table(instances)
        });
        let name = instance.name.as_str();
        match instances {
            Item::Table(instances) => {
                table.decor_mut().set_prefix("\n");
                instances.insert(name, Item::Table(table));
            }
            Item::Value(Value::InlineTable(instances)) => {
                instances.insert(name, Value::InlineTable(table.into_inline_table()));
            }
            _ => return Err(EditError::Form("instances".to_owned())),
        }
        self.wanted.instances.push(instance.clone());
        Ok(())
    }

    /// Puts an instance into further layers.
    pub fn assign(&mut self, instance: &Name, layers: &[Name]) -> Result<(), EditError> {
        let table = self.instance(instance)?;
        if table.get("layers").is_none() {
            table.insert("layers", Item::Value(Value::Array(Array::new())));
        }
        let list = table.get_mut("layers").and_then(Item::as_array_mut);
        let list = list.ok_or_else(|| EditError::Form(format!("instances.{instance}.layers")))?;
        for layer in layers {
            push(list, layer.as_str());
        }
        let all = self.wanted.layers.iter().map(|layer| layer.name.clone());
        let is_in =
            self.wanted.instance(instance).map(|instance| instance.layers.clone()).unwrap_or_default();
        let named = all.filter(|name| is_in.contains(name) || layers.contains(name)).collect();
        self.want(instance, |instance| instance.layers = named);
        Ok(())
    }

    /// Takes an instance out of all its layers.
    pub fn unassign(&mut self, instance: &Name) -> Result<(), EditError> {
        let table = self.instance(instance)?;
        if let Some(list) = table.get_mut("layers").and_then(Item::as_value_mut) {
            let decor = list.decor().clone();
            *list = Value::Array(Array::new());
            *list.decor_mut() = decor;
        }
        self.want(instance, |instance| instance.layers.clear());
        Ok(())
    }

    /// Removes an instance. The comment directly above it goes with it; what stands before an empty line stays.
    pub fn remove_instance(&mut self, instance: &Name) -> Result<(), EditError> {
        let missing = || EditError::Missing(instance.clone());
        let instances = self.document.get_mut("instances").and_then(Item::as_table_like_mut);
        let removed = instances.and_then(|table| table.remove(instance.as_str())).ok_or_else(missing)?;
        if let Item::Table(removed) = &removed
            && let Some(above) = removed.decor().prefix().and_then(RawString::as_str)
            && let Some((stays, _)) = above.rsplit_once("\n\n")
            && !stays.trim().is_empty()
        {
            self.keep_above(removed.position(), stays);
        }
        self.wanted.instances.retain(|other| other.name != *instance);
        Ok(())
    }

    /// Makes it another stack, with those instances alone for which there is a machine. An address was that of the old
    /// machine, so it goes.
    pub fn clone_as(&mut self, stack: &Name, hosts: &BTreeMap<Name, String>) -> Result<(), EditError> {
        self.wanted.name = stack.clone();
        if let Some(missing) = hosts.keys().find(|name| self.wanted.instance(name).is_none()) {
            return Err(EditError::Missing(missing.clone()));
        }
        let names: Vec<Name> = self.wanted.instances.iter().map(|instance| instance.name.clone()).collect();
        for name in names {
            let Some(host) = hosts.get(&name) else {
                self.remove_instance(&name)?;
                continue;
            };
            let table = self.instance(&name)?;
            table.remove("connection");
            table.remove("address");
            match table.get_mut("host").and_then(Item::as_value_mut) {
                Some(old) => {
                    let decor = old.decor().clone();
                    *old = Value::from(host.as_str());
                    *old.decor_mut() = decor;
                }
                None => drop(table.insert("host", toml_edit::value(host.as_str()))),
            }
            self.want(&name, |instance| {
                host.clone_into(&mut instance.address);
                match &mut instance.connection {
                    Connection::Ssh { host: old, .. } => host.clone_into(old),
                    local @ Connection::Local => {
                        let host = host.clone();
                        *local = Connection::Ssh { host, user: None, port: None, identity_file: None };
                    }
                }
            });
        }
        Ok(())
    }

    /// The new file as it will be read, with its text. `path` is where it will be.
    ///
    /// Layers may be without instances: what a run needs is checked by [`load`](crate::load).
    pub fn finish(self, path: &Path) -> Result<Manifest, EditError> {
        let text = self.document.to_string();
        let manifest = parse_unfinished(self.wanted.name.clone(), &text, path)
            .map_err(|problems| EditError::Invalid(Box::new(problems)))?;
        if manifest.stack == self.wanted { Ok(manifest) } else { Err(EditError::Otherwise) }
    }

    fn instance(&mut self, name: &Name) -> Result<&mut dyn TableLike, EditError> {
        let instances = self.document.get_mut("instances").and_then(Item::as_table_like_mut);
        let item = instances.and_then(|table| table.get_mut(name.as_str()));
        item.and_then(Item::as_table_like_mut).ok_or_else(|| EditError::Missing(name.clone()))
    }

    fn want(&mut self, name: &Name, change: impl FnOnce(&mut Instance)) {
        if let Some(instance) = self.wanted.instances.iter_mut().find(|instance| instance.name == *name) {
            change(instance);
        }
    }

    /// Puts a comment that stood above a table above the one that comes next.
    fn keep_above(&mut self, position: Option<isize>, comment: &str) {
        let text = |raw: Option<&RawString>| raw.and_then(RawString::as_str).unwrap_or_default().to_owned();
        if let Some(next) = next_table(self.document.as_table_mut(), position) {
            let own = text(next.decor().prefix());
            let gap = if own.starts_with('\n') { "\n" } else { "\n\n" };
            next.decor_mut().set_prefix(format!("{comment}{gap}{own}"));
            return;
        }
        let own = self.document.trailing().as_str().unwrap_or_default().to_owned();
        let gap = if own.starts_with('\n') { "" } else { "\n" };
        self.document.set_trailing(format!("{comment}{gap}{own}"));
    }
}

/// Adds to a list as its last item stands: on a line of its own, if that is on one. A comment behind that one stays
/// there.
fn push(list: &mut Array, item: &str) {
    let text = |raw: Option<&RawString>| raw.and_then(RawString::as_str).unwrap_or_default().to_owned();
    let mut before = None;
    if let Some(last) = list.iter_mut().last() {
        let prefix = text(last.decor().prefix());
        if let Some((_, indent)) = prefix.rsplit_once('\n') {
            let behind = text(last.decor().suffix());
            last.decor_mut().set_suffix("");
            before = Some((behind, indent.to_owned()));
        }
    }
    list.push(item);
    let Some((behind, indent)) = before else { return };
    let behind = behind + &text(Some(list.trailing()));
    if let Some(new) = list.iter_mut().last() {
        new.decor_mut().set_prefix(format!("{}\n{indent}", behind.trim_end()));
    }
    list.set_trailing("\n");
    list.set_trailing_comma(true);
}

/// The first table behind a place in the file that has a header of its own.
fn next_table(table: &mut Table, after: Option<isize>) -> Option<&mut Table> {
    let mut best: Option<&mut Table> = None;
    for (_, item) in table.iter_mut() {
        let Item::Table(inner) = item else { continue };
        let own = !inner.is_implicit() && !inner.is_dotted() && inner.position() > after;
        let found = if own { Some(inner) } else { next_table(inner, after) };
        if let Some(found) = found
            && best.as_ref().is_none_or(|best| found.position() < best.position())
        {
            best = Some(found);
        }
    }
    best
}

/// An instance as a table.
fn keys(instance: &Instance) -> Result<Table, EditError> {
    let mut table = Table::new();
    if !instance.layers.is_empty() {
        let layers: Array = instance.layers.iter().map(Name::as_str).collect();
        table.insert("layers", toml_edit::value(layers));
    }
    let reached_at = match &instance.connection {
        Connection::Local => {
            table.insert("connection", toml_edit::value("local"));
            "127.0.0.1"
        }
        Connection::Ssh { host, user, port, identity_file } => {
            table.insert("host", toml_edit::value(host));
            if let Some(user) = user {
                table.insert("user", toml_edit::value(user));
            }
            if let Some(port) = port {
                table.insert("port", toml_edit::value(i64::from(*port)));
            }
            if let Some(path) = identity_file {
                let text = path.to_str().ok_or_else(|| EditError::NotText(path.clone()))?;
                table.insert("identity_file", toml_edit::value(text));
            }
            host
        }
    };
    if instance.address != reached_at {
        table.insert("address", toml_edit::value(&instance.address));
    }
    if instance.hostname != Instance::default_hostname(&instance.name) {
        table.insert("hostname", toml_edit::value(&instance.hostname));
    }
    if instance.registered {
        table.insert("registered", toml_edit::value(true));
    }
    Ok(table)
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
