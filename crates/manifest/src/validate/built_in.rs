//! What engine does by itself: its switches, packages and users.

use engine_model::{BuiltInSettings, ListedPackage, User};
use engine_protocol::resource::SshKey;

use super::{Validator, entries};
use crate::{
    read::{self, Field, List, Named, Spanned},
    source::Diagnostic,
};

/// Longest login name that the tools of Linux take.
const LONGEST_LOGIN: usize = 32;

/// Whom engine does not manage: its own group has the name, or nobody could log in any more.
const RESERVED: [&str; 2] = ["engine", "root"];

impl Validator<'_> {
    pub(super) fn built_in(&self) -> BuiltInSettings {
        let default = BuiltInSettings::default();
        let Some(table) = self.file.built_in.value() else { return default };
        let switch = |field: &Field<bool>| field.value().copied();
        BuiltInSettings {
            packages: switch(&table.packages).unwrap_or(default.packages),
            users: switch(&table.users).unwrap_or(default.users),
            hosts: switch(&table.hosts),
            hostname: switch(&table.hostname),
            time_sync: switch(&table.time_sync),
        }
    }

    pub(super) fn packages(&mut self, field: &Field<List<String>>) -> Vec<ListedPackage> {
        let mut packages: Vec<ListedPackage> = Vec::new();
        for Spanned { value, span } in field.value().into_iter().flat_map(|list| &list.items) {
            let problem = match value.parse::<ListedPackage>() {
                Ok(package) if packages.iter().any(|other| other.name == package.name) => {
                    Diagnostic::error(format!("package `{}` is listed twice", package.name))
                        .label(span.clone(), "again here")
                }
                Ok(package) => {
                    packages.push(package);
                    continue;
                }
                Err(_) => Diagnostic::error(format!("`{}` is no package", value.escape_debug()))
                    .label(span.clone(), "not `name` or `name=version`"),
            };
            self.problems.push(problem);
        }
        packages
    }

    pub(super) fn users(&mut self) -> Vec<User> {
        entries(&self.file.users).filter_map(|entry| self.user(entry)).collect()
    }

    fn user(&mut self, entry: &Named<read::User>) -> Option<User> {
        let table = entry.table.value()?;
        let refused = if RESERVED.contains(&entry.key.as_str()) {
            Some("engine does not manage this account")
        } else if entry.key.len() > LONGEST_LOGIN {
            Some("a login name has at most 32 characters")
        } else {
            None
        };
        if let Some(label) = refused {
            let problem = Diagnostic::error(format!("`{}` cannot be a user of the stack", entry.key))
                .label(entry.span.clone(), label);
            self.problems.push(problem);
        }
        let layers = table.layers.given().is_some().then(|| self.layer_names(&table.layers));
        let ssh_keys = self.ssh_keys(&table.ssh_keys);
        let groups = self.groups(&table.groups);
        let shell = self.shell(&table.shell);
        let remove = table.remove.value().copied().unwrap_or(false);
        if remove && let Some(keys) = table.ssh_keys.given().filter(|list| !list.value.items.is_empty()) {
            let problem = Diagnostic::warning(format!("user `{}` has keys, but may not log in", entry.key))
                .label(keys.span.clone(), "of no use with `remove = true`");
            self.problems.push(problem);
        }
        Some(User {
            name: entry.name.clone()?,
            ssh_keys,
            sudo: table.sudo.value().copied().unwrap_or(false),
            layers,
            groups,
            shell,
            uid: table.uid.value().map(|uid| uid.0),
            remove,
        })
    }

    fn ssh_keys(&mut self, field: &Field<List<String>>) -> Vec<String> {
        let mut keys: Vec<&Spanned<String>> = Vec::new();
        for item in field.value().into_iter().flat_map(|list| &list.items) {
            let line = item.value.trim();
            let key = SshKey::of_line(line).filter(|_| !line.contains(['\n', '\r']));
            let problem = match key {
                Some(key) if keys.iter().any(|other| SshKey::of_line(&other.value) == Some(key)) => {
                    Diagnostic::error("an SSH key is listed twice").label(item.span.clone(), "again here")
                }
                Some(_) => {
                    keys.push(item);
                    continue;
                }
                None => Diagnostic::error("this is no SSH key")
                    .label(item.span.clone(), "not a line of authorized_keys")
                    .hint("write what is in the `.pub` file of the key: `ssh-ed25519 AAAA... comment`"),
            };
            self.problems.push(problem);
        }
        keys.into_iter().map(|key| key.value.trim().to_owned()).collect()
    }

    fn groups(&mut self, field: &Field<List<String>>) -> Vec<String> {
        let mut groups = Vec::new();
        for Spanned { value, span } in field.value().into_iter().flat_map(|list| &list.items) {
            let sound = value.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
                && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
            if sound && value != "engine" {
                groups.push(value.clone());
                continue;
            }
            let label = if sound { "its members are those whose accounts engine made" } else { "not a name" };
            let problem =
                Diagnostic::error(format!("`{}` cannot be a group of a user", value.escape_debug()))
                    .label(span.clone(), label);
            self.problems.push(problem);
        }
        groups
    }

    fn shell(&mut self, field: &Field<String>) -> Option<String> {
        let shell = self.word("shell", field)?;
        if shell.starts_with('/') && !shell.contains(':') {
            return Some(shell);
        }
        if let Some(given) = field.given() {
            let problem = Diagnostic::error(format!("`{shell}` is not a shell"))
                .label(given.span.clone(), "write an absolute path such as `/bin/bash`");
            self.problems.push(problem);
        }
        None
    }
}
