//! One event on the node, from its beginning to its delayed notifications.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    rc::Rc,
    time::Instant,
};

use engine_protocol::{Action, Grants, Mode, Resource, ResourceId, message::Place};

use super::{
    attempts::Attempts,
    owed::{self, Owed},
};
use crate::{journal::Journal, overlay::Overlay, revert::Pending};

/// A resource that was handed over.
pub(super) struct Entry {
    pub resource: Resource,
    pub grants: Option<Rc<Grants>>,
    pub denied: Option<String>,
}

/// A notification to be acted on at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Delayed {
    pub target: ResourceId,
    pub action: Action,
    /// Who notified; nobody who is declared in this event, if it is owed since an earlier run.
    pub by: Option<ResourceId>,
    /// In a plan: whoever notifies may not change at all.
    pub maybe: bool,
}

/// One event: its resources so far and what is still to be done at its end.
pub struct Event {
    pub(super) mode: Mode,
    pub(super) entries: HashMap<ResourceId, Rc<Entry>>,
    pub(super) delayed: Vec<Delayed>,
    pub(super) overlay: Overlay,
    pub(super) journal: Option<Journal>,
    /// What earlier attempts of the run did here, if it can be taken up again.
    pub(super) attempts: Option<Attempts>,
    /// What is put back unless it is confirmed.
    pub(super) pending: Option<Pending>,
    /// The run, for the journal.
    pub(super) run: String,
    /// Notifications that are owed, once they have been read.
    pub(super) owed: Option<Owed>,
    /// Resources that are as they shall be, or were left out by a guard.
    pub(super) settled: HashSet<ResourceId>,
    /// What was tried in this event and failed: it is not tried again in the same event.
    pub(super) tried: HashSet<(ResourceId, Action)>,
    pub(super) failed: Option<ResourceId>,
    pub(super) changed: bool,
    /// Something was done for the resource in hand, so it is brought to its end.
    pub(super) begun: bool,
    /// In a plan: the sensitive resources that would change, with a digest of what is not shown.
    pub(super) hidden: Vec<(ResourceId, u64)>,
    /// When the try in hand must have ended.
    pub(super) deadline: Instant,
}

impl Event {
    /// An event that begins. What the events before it predicted still stands in a plan.
    pub fn new(state_dir: &Path, run: &str, event: &str, mode: Mode, overlay: Overlay) -> Self {
        Self {
            mode,
            entries: HashMap::new(),
            delayed: Vec::new(),
            owed: None,
            pending: None,
            run: run.to_owned(),
            settled: HashSet::new(),
            tried: HashSet::new(),
            overlay,
            journal: (mode == Mode::Apply).then(|| Journal::new(state_dir, run, event)),
            attempts: None,
            failed: None,
            changed: false,
            begun: false,
            hidden: Vec::new(),
            deadline: Instant::now(),
        }
    }

    /// Makes it go on where an earlier attempt at the same place stopped. A plan begins anew.
    #[must_use]
    pub fn at(mut self, place: Option<Place>) -> Self {
        self.attempts = place.filter(|_| self.mode == Mode::Apply).map(Attempts::new);
        self
    }

    /// What this event and those before it predicted.
    pub fn into_overlay(self) -> Overlay {
        self.overlay
    }

    /// Whether the node may be changed.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether the node was changed since this was last asked.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// The digests of what is not shown of this event.
    pub fn take_hidden(&mut self) -> Vec<(ResourceId, u64)> {
        std::mem::take(&mut self.hidden)
    }

    /// Delays a notification to the end, unless the same is delayed already: they collapse. One that is certain
    /// takes the place of one that is not.
    pub(super) fn delay(&mut self, new: Delayed) {
        let same = |known: &&mut Delayed| known.target == new.target && known.action == new.action;
        match self.delayed.iter_mut().find(same) {
            Some(known) if known.maybe && !new.maybe => *known = new,
            Some(_) => {}
            None => self.delayed.push(new),
        }
    }

    /// Delays what is owed since earlier runs to resources that are declared now. Who has not come to its own end,
    /// for example because it failed again, may not have changed at all: what it owes stays owed. Who only acts when it
    /// is told has come to its end if nobody has to tell it any more.
    pub(super) fn delay_owed(&mut self) {
        let names: HashMap<String, ResourceId> =
            self.entries.values().map(|entry| (owed::key(&entry.resource), entry.resource.id)).collect();
        let debts = self.owed.as_ref().map(Owed::inherited).unwrap_or_default();
        for debt in &debts {
            let by = names.get(&debt.by).copied();
            let held = by.is_some_and(|by| {
                let acts = self.entries[&by].resource.actions.iter().any(|action| *action != Action::Nothing);
                !self.settled.contains(&by) && (acts || debts.iter().any(|other| other.target == debt.by))
            });
            let target = names.get(&debt.target).filter(|_| !held);
            if let Some(target) = target.filter(|target| !self.tried.contains(&(**target, debt.action))) {
                self.delay(Delayed { target: *target, action: debt.action, by, maybe: false });
            }
        }
    }
}
