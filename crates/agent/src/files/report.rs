//! The changes of one resource to many things, by name: bounded, so that a thousand files do not bury the rest.

use engine_protocol::Change;
use sha2::{Digest, Sha256};

use super::diff::DIFF_BYTES;
use crate::provider::{digest, done};

/// So many are told in full.
const TOLD: usize = 20;

/// So many deletions are told by name: nobody should have to guess what is gone.
const DELETIONS_TOLD: usize = 200;

/// Collects changes to things below a directory.
#[derive(Debug)]
pub(super) struct Report {
    changes: Vec<Change>,
    told: usize,
    /// What is left of the room for all diffs together.
    room: usize,
    created: usize,
    changed: usize,
    deleted: usize,
    /// All of it, told or not.
    seen: Sha256,
    /// Whether something is not told.
    hides: bool,
}

impl Report {
    /// Begins with changes to the directory itself.
    pub(super) fn new(changes: Vec<Change>) -> Self {
        Self {
            changes,
            told: 0,
            room: DIFF_BYTES,
            created: 0,
            changed: 0,
            deleted: 0,
            seen: Sha256::new(),
            hides: false,
        }
    }

    /// Adds the changes to one thing.
    pub(super) fn add(&mut self, name: &str, changes: Vec<Change>) {
        let is_new = matches!(changes.first(), Some(Change::Done { what }) if what == "created");
        self.told += 1;
        self.seen.update(name);
        self.seen.update(serde_json::to_vec(&changes).unwrap_or_default());
        if self.told > TOLD {
            self.hides = true;
            *(if is_new { &mut self.created } else { &mut self.changed }) += 1;
            return;
        }
        let has_content =
            changes.iter().any(|change| matches!(change, Change::Diff { .. } | Change::Binary { .. }));
        if is_new {
            self.changes.push(done(&format!("created {name}")));
        } else if has_content {
            self.changes.push(done(&format!("changed {name}")));
        }
        for change in changes {
            match change {
                // What is new has what the recipe says.
                Change::Done { .. } => {}
                Change::Property { .. } if is_new => {}
                Change::Property { name: property, old, new } => {
                    self.changes.push(Change::Property { name: format!("{property} of {name}"), old, new });
                }
                Change::Diff { unified, .. } if unified.len() > self.room => self.hides = true,
                Change::Diff { unified, truncated } => {
                    self.room -= unified.len();
                    self.changes.push(Change::Diff { unified, truncated });
                }
                other => self.changes.push(other),
            }
        }
    }

    /// Adds a deletion.
    pub(super) fn delete(&mut self, name: &str) {
        self.deleted += 1;
        self.seen.update(name);
        if self.deleted <= DELETIONS_TOLD {
            self.changes.push(done(&format!("deleted {name}")));
        } else {
            self.hides = true;
        }
    }

    /// A digest of all, if not all of it is told.
    pub(super) fn hidden(&self) -> Option<u64> {
        self.hides.then(|| digest(self.seen.clone().finalize()))
    }

    /// All changes; none if nothing was added.
    pub(super) fn finish(mut self) -> Vec<Change> {
        let deleted = self.deleted.saturating_sub(DELETIONS_TOLD);
        let counts = [(self.created, "created"), (self.changed, "changed"), (deleted, "deleted")];
        let left: Vec<String> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{word} {count}"))
            .collect();
        if !left.is_empty() {
            self.changes.push(done(&format!("{} more", left.join(", "))));
        }
        self.changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::property;

    fn diff(length: usize) -> Change {
        Change::Diff { unified: "x".repeat(length), truncated: false }
    }

    #[test]
    fn what_changes_is_named_once_and_in_full() {
        let mut report = Report::new(vec![property("mode", None, Some("0755".into()))]);
        let mode = || property("mode", Some("0600".into()), Some("0644".into()));
        report.add("css", vec![done("created"), mode()]);
        report.add("css/a", vec![diff(3), mode()]);
        report.add("b", vec![mode()]);
        report.delete("old");
        let expected = [
            property("mode", None, Some("0755".into())),
            done("created css"),
            done("changed css/a"),
            diff(3),
            property("mode of css/a", Some("0600".into()), Some("0644".into())),
            property("mode of b", Some("0600".into()), Some("0644".into())),
            done("deleted old"),
        ];
        assert_eq!(report.finish(), expected);
        assert!(Report::new(Vec::new()).finish().is_empty());
    }

    #[test]
    fn many_are_counted() {
        let mut report = Report::new(Vec::new());
        (0..25).for_each(|number| report.add(&number.to_string(), vec![done("created")]));
        (0..3).for_each(|number| report.add(&number.to_string(), vec![diff(1)]));
        (0..201).for_each(|number| report.delete(&number.to_string()));
        let changes = report.finish();
        assert_eq!(changes.len(), TOLD + DELETIONS_TOLD + 1);
        assert_eq!(changes.last(), Some(&done("created 5, changed 3, deleted 1 more")));
    }

    #[test]
    fn diffs_share_the_room_of_one() {
        let mut report = Report::new(Vec::new());
        (0..3).for_each(|number| report.add(&number.to_string(), vec![diff(DIFF_BYTES / 2)]));
        let changes = report.finish();
        assert_eq!(changes.iter().filter(|change| matches!(change, Change::Diff { .. })).count(), 2);
        assert!(changes.contains(&done("changed 2")));
    }
}
