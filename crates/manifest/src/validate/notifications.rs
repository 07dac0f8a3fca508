//! Who is told of runs.

use engine_model::{Moment, Notification, NotificationTarget};

use super::{Validator, entries};
use crate::{
    read::{self, Field, List, Named},
    source::Diagnostic,
    suggest,
};

impl Validator<'_> {
    pub(super) fn notifications(&mut self) -> Vec<Notification> {
        entries(&self.file.notifications).filter_map(|entry| self.notification(entry)).collect()
    }

    fn notification(&mut self, entry: &Named<read::Notification>) -> Option<Notification> {
        let table = entry.table.value()?;
        let webhook = self.webhook(&table.webhook).map(NotificationTarget::Webhook);
        let variable = self.word("webhook_variable", &table.webhook_variable);
        let command = table.command.value().filter(|list| !list.items.is_empty()).map(|list| {
            NotificationTarget::Command(list.items.iter().map(|item| item.value.clone()).collect())
        });
        let mut targets =
            [webhook, variable.map(NotificationTarget::WebhookVariable), command].into_iter().flatten();
        let (target, more) = (targets.next(), targets.next().is_some());
        let broken = table.webhook.is_broken()
            || table.command.is_broken()
            || !table.webhook.is_absent()
            || !table.webhook_variable.is_absent();
        if more || (target.is_none() && !broken) {
            self.problems.push(
                Diagnostic::error(format!("notification `{}` goes to exactly one place", entry.key))
                    .label(entry.span.clone(), "give one of `webhook`, `webhook_variable` and `command`"),
            );
            return None;
        }
        let on = self.moments(&table.on);
        Some(Notification { name: entry.name.clone()?, target: target?, on })
    }

    fn webhook(&mut self, field: &Field<String>) -> Option<String> {
        let given = field.given()?;
        if given.value.starts_with("https://") || given.value.starts_with("http://") {
            return Some(given.value.clone());
        }
        self.problems.push(
            Diagnostic::error("`webhook` is not a URL that can be posted to")
                .label(given.span.clone(), "must begin with `https://` or `http://`"),
        );
        None
    }

    /// What is told of; failures alone where nothing is said.
    fn moments(&mut self, field: &Field<List<String>>) -> Vec<Moment> {
        let Some(list) = field.value() else { return vec![Moment::Failure] };
        let known = Moment::ALL.map(Moment::name);
        let mut moments = Vec::new();
        for item in &list.items {
            match Moment::parse(&item.value) {
                Some(moment) => moments.push(moment),
                None => self.problems.push(
                    Diagnostic::error(format!("`{}` is no moment of a run", item.value))
                        .label(item.span.clone(), format!("must be one of {}", suggest::list(known))),
                ),
            }
        }
        moments
    }
}
