//! What comes of things that are not sure, or that an earlier run has left to do.

use std::rc::Rc;

use engine_protocol::{
    Action, Change, Earlier, FromAgent, Outcome, Resource, ResourceId, Spec, Status,
    resource::{Notification, Timing},
};

use super::{Converge, DEPTH, event::Entry};
use crate::system::reboot;

impl Converge<'_> {
    /// In a plan: a resource that may change may tell others.
    pub(super) fn may_notify(&mut self, resource: &Resource, depth: usize) {
        let at_once = resource.common.notifies.iter().filter(|told| told.timing == Timing::Before);
        let at_once: Vec<&Notification> = at_once.chain(self.delay_notifications(resource, true)).collect();
        for Notification { target, action, .. } in at_once {
            if let Some(entry) = self.event.entries.get(target).cloned() {
                self.may_run(&entry, *action, resource.id, depth + 1);
            }
        }
    }

    /// In a plan: says that a resource acts if the one that would tell it changes.
    pub(super) fn may_run(&mut self, entry: &Rc<Entry>, action: Action, by: ResourceId, depth: usize) {
        if depth > DEPTH {
            return;
        }
        let because = self.event.entries.get(&by).map_or_else(String::new, |by| by.resource.to_string());
        let status = self.unknown(entry, because);
        self.reporter.send(&FromAgent::Outcome(Outcome {
            resource: entry.resource.id,
            action,
            status,
            changes: Vec::new(),
            notified_by: Some(by),
            duration_us: 0,
            earlier: Earlier::Nothing,
        }));
        self.may_notify(&entry.resource, depth);
    }

    /// Says that a reboot comes which an earlier run has requested, if it is declared still.
    pub(super) fn tell_owed_reboot(&mut self) {
        let Some(reason) = reboot::owed(self.node, &self.event.overlay) else { return };
        let declared = self.event.entries.values().map(|entry| &entry.resource);
        let declared = declared.filter(|resource| matches!(resource.spec, Spec::Reboot(_)));
        let Some(resource) = declared.map(|resource| resource.id).min() else { return };
        self.reporter.send(&FromAgent::Outcome(Outcome {
            resource,
            action: Action::RequestReboot,
            status: Status::Changed,
            changes: vec![Change::Done { what: format!("requested by an earlier run: {reason}") }],
            notified_by: None,
            duration_us: 0,
            earlier: Earlier::Nothing,
        }));
    }
}
