//! How commands go over layers, and in which order.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use engine_model::{Command, HealthCheck, Name, Probe, Rollout};

use super::{Validator, entries};
use crate::{
    read::{self, Field},
    source::Diagnostic,
};

/// How long a health check is asked again where nothing is said.
const HEALTH_TIMEOUT: Duration = Duration::from_mins(1);

/// The tables of a layer and of a command have these keys in common.
macro_rules! strategy {
    ($this:ident, $table:ident) => {
        Rollout {
            batch: $table.batch.value().map(|batch| batch.0),
            canary: $table.canary.value().copied(),
            max_failures: $table.max_failures.value().map(|count| count.0),
            pause: $table.pause.value().map(|seconds| Duration::from_secs(seconds.0)),
            unreachable: $table.unreachable.value().map(|policy| policy.0),
            health: $this.health(&$table.health),
        }
    };
}

impl Validator<'_> {
    /// A layer's strategy, and those of single commands.
    pub(super) fn rollout(&mut self, field: &Field<read::Rollout>) -> (Rollout, BTreeMap<Command, Rollout>) {
        let Some(table) = field.value() else { return Default::default() };
        let rollout = strategy!(self, table);
        let commands = table.commands.value().map_or(&[][..], |commands| &commands.0);
        let commands = commands.iter().map(|(command, table)| (*command, strategy!(self, table))).collect();
        (rollout, commands)
    }

    fn health(&mut self, field: &Field<read::Health>) -> Option<HealthCheck> {
        let given = field.given()?;
        let table = &given.value;
        let port = table.port.value().map(|port| Probe::Port(port.0));
        let url = self.health_url(&table.url).map(Probe::Url);
        let command = table
            .command
            .value()
            .map(|list| Probe::Command(list.items.iter().map(|item| item.value.clone()).collect()));
        let broken = table.port.is_broken() || table.url.is_broken() || table.command.is_broken();
        let mut probes = [port, url, command].into_iter().flatten();
        let timeout = table.timeout.value().map_or(HEALTH_TIMEOUT, |seconds| Duration::from_secs(seconds.0));
        let (probe, more) = (probes.next(), probes.next().is_some());
        let empty = matches!(&probe, Some(Probe::Command(argv)) if argv.is_empty());
        if (probe.is_none() && !broken && table.url.is_absent()) || more || empty {
            self.problems.push(
                Diagnostic::error("a health check asks exactly one thing")
                    .label(given.span.clone(), "give one of `port`, `url` and `command`"),
            );
            return None;
        }
        probe.map(|probe| HealthCheck { probe, timeout })
    }

    fn health_url(&mut self, field: &Field<String>) -> Option<String> {
        let given = field.given()?;
        if given.value.starts_with("http://") || given.value.starts_with("https://") {
            return Some(given.value.clone());
        }
        self.problems.push(
            Diagnostic::error(format!("`{}` is not a URL that can be asked", given.value))
                .label(given.span.clone(), "must begin with `http://` or `https://`"),
        );
        None
    }

    /// Layers that wait for each other would wait for ever.
    pub(super) fn layers_must_not_wait_for_each_other(&mut self) {
        let after: Vec<(&str, &Range<usize>, Vec<&str>)> = entries(&self.file.layers)
            .filter_map(|layer| {
                let names = layer.table.value()?.after.value()?;
                Some((
                    layer.key.as_str(),
                    &layer.span,
                    names.items.iter().map(|item| item.value.as_str()).collect(),
                ))
            })
            .collect();
        let waits_for = |layer: &str| {
            after.iter().find(|(name, ..)| *name == layer).map_or(&[][..], |(_, _, names)| names.as_slice())
        };
        for (layer, span, _) in &after {
            let mut path = vec![*layer];
            if let Some(circle) = circle(&mut path, &waits_for) {
                let problem = Diagnostic::error(format!("layer `{layer}` waits for itself"))
                    .label((*span).clone(), format!("`{}`", circle.join("` after `")))
                    .hint("take one of them out of an `after`");
                self.problems.push(problem);
                // The others of the circle need not be told as well.
                return;
            }
        }
    }

    /// The layers that come before one.
    pub(super) fn after(&mut self, entry: &read::Named<read::Layer>) -> Vec<Name> {
        entry.table.value().map(|table| self.layer_names(&table.after)).unwrap_or_default()
    }
}

/// The way from the first of a path back to it, if there is one.
fn circle<'a>(path: &mut Vec<&'a str>, waits_for: &dyn Fn(&str) -> &'a [&'a str]) -> Option<Vec<String>> {
    let last = *path.last()?;
    for next in waits_for(last) {
        if *next == path[0] {
            return Some(path.iter().chain([next]).map(|layer| (*layer).to_owned()).collect());
        }
        if !path.contains(next) {
            path.push(next);
            let found = circle(path, waits_for);
            path.pop();
            if found.is_some() {
                return found;
            }
        }
    }
    None
}
