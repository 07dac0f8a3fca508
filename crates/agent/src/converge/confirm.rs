//! What is kept of a change that must be confirmed, and putting it back.

use std::rc::Rc;

use engine_protocol::{
    Action, Collection, FromAgent, Mode, Resource, ResourceId, Spec, frame,
    resource::{Common, Origin, Timing},
};

use super::{BUILT_IN, Converge, Event, event::Entry};
use crate::{
    files::{
        managed::{self, Managed},
        state::{State, wrong_kind},
    },
    node::Node,
    overlay::{Overlay, Prediction},
    provider::Error,
    reporter::Reporter,
    revert::{Pending, RevertError, watch},
};

/// How often it is tried to put something back, two seconds apart.
const RETRIES: u32 = 5;

impl Converge<'_> {
    /// Keeps what a resource is about to replace, if that must be confirmed, and sees to it that it is put back otherwise.
    pub(super) fn keep(&mut self, entry: &Rc<Entry>, predictions: &[Prediction]) -> Result<(), Error> {
        let Some(seconds) = entry.resource.common.confirm_seconds else { return Ok(()) };
        let mut files = Vec::new();
        for prediction in predictions {
            if let Prediction::Path(path, State::File { .. } | State::Absent) = prediction {
                files.push(as_it_is(self, entry, path)?);
            }
        }
        if files.is_empty() {
            return Err(RevertError::NoFile.into());
        }
        let told = self.told_by(&entry.resource);
        let first = self.event.pending.is_none();
        let settings = self.node.settings.clone();
        if first {
            watch::start(&settings, self.node.program.as_deref())?;
        }
        let run = self.event.run.clone();
        let pending = self.event.pending.get_or_insert_with(|| Pending::new(&run, seconds));
        pending.seconds = pending.seconds.max(seconds);
        pending.put_off();
        // What was there before the first change of an event is what is put back.
        for file in files {
            if pending.files.iter().all(|known| known.name != file.name) {
                pending.files.push(file);
            }
        }
        for told in told {
            let same = |known: &Resource| known.id == told.id && known.actions == told.actions;
            if !pending.told.iter().any(same) {
                pending.told.push(told);
            }
        }
        pending.write(&settings.state_dir)?;
        if first {
            let (id, seconds) = (pending.id.clone(), pending.seconds);
            self.reporter.send(&FromAgent::Unconfirmed { id, seconds });
            self.reporter.flush();
        }
        Ok(())
    }

    /// Whom a change tells, and whom those tell, as resources that do just that.
    fn told_by(&self, resource: &Resource) -> Vec<Resource> {
        let mut told = Vec::new();
        let mut seen = Vec::new();
        let mut next: Vec<&Resource> = vec![resource];
        while let Some(by) = next.pop() {
            for notification in by.common.notifies.iter().filter(|told| told.timing != Timing::Before) {
                let Some(entry) = self.event.entries.get(&notification.target) else { continue };
                let what = (notification.target, notification.action);
                if entry.denied.is_some() || seen.contains(&what) {
                    continue;
                }
                seen.push(what);
                next.push(&entry.resource);
                told.extend(again(&entry.resource, notification.action));
            }
        }
        told
    }

    /// Lets the time for confirming begin, at the end of an event.
    pub fn begin_to_wait(&mut self) -> Result<(), RevertError> {
        match &mut self.event.pending {
            Some(pending) => {
                pending.put_off();
                pending.write(&self.node.settings.state_dir)
            }
            None => Ok(()),
        }
    }
}

/// What was told, once more. Files and whatever else is told would bring the change back.
fn again(resource: &Resource, action: Action) -> Option<Resource> {
    if !matches!(resource.spec, Spec::Service(_) | Spec::Execute(_) | Spec::Script(_)) {
        return None;
    }
    // A copy as it would come over the wire: nothing else in this program copies resources, and that makes it smaller.
    let framed = frame::encode(resource).ok()?;
    let mut copy: Resource = frame::decode(&framed[frame::HEADER_BYTES..]).ok()?;
    (copy.actions, copy.origin) = (vec![action], origin());
    (copy.common.only_if, copy.common.not_if) = {
        let old = std::mem::replace(&mut copy.common, common());
        (old.only_if, old.not_if)
    };
    copy.common.timeout_seconds = resource.common.timeout_seconds;
    copy.common.umask = resource.common.umask;
    Some(copy)
}

fn common() -> Common {
    Common {
        sensitive: true,
        ignore_failure: true,
        retries: RETRIES,
        retry_delay_seconds: 2,
        ..Common::default()
    }
}

fn origin() -> Origin {
    Origin { cookbook: BUILT_IN.to_owned(), recipe: "revert".to_owned() }
}

/// A resource that makes a file what it is now.
fn as_it_is(converge: &mut Converge<'_>, entry: &Rc<Entry>, path: &str) -> Result<Resource, Error> {
    let state = managed::look(&mut converge.context(entry), path)?;
    if !matches!(state, State::File { .. } | State::Absent | State::NoParent(_)) {
        return Err(wrong_kind(path, &state, "file").into());
    }
    let (spec, action) = Managed::as_it_was(path, &state)?.into_spec();
    Ok(Resource {
        id: ResourceId(0),
        kind: "file".to_owned(),
        name: path.to_owned(),
        origin: origin(),
        actions: vec![action],
        spec: Spec::File(spec),
        common: common(),
    })
}

/// Nobody hears what is put back; it is in the journal.
struct Nobody;

impl Reporter for Nobody {
    fn send(&mut self, _: &FromAgent) {}
    fn flush(&mut self) {}
}

/// Puts files back as they were, and lets those act again who were told of the change.
pub fn put_back(node: &mut Node, pending: Pending) {
    let state_dir = node.settings.state_dir.clone();
    let mut event = Event::new(&state_dir, &pending.run, "revert", Mode::Apply, Overlay::default());
    if let Some(journal) = &mut event.journal {
        journal.hold(&["reverted"]);
        // What cannot be written down is put back all the same.
        let _ = journal.write(true);
    }
    let mut resources = pending.files;
    resources.extend(pending.told);
    for (id, resource) in (0..).zip(&mut resources) {
        resource.id = ResourceId(id);
    }
    let mut converge = Converge { event: &mut event, node, reporter: &mut Nobody, stopping: &|| false };
    converge.apply(Collection { resources, grants: Vec::new() });
    converge.finish();
}
