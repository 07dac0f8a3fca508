//! A plan that is kept: what was evaluated for each node, and what its agent said would happen.
//!
//! Applying it evaluates nothing. Each node first plans the same collections again; one whose outcomes are not what they
//! were has moved since and is refused before anything is changed on it.

use std::sync::{Mutex, PoisonError};

use engine_model::{Command, Instance, Name, Stack};
use engine_protocol::{Collection, Outcome, ResourceId, Status, resource::CookbookGrants};
use serde::{Deserialize, Serialize};

/// A plan that can be carried out later, exactly as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedPlan {
    /// The stack.
    pub stack: Name,
    /// What was planned.
    pub command: Command,
    /// The nodes that it could be worked out for, in stack-file order.
    pub nodes: Vec<SavedNode>,
    /// Those that it could not be worked out for, and why.
    pub missing: Vec<(Name, String)>,
}

/// What is planned for one node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedNode {
    /// The instance, as the stack file described it.
    pub instance: Instance,
    /// First; `None` if it only reacts.
    pub primary: Option<Vec<SavedStep>>,
    /// When all nodes have done the first part; `None` if it does not react.
    pub reaction: Option<Vec<SavedStep>>,
}

/// One event on one node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedStep {
    /// The event.
    pub event: Command,
    /// The instances that the recipes saw online.
    pub online: Vec<Name>,
    /// What they declared.
    pub collection: Collection,
    /// What would become of it.
    pub outcomes: Vec<Outcome>,
    /// The sensitive resources that would change, in order, each with a digest of what is not shown.
    pub hidden: Vec<(ResourceId, u64)>,
}

/// Gathers a plan while it is made.
#[derive(Debug, Default)]
pub(crate) struct Recorder(Mutex<Vec<(Name, bool, SavedStep)>>);

impl Recorder {
    pub(crate) fn record(&self, instance: &Name, reaction: bool, mut step: SavedStep) {
        step.outcomes.iter_mut().for_each(|outcome| outcome.duration_us = 0);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((instance.clone(), reaction, step));
    }

    /// The steps of one node: first, and when all have done that.
    pub(crate) fn take(&self, instance: &Name) -> (Vec<SavedStep>, Vec<SavedStep>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (own, others): (Vec<_>, Vec<_>) = all.drain(..).partition(|(name, ..)| name == instance);
        *all = others;
        let (reaction, primary): (Vec<_>, Vec<_>) = own.into_iter().partition(|(_, reaction, _)| *reaction);
        let steps = |steps: Vec<(Name, bool, SavedStep)>| steps.into_iter().map(|(.., step)| step).collect();
        (steps(primary), steps(reaction))
    }
}

impl SavedPlan {
    /// What was planned for an instance.
    pub fn node(&self, instance: &Name) -> Option<&SavedNode> {
        self.nodes.iter().find(|node| node.instance.name == *instance)
    }
}

impl SavedNode {
    /// All steps, in the order in which they were planned.
    pub fn steps(&self) -> Vec<&SavedStep> {
        self.primary.iter().flatten().chain(self.reaction.iter().flatten()).collect()
    }

    /// Why the plan does not fit the stack file of today; nothing if it does.
    pub fn misfit(&self, stack: &Stack) -> Option<String> {
        match stack.instance(&self.instance.name) {
            None => Some("the stack file has no such instance any more; make a new plan".to_owned()),
            Some(today) if *today != self.instance => {
                Some("the stack file describes the instance differently now; make a new plan".to_owned())
            }
            Some(_) => None,
        }
    }
}

impl SavedStep {
    /// The collection with the grants of today: what was taken back since is not done.
    pub fn collection_for(&self, stack: &Stack) -> Collection {
        let grants = |entry: &CookbookGrants| {
            let cookbook = stack.cookbooks.iter().find(|cookbook| cookbook.name.as_str() == entry.cookbook);
            let grants = cookbook.map(|cookbook| cookbook.grants.clone()).unwrap_or_default();
            CookbookGrants { cookbook: entry.cookbook.clone(), grants }
        };
        Collection {
            resources: self.collection.resources.clone(),
            grants: self.collection.grants.iter().map(grants).collect(),
        }
    }

