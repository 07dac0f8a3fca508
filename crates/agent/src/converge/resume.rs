//! Writing the journal, and going on by it where an earlier attempt of the run stopped.
//!
//! An action is written down before it changes anything and when it has ended. What has ended well is not done again,
//! and not even looked at: what came after it may have changed the same thing. Whom it still has to tell is not in the
//! journal but in the list of [owed](super::owed) notifications.

use std::{collections::HashSet, rc::Rc};

use engine_protocol::{
    Action, Earlier, FromAgent, Mode, Outcome, Resource, ResourceId, Status,
    resource::{Notification, Timing},
};

use super::{
    Converge, Halt,
    attempts::{Attempts, Ended},
    event::{Delayed, Entry, Event},
    owed::{self, Debt},
};
use crate::journal::JournalError;

impl Converge<'_> {
    /// Does what a resource declares, unless an earlier attempt of the run has done it.
    pub(super) fn declared(&mut self, entry: &Rc<Entry>, index: usize, action: Action) -> Result<(), Halt> {
        let attempts = self.event.attempts.as_mut();
        if let Some(ended) = attempts.and_then(|attempts| attempts.take(&entry.resource, index)) {
            return self.done_before(entry, action, ended);
        }
        let ran = self.run(entry, action, None, 0);
        self.event.attempts.iter_mut().for_each(Attempts::put_down);
        ran
    }

    fn done_before(&mut self, entry: &Rc<Entry>, action: Action, ended: Ended) -> Result<(), Halt> {
        let resource = &entry.resource;
        let status = match ended {
            Ended::Changed | Ended::UpToDate => Status::UpToDate,
            Ended::Skipped => Status::Skipped { reason: "before the interruption".to_owned() },
            Ended::Ignored | Ended::Failed => {
                Status::Failed { error: "before the interruption".to_owned(), ignored: true }
            }
        };
        // The facts that this agent began with may be older.
        self.event.changed |= ended == Ended::Changed;
        if ended != Ended::Ignored {
            self.event.settled.insert(resource.id);
        }
        self.reporter.send(&FromAgent::Outcome(Outcome {
            resource: resource.id,
            action,
            status,
            changes: Vec::new(),
            notified_by: None,
            duration_us: 0,
            earlier: Earlier::Done,
        }));
        self.tell_still_owed(resource, &mut HashSet::new())
    }

    /// Tells whom a resource that was changed before has not told yet, and whom those have not who were told at once.
    fn tell_still_owed(
        &mut self,
        resource: &Resource,
        visited: &mut HashSet<ResourceId>,
    ) -> Result<(), Halt> {
        let owed = self.still_owed(resource);
        for Notification { target, action, timing } in &resource.common.notifies {
            let Some(entry) = self.event.entries.get(target).cloned() else { continue };
            if *timing != Timing::Immediately || !visited.insert(*target) {
                continue;
            }
            if owed.iter().any(|owed| owed.target == *target && owed.action == *action) {
                self.notify(*target, *action, resource.id, 0)?;
            } else {
                self.tell_still_owed(&entry.resource, visited)?;
            }
        }
        Ok(())
    }

    /// Whom a resource owes a notification since an earlier attempt: delays those for the end, gives back those for now.
    pub(super) fn still_owed<'r>(&mut self, resource: &'r Resource) -> Vec<&'r Notification> {
        let debts = self.event.owed.as_ref().map(owed::Owed::inherited).unwrap_or_default();
        let by = owed::key(resource);
        let mut now = Vec::new();
        for notification in &resource.common.notifies {
            let Notification { target, action, timing } = *notification;
            let Some(entry) = self.event.entries.get(&target) else { continue };
            let debt = Debt { target: owed::key(&entry.resource), action, by: by.clone() };
            match timing {
                _ if !debts.contains(&debt) => {}
                Timing::Before => {}
                Timing::Immediately => now.push(notification),
                Timing::Delayed => {
                    self.event.delay(Delayed { target, action, by: Some(resource.id), maybe: false });
                }
            }
        }
        now
    }

    /// Writes down that an action begins to change something.
    pub(super) fn record_begin(
        &mut self,
        resource: &Resource,
        action: Action,
        by: Option<ResourceId>,
    ) -> Result<(), String> {
        self.write_marked("started", resource, action, &[], by, false).map_err(|error| error.to_string())
    }

    /// Writes down that those were told that act before a resource.
    pub(super) fn record_told(&mut self, resource: &Resource, action: Action, by: Option<ResourceId>) {
        if self.event.mode == Mode::Apply && by.is_none() {
            // At worst they are told again.
            let _ = self.write_marked("told", resource, action, &[], by, true);
        }
    }

    /// Writes down how an action ended: changes and failures now, the rest before the next change.
    pub(super) fn record(
        &mut self,
        entry: &Rc<Entry>,
        action: Action,
        status: &Status,
        by: Option<ResourceId>,
    ) -> Result<(), String> {
        let ended = match status {
            Status::Changed => Ended::Changed,
            Status::UpToDate => Ended::UpToDate,
            Status::Skipped { .. } => Ended::Skipped,
            Status::Failed { ignored: true, .. } => Ended::Ignored,
            Status::Failed { ignored: false, .. } => Ended::Failed,
            Status::Unknown { .. } => return Ok(()),
        };
        if matches!(ended, Ended::UpToDate | Ended::Skipped) {
            if let (None, Some(attempts)) = (by, &mut self.event.attempts) {
                attempts.keep(entry, action, ended);
            }
            return Ok(());
        }
        match self.write_marked("outcome", &entry.resource, action, &[ended.word()], by, true) {
            Err(error) if ended == Ended::Changed => Err(format!("it was changed, but {error}")),
            _ => Ok(()),
        }
    }

    /// Writes a line on an action, with its mark if a recipe declares it, behind what was kept in mind.
    fn write_marked(
        &mut self,
        word: &str,
        resource: &Resource,
        action: Action,
        fields: &[&str],
        by: Option<ResourceId>,
        sync: bool,
    ) -> Result<(), JournalError> {
        let Event { journal: Some(journal), attempts, .. } = &mut *self.event else { return Ok(()) };
        let quiet = attempts.as_mut().map(Attempts::take_quiet).unwrap_or_default();
        for (quiet, mark) in quiet {
            let resource = &quiet.entry.resource;
            let (id, name) = (resource.id.0.to_string(), resource.to_string());
            journal.hold(&["outcome", &id, quiet.action.name(), &name, quiet.ended.word(), &mark]);
        }
        let mark = attempts.as_ref().filter(|_| by.is_none()).and_then(|all| all.mark_in_hand(resource));
        let (id, name) = (resource.id.0.to_string(), resource.to_string());
        let mut line = vec![word, &id, action.name(), &name];
        line.extend(fields);
        line.extend(mark.as_deref());
        journal.hold(&line);
        journal.write(sync)
    }
}

impl Event {
    /// Reads what earlier attempts did here. Whoever calls this holds the node's lock.
    pub(super) fn recall(&mut self) {
        if let (Some(attempts), Some(journal)) = (&mut self.attempts, &self.journal) {
            attempts.read(|| journal.before());
        }
    }

    /// What an earlier attempt came to with what is in hand. Nothing is known of what is notified.
    pub(super) fn earlier(&self, by: Option<ResourceId>) -> Earlier {
        let attempts = self.attempts.as_ref().filter(|_| by.is_none());
        attempts.map(Attempts::earlier).unwrap_or_default()
    }

    /// Whether those were told in an earlier attempt that act before what is in hand.
    pub(super) fn was_told(&self, by: Option<ResourceId>) -> bool {
        by.is_none() && self.attempts.as_ref().is_some_and(Attempts::told)
    }

    /// The delayed notification of this number. When all have acted, those who were told may owe some themselves.
    pub(super) fn next_delayed(&mut self, number: usize) -> Option<Delayed> {
        if number >= self.delayed.len() {
            self.delay_owed();
        }
        self.delayed.get(number).copied()
    }
}
