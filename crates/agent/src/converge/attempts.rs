//! What earlier attempts of a run did at a place, by the marks in the journal.
//!
//! A mark is a keyed digest of the place, the position and the whole resource. So it says that exactly this was done in
//! exactly this run, and nothing to who does not know the run's key: not what a sensitive resource contains.

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
};

use engine_protocol::{Action, Earlier, Resource, frame, message::Place};
use sha2::{Digest, Sha256};

use super::event::Entry;

/// How an action ended, by the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Something was changed.
    Changed,
    /// Nothing was to do.
    UpToDate,
    /// A guard said no.
    Skipped,
    /// It failed, and the recipe goes on regardless.
    Ignored,
    /// It failed: it is tried again.
    Failed,
}

impl Ended {
    const ALL: [Ended; 5] = [Ended::Changed, Ended::UpToDate, Ended::Skipped, Ended::Ignored, Ended::Failed];

    /// The journal's word.
    pub fn word(self) -> &'static str {
        match self {
            Ended::Changed => "changed",
            Ended::UpToDate => "up to date",
            Ended::Skipped => "skipped",
            Ended::Ignored => "failed, ignored",
            Ended::Failed => "failed",
        }
    }
}

/// An action that its recipe declares, among those of its resource.
#[derive(Debug, Clone, Copy)]
struct Hand {
    index: usize,
    earlier: Earlier,
    told: bool,
}

/// An end that is written when something is changed after it: until then it can be found again by looking.
pub(super) struct Quiet {
    pub entry: Rc<Entry>,
    pub action: Action,
    pub ended: Ended,
    index: usize,
}

/// What was done at a place of a run.
pub(super) struct Attempts {
    place: Place,
    read: bool,
    begun: HashSet<String>,
    told: HashSet<String>,
    ended: HashMap<String, Ended>,
    hand: Option<Hand>,
    quiet: Vec<Quiet>,
}

impl Attempts {
    pub fn new(place: Place) -> Self {
        Self {
            place,
            read: false,
            begun: HashSet::new(),
            told: HashSet::new(),
            ended: HashMap::new(),
            hand: None,
            quiet: Vec::new(),
        }
    }

    /// Reads the run's journal, unless that was done. Only who holds the node's lock may: an agent before this one may be
    /// writing until then.
    pub fn read(&mut self, journal: impl FnOnce() -> Vec<u8>) {
        if std::mem::replace(&mut self.read, true) {
            return;
        }
        for line in String::from_utf8_lossy(&journal()).lines() {
            match line.split('\t').collect::<Vec<_>>()[..] {
                // Nothing stays done that the node has put back, and nothing that came after it.
                ["reverted"] => {
                    self.begun.clear();
                    self.told.clear();
                    self.ended.clear();
                }
                ["started", _, _, _, mark] => drop(self.begun.insert(mark.to_owned())),
                ["told", _, _, _, mark] => drop(self.told.insert(mark.to_owned())),
                ["outcome", _, _, _, word, mark] => {
                    let Some(ended) = Ended::ALL.into_iter().find(|ended| ended.word() == word) else {
                        continue;
                    };
                    self.begun.remove(mark);
                    self.ended.insert(mark.to_owned(), ended);
                }
                _ => {}
            }
        }
    }

    /// Takes an action in hand; says how it ended in an earlier attempt, if it came to an end that is not tried again.
    pub fn take(&mut self, resource: &Resource, index: usize) -> Option<Ended> {
        let mut hand = Hand { index, earlier: Earlier::Nothing, told: false };
        let mut ended = None;
        if !(self.begun.is_empty() && self.told.is_empty() && self.ended.is_empty()) {
            let mark = self.mark(resource, index);
            ended = self.ended.get(&mark).copied().filter(|ended| *ended != Ended::Failed);
            hand.told = self.told.contains(&mark);
            if self.begun.contains(&mark) {
                hand.earlier = Earlier::Begun;
            }
        }
        self.hand = Some(hand);
        ended
    }

    /// No declared action is in hand any more.
    pub fn put_down(&mut self) {
        self.hand = None;
    }

    /// What is known of the action in hand.
    pub fn earlier(&self) -> Earlier {
        self.hand.map(|hand| hand.earlier).unwrap_or_default()
    }

    /// Whether those were told that act before the resource in hand.
    pub fn told(&self) -> bool {
        self.hand.is_some_and(|hand| hand.told)
    }

    /// The mark of the action in hand; none while a notified one acts.
    pub fn mark_in_hand(&self, resource: &Resource) -> Option<String> {
        self.hand.map(|hand| self.mark(resource, hand.index))
    }