    /// What would happen otherwise now than was planned; nothing if all is as it was.
    pub fn moved(&self, now: &[Outcome], hidden_now: &[(ResourceId, u64)]) -> Option<String> {
        /// Differences that are named.
        const NAMED: usize = 3;
        let name_of = |id: ResourceId| {
            let resource = self.collection.resources.iter().find(|resource| resource.id == id);
            resource.map_or_else(|| format!("resource {}", id.0), ToString::to_string)
        };
        let name = |outcome: &Outcome| name_of(outcome.resource);
        let longest = self.outcomes.len().max(now.len());
        let shown = (0..longest).filter_map(|index| {
            let (planned, now) = (self.outcomes.get(index), now.get(index));
            let same = match (planned, now) {
                (Some(planned), Some(now)) => is_same(planned, now),
                _ => false,
            };
            let of = name(planned.or(now)?);
            (!same).then(|| format!("{of}: planned was {}, now it is {}", word(planned), word(now)))
        });
        let hidden = self.hidden.iter().filter(|hidden| !hidden_now.contains(hidden));
        let hidden = hidden.map(|(id, _)| format!("{}: what is not shown of it has changed", name_of(*id)));
        let mut differences = shown.chain(hidden);
        let named: Vec<String> = differences.by_ref().take(NAMED).collect();
        let more = differences.count();
        match (named.is_empty(), more) {
            (true, _) => None,
            (false, 0) => Some(named.join("; ")),
            (false, more) => Some(format!("{}; and {more} more", named.join("; "))),
        }
    }
}

fn is_same(planned: &Outcome, now: &Outcome) -> bool {
    let timeless = |outcome: &Outcome| Outcome { duration_us: 0, ..outcome.clone() };
    timeless(planned) == timeless(now)
}

fn word(outcome: Option<&Outcome>) -> String {
    let Some(outcome) = outcome else { return "nothing".to_owned() };
    match &outcome.status {
        Status::UpToDate => "up to date".to_owned(),
        Status::Changed => format!("another change ({})", outcome.action),
        Status::Skipped { reason } => format!("skipped ({reason})"),
        Status::Failed { error, .. } => format!("failed ({error})"),
        Status::Unknown { because } => format!("unknown (depends on {because})"),
    }
}

#[cfg(test)]
mod tests {
    use engine_protocol::{Action, Change, Earlier};

    use super::*;

    fn outcome(id: u32, status: Status, changes: Vec<Change>) -> Outcome {
        let resource = ResourceId(id);
        Outcome {
            resource,
            action: Action::Create,
            status,
            changes,
            notified_by: None,
            duration_us: 7,
            earlier: Earlier::Nothing,
        }
    }

    fn step(outcomes: Vec<Outcome>) -> SavedStep {
        SavedStep {
            event: Command::Setup,
            online: Vec::new(),
            collection: Collection::default(),
            outcomes,
            hidden: Vec::new(),
        }
    }

    #[test]
    fn time_is_no_move_and_everything_else_is() {
        let change = |text: &str| vec![Change::Done { what: text.to_owned() }];
        let saved =
            step(vec![outcome(0, Status::Changed, change("created")), outcome(1, Status::UpToDate, vec![])]);
        let mut now = saved.outcomes.clone();
        now[0].duration_us = 99;
        assert_eq!(saved.moved(&now, &[]), None);
        now[0].changes = change("replaced");
        assert_eq!(
            saved.moved(&now, &[]).unwrap(),
            "resource 0: planned was another change (create), now it is another change (create)"
        );
        assert!(
            saved
                .moved(&saved.outcomes[..1], &[])
                .unwrap()
                .contains("resource 1: planned was up to date, now it is nothing")
        );
        assert!(saved.moved(&[], &[]).unwrap().contains("; "));
    }

    #[test]
    fn what_is_not_shown_moves_as_well() {
        let hidden = |digest| vec![(ResourceId(0), digest)];
        let mut saved = step(vec![outcome(0, Status::Changed, vec![Change::Hidden])]);
        saved.hidden = hidden(1);
        assert_eq!(saved.moved(&saved.outcomes, &hidden(1)), None);
        let moved = saved.moved(&saved.outcomes, &hidden(2)).unwrap();
        assert_eq!(moved, "resource 0: what is not shown of it has changed");
    }

    #[test]
    fn many_moves_are_counted() {
        let many = |status: &Status| (0..9).map(|id| outcome(id, status.clone(), vec![])).collect::<Vec<_>>();
        let moved = step(many(&Status::UpToDate)).moved(&many(&Status::Changed), &[]).unwrap();
        assert!(moved.ends_with("; and 6 more"), "{moved}");
    }
}
