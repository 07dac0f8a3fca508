//! Instances and how they are reached.

use std::{collections::BTreeMap, ops::Range};

use engine_model::{Connection, Instance};

use super::{Validator, entries};
use crate::{
    read::{self, Field, Named},
    source::Diagnostic,
};

impl Validator<'_> {
    pub(super) fn instances(&mut self) -> Vec<Instance> {
        let instances = entries(&self.file.instances).filter_map(|entry| self.instance(entry)).collect();
        self.warn_of_shared_machines();
        instances
    }

    fn instance(&mut self, entry: &Named<read::Instance>) -> Option<Instance> {
        let table = entry.table.value()?;
        let layers = self.layer_names(&table.layers);
        let registered = table.registered.value().copied().unwrap_or(false);
        let unassigned = table
            .layers
            .value()
            .map_or(table.layers.is_absent(), |list| list.items.is_empty() && list.complete);
        if unassigned && !registered && !table.registered.is_broken() {
            let span = table.layers.given().map_or(&entry.span, |list| &list.span);
            let problem = Diagnostic::error(format!("instance `{}` is in no layer", entry.key))
                .label(span.clone(), "needs at least one layer")
                .hint("name its `layers`, or say `registered = true` if it waits for being assigned to one");
            self.problems.push(problem);
        }
        let connection = self.connection(entry, table);
        let address = self.word("address", &table.address);
        let hostname = self.hostname(&table.hostname);
        let name = entry.name.clone()?;
        self.spans.instances.insert(name.clone(), entry.span.clone());
        let connection = connection?;
        let reached_at = match &connection {
            Connection::Ssh { host, .. } => host,
            Connection::Local => "127.0.0.1",
        };
        Some(Instance {
            address: address.unwrap_or_else(|| reached_at.to_owned()),
            hostname: hostname.unwrap_or_else(|| Instance::default_hostname(&name)),
            layers,
            registered,
            connection,
            name,
        })
    }

    fn connection(&mut self, entry: &Named<read::Instance>, table: &read::Instance) -> Option<Connection> {
        let host = self.word("host", &table.host);
        let user = self.word("user", &table.user);
        let identity_file = self.path("identity_file", &table.identity_file);
        let port = table.port.value().map(|port| port.0);
        let Some(local) = table.connection.given() else {
            if table.connection.is_absent() && table.host.is_absent() {
                let problem = Diagnostic::error(format!("instance `{}` has no `host`", entry.key))
                    .label(entry.span.clone(), "needs `host` or `connection = \"local\"`")
                    .hint("`host` is a host name, an address or an alias in `ssh_config`");
                self.problems.push(problem);
            }
            return host.map(|host| Connection::Ssh { host, user, port, identity_file });
        };
        let of_ssh = [
            ("host", span(&table.host)),
            ("user", span(&table.user)),
            ("port", span(&table.port)),
            ("identity_file", span(&table.identity_file)),
        ];
        for (key, span) in of_ssh {
            if let Some(span) = span {
                let problem =
                    Diagnostic::error(format!("`{key}` is for SSH, but instance `{}` is local", entry.key))
                        .label(span, "only without `connection = \"local\"`")
                        .label(local.span.clone(), "local because of this")
                        .hint("keep one of the two");
                self.problems.push(problem);
            }
        }
        Some(Connection::Local)
    }

    fn hostname(&mut self, field: &Field<String>) -> Option<String> {
        let hostname = self.word("hostname", field)?;
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.ends_with('-')
        };
        // 64 is what Linux holds.
        if hostname.len() <= 64 && hostname.split('.').all(label) {
            return Some(hostname);
        }
        if let Some(span) = span(field) {
            let problem = Diagnostic::error(format!("`{hostname}` is not a host name"))
                .label(span, "letters, digits and `-`, parts with `.` between them, at most 64 in all");
            self.problems.push(problem);
        }
        None
    }

    /// Two instances on one machine would undo each other's work, unless the ports lead to two.
    fn warn_of_shared_machines(&mut self) {
        let mut seen = BTreeMap::new();
        for entry in entries(&self.file.instances) {
            let Some(table) = entry.table.value() else { continue };
            let (host, span) = match (table.connection.given(), table.host.given()) {
                (Some(local), _) => (None, local.span.clone()),
                (None, Some(host)) => (Some(host.value.as_str()), host.span.clone()),
                (None, None) => continue,
            };
            let port = table.port.value().map(|port| port.0);
            if let Some((other, first)) = seen.get(&(host, port)) {
                let problem = Diagnostic::warning(format!(
                    "instances `{other}` and `{}` are the same machine",
                    entry.key
                ))
                .label(span, "again here")
                .label(Range::clone(first), "first here")
                .hint("one instance can be in several layers");
                self.problems.push(problem);
            } else {
                seen.insert((host, port), (entry.key.as_str(), span));
            }
        }
    }
}

fn span<T>(field: &Field<T>) -> Option<Range<usize>> {
    field.given().map(|given| given.span.clone())
}