    /// Keeps an end in mind.
    pub fn keep(&mut self, entry: &Rc<Entry>, action: Action, ended: Ended) {
        if let Some(Hand { index, .. }) = self.hand {
            self.quiet.push(Quiet { entry: Rc::clone(entry), action, ended, index });
        }
    }

    /// The ends that were kept in mind, with their marks.
    pub fn take_quiet(&mut self) -> Vec<(Quiet, String)> {
        let quiet = std::mem::take(&mut self.quiet);
        let marked = quiet.into_iter().map(|quiet| {
            let mark = self.mark(&quiet.entry.resource, quiet.index);
            (quiet, mark)
        });
        marked.collect()
    }

    fn mark(&self, resource: &Resource, index: usize) -> String {
        let mut digest = Sha256::new();
        digest.update(self.place.key);
        // Encoding fails only beyond the size in which the resource came.
        let bytes = frame::encode(&(&self.place.step, index, resource)).unwrap_or_default();
        digest.update(bytes);
        let digest: [u8; 32] = digest.finalize().into();
        data_encoding::HEXLOWER.encode(&digest[..16])
    }
}

#[cfg(test)]
mod tests {
    use engine_protocol::{
        ResourceId, Spec,
        resource::{Common, ExecuteSpec, Origin},
    };

    use super::*;

    fn resource(name: &str) -> Resource {
        Resource {
            id: ResourceId(3),
            kind: "execute".into(),
            name: name.into(),
            origin: Origin::default(),
            actions: vec![Action::Run, Action::Run],
            spec: Spec::Execute(ExecuteSpec::default()),
            common: Common::default(),
        }
    }

    fn attempts(key: u8, step: &str, journal: &str) -> Attempts {
        let mut attempts = Attempts::new(Place { key: [key; 32], step: step.into() });
        attempts.read(|| journal.as_bytes().to_vec());
        attempts
    }

    /// The line that says that the action at this index was done.
    fn line(attempts: &mut Attempts, resource: &Resource, index: usize, word: &str) -> String {
        attempts.take(resource, index);
        format!("outcome\t3\trun\t{resource}\t{word}\t{}\n", attempts.mark_in_hand(resource).unwrap())
    }

    #[test]
    fn a_mark_counts_for_this_resource_at_this_place_of_this_run_alone() {
        let ours = resource("a");
        let done = line(&mut attempts(1, "first.0", ""), &ours, 0, "changed");
        assert_eq!(attempts(1, "first.0", &done).take(&ours, 0), Some(Ended::Changed));
        assert_eq!(attempts(2, "first.0", &done).take(&ours, 0), None, "another run");
        assert_eq!(attempts(1, "first.1", &done).take(&ours, 0), None, "another event");
        assert_eq!(attempts(1, "first.0", &done).take(&ours, 1), None, "another action");
        assert_eq!(attempts(1, "first.0", &done).take(&resource("b"), 0), None, "another resource");
        let mut other = ours.clone();
        other.common.retries = 1;
        assert_eq!(attempts(1, "first.0", &done).take(&other, 0), None, "it is described otherwise");
    }

    #[test]
    fn what_failed_is_tried_again_and_what_was_cut_short_says_nothing() {
        let ours = resource("a");
        let failed = line(&mut attempts(1, "first.0", ""), &ours, 0, "failed");
        assert_eq!(attempts(1, "first.0", &failed).take(&ours, 0), None);
        let ignored = line(&mut attempts(1, "first.0", ""), &ours, 0, "failed, ignored");
        assert_eq!(attempts(1, "first.0", &ignored).take(&ours, 0), Some(Ended::Ignored));
        for end in 0..ignored.len() - 1 {
            assert_eq!(attempts(1, "first.0", &ignored[..end]).take(&ours, 0), None, "{end}");
        }
    }

    #[test]
    fn what_was_begun_is_so_until_it_ends() {
        let ours = resource("a");
        let mut first = attempts(1, "first.0", "");
        let ended = line(&mut first, &ours, 0, "changed");
        let begun = ended.replace("outcome", "started").replace("changed\t", "");
        let mut second = attempts(1, "first.0", &begun);
        assert_eq!((second.take(&ours, 0), second.earlier()), (None, Earlier::Begun));
        let mut third = attempts(1, "first.0", &(begun + &ended));
        assert_eq!((third.take(&ours, 0), third.earlier()), (Some(Ended::Changed), Earlier::Nothing));
    }
}
