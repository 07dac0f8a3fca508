//! Applying collections: one path of check, difference and application for every resource, with
//! guards, retries and notifications around it.

use std::{
    collections::HashMap,
    rc::Rc,
    thread,
    time::{Duration, Instant},
};

use engine_protocol::{
    Action, Change, Collection, Earlier, FromAgent, Grants, Mode, Outcome, Resource, ResourceId, Spec,
    Status,
    message::End,
    resource::{Guard, Notification, Timing},
};

use rustix::{fs::Mode as FileMode, process::umask};

use crate::{
    command,
    journal::Journal,
    node::Node,
    provider::{self, Check, Context, Error},
    reporter::Reporter,
};

mod attempts;
mod confirm;
mod event;
mod foreseen;
pub mod guards;
pub mod owed;
mod resume;

pub use confirm::put_back;
pub use event::Event;
use event::{Delayed, Entry};
use owed::Owed;

/// Name of the cookbook of what is built in, which needs no grants.
const BUILT_IN: &str = "engine";

/// Immediate notifications that cause one another stop being a chain and are a loop beyond this.
const DEPTH: usize = 32;

/// Seconds that one try of a resource may take; Chef's limit of a command.
const TIMEOUT_SECONDS: u32 = 3600;

/// Seconds that `wait_for` waits.
const WAIT_SECONDS: u32 = 300;

/// What the agent takes away of the permission bits of what it makes, whatever it was started with.
const UMASK: u32 = 0o022;

/// Pause between looks at whether to stop while waiting for the next try.
const SLICE: Duration = Duration::from_millis(100);

/// What converging works with.
pub struct Converge<'a> {
    /// The event.
    pub event: &'a mut Event,
    /// The node.
    pub node: &'a mut Node,
    /// Where outcomes go.
    pub reporter: &'a mut dyn Reporter,
    /// Whether to stop before the next resource.
    pub stopping: &'a dyn Fn() -> bool,
}

/// How far a resource has come.
#[derive(Default)]
struct Progress {
    /// The controller knows that it is being worked on.
    said: bool,
    /// Whose notification it acts on, if it does.
    by: Option<ResourceId>,
    /// Those were notified that act before it.
    told: bool,
    /// What a try has begun to change.
    begun: Option<Vec<Change>>,
}

/// Whether looking at it alone can take so long that somebody wonders.
fn may_take_long(resource: &Resource) -> bool {
    let looks = matches!(resource.spec, Spec::File(_) | Spec::Directory(_) | Spec::Link(_));
    let command = |guard: &Guard| matches!(guard, Guard::Command { .. });
    !looks || resource.common.only_if.iter().chain(&resource.common.not_if).any(command)
}

/// Seconds that one try may take if the recipe does not say.
fn default_timeout(spec: &Spec) -> u32 {
    if matches!(spec, Spec::WaitFor(_)) { WAIT_SECONDS } else { TIMEOUT_SECONDS }
}

/// Why what comes next is not tried.
enum Halt {
    /// This resource failed and the recipe did not say to go on.
    Failed(ResourceId),
    /// It was time to stop while one waited.
    Stopped,
}

impl Converge<'_> {
    /// Checks and applies a batch, in order.
    pub fn apply(&mut self, collection: Collection) -> End {
        let mut grants: HashMap<String, Rc<Grants>> = HashMap::new();
        for entry in &collection.grants {
            grants.entry(entry.cookbook.clone()).or_insert_with(|| Rc::new(entry.grants.clone()));
        }
        let mut batch = Vec::with_capacity(collection.resources.len());
        for resource in collection.resources {
            let grants = grants.get(&resource.origin.cookbook).cloned();
            let denied = match &grants {
                _ if resource.origin.cookbook == BUILT_IN => None,
                Some(grants) => grants.check(&resource).err(),
                None => Grants::default().check(&resource).err(),
            };
            let denied = denied.map(|denied| denied.to_string());
            let entry = Rc::new(Entry { resource, grants, denied });
            self.node.reboot_declared |= matches!(entry.resource.spec, Spec::Reboot(_));
            self.event.entries.insert(entry.resource.id, Rc::clone(&entry));
            batch.push(entry);
        }
        self.read_owed();
        self.event.recall();
        self.node.services.expect(batch.iter().map(|entry| &entry.resource));
        for (index, entry) in batch.iter().enumerate() {
            if (self.stopping)() {
                return self.stopped(batch.len() - index);
            }
            self.event.begun = false;
            let actions = entry.resource.actions.iter().enumerate();
            for (index, action) in actions.filter(|(_, action)| **action != Action::Nothing) {
                match self.declared(entry, index, *action) {
                    Ok(()) => {}
                    Err(Halt::Failed(resource)) => return End::Failed { resource },
                    Err(Halt::Stopped) => return self.stopped(batch.len() - index),
                }
            }
        }
        End::Complete
    }

    /// Reads what earlier runs owe; once an event, since this agent alone writes it meanwhile.
    fn read_owed(&mut self) {
        if self.event.owed.is_none() {
            self.event.owed = Some(Owed::read(&self.node.settings.state_dir));
        }
    }

    /// Runs the delayed notifications, even if a resource failed before, and closes the event.
    pub fn finish(&mut self) -> End {
        self.read_owed();
        self.event.delay_owed();
        let mut next = 0;
        // A delayed notification can cause another, which then runs after all that are known.
        while let Some(Delayed { target, action, by, maybe }) = self.event.next_delayed(next) {
            if (self.stopping)() {
                return self.stopped_finishing(next);
            }
            self.event.begun = false;
            next += 1;
            let Some(entry) = self.event.entries.get(&target).cloned() else { continue };
            match by {
                Some(by) if maybe => self.may_run(&entry, action, by, 0),
                _ => {
                    if let Err(Halt::Stopped) = self.run(&entry, action, by, 0) {
                        return self.stopped_finishing(next - 1);
                    }
                }
            }
        }
        self.tell_owed_reboot();
        let end = match self.event.failed {
            Some(resource) => End::Failed { resource },
            None => End::Complete,
        };
        if let Some(journal) = self.open_journal() {
            journal.hold(&["finished", if end == End::Complete { "complete" } else { "failed" }]);
            let _ = journal.write(true);
        }
        end
    }

    /// The end at a resource boundary; a resource that was waiting counts as not tried.
    fn stopped(&mut self, remaining: usize) -> End {
        if let Some(journal) = self.open_journal() {
            let _ = journal.write(true);
        }
        End::Stopped { remaining: u32::try_from(remaining).unwrap_or(u32::MAX) }
    }

    fn stopped_finishing(&mut self, next: usize) -> End {
        if let Some(journal) = self.open_journal() {
            journal.hold(&["finished", "stopped"]);
        }
        self.stopped(self.event.delayed.len() - next)
    }

    /// The journal, if something was written to it.
    fn open_journal(&mut self) -> Option<&mut Journal> {
        self.event.journal.as_mut().filter(|journal| journal.is_open())
    }

    fn run(
        &mut self,
        entry: &Rc<Entry>,
        action: Action,
        by: Option<ResourceId>,
        depth: usize,
    ) -> Result<(), Halt> {
        let resource = &entry.resource;
        let begin = Instant::now();
        let mut progress = Progress { by, told: self.event.was_told(by), ..Progress::default() };
        if may_take_long(resource) {
            self.start(resource, &mut progress);
        }
        let (mut status, mut changes) = match &entry.denied {
            Some(denied) => (Status::Failed { error: denied.clone(), ignored: false }, Vec::new()),
            None => match self.attempt(entry, action, depth, &mut progress) {
                Ok(result) => result,
                Err(halt) => {
                    if let Some(journal) = self.open_journal() {
                        let id = resource.id.0.to_string();
                        journal.hold(&["outcome", &id, action.name(), &resource.to_string(), "stopped"]);
                    }
                    return Err(halt);
                }
            },
        };
        if resource.common.sensitive && !changes.is_empty() {
            if self.event.mode == Mode::Plan {
                let text = serde_json::to_vec(&changes).unwrap_or_default();
                self.event.hidden.push((resource.id, provider::digest(text)));
            }
            changes = vec![Change::Hidden];
        }
        let mut immediate = Vec::new();
        if status == Status::Changed {
            immediate = self.delay_notifications(resource, false);
        }
        let unknown = matches!(status, Status::Unknown { .. });
        let earlier = self.event.earlier(by);
        if earlier == Earlier::Begun && matches!(status, Status::UpToDate | Status::Skipped { .. }) {
            // The attempt that began it may have changed it and told nobody.
            immediate = self.still_owed(resource);
        }
        if let Err(error) = self.record(entry, action, &status, by) {
            status = Status::Failed { error, ignored: resource.common.ignore_failure };
            changes.clear();
            immediate.clear();
        }
        let broken = matches!(status, Status::Failed { ignored: false, .. });
        if matches!(status, Status::Failed { .. }) {
            self.event.tried.insert((resource.id, action));
        } else {
            self.event.settled.insert(resource.id);
            if let Err(error) = self.pay(resource, action) {
                status = Status::Failed { error, ignored: resource.common.ignore_failure };
            }
        }
        self.reporter.send(&FromAgent::Outcome(Outcome {
            resource: resource.id,
            action,
            status,
            changes,
            notified_by: by,
            duration_us: u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX),
            earlier,
        }));
        if broken {
            self.event.failed.get_or_insert(resource.id);
            return Err(Halt::Failed(resource.id));
        }
        for Notification { target, action, .. } in immediate {
            self.notify(*target, *action, resource.id, depth)?;
        }
        if unknown {
            self.may_notify(resource, depth);
        }
        Ok(())
    }

    /// Delays what a resource tells others at the end; gives back what it tells at once.
    fn delay_notifications<'r>(&mut self, resource: &'r Resource, maybe: bool) -> Vec<&'r Notification> {
        let mut immediate = Vec::new();
        for notification in &resource.common.notifies {
            let Notification { target, action, timing } = *notification;
            match timing {
                Timing::Before => {}
                Timing::Immediately if self.event.entries.contains_key(&target) => {
                    immediate.push(notification);
                }
                Timing::Immediately | Timing::Delayed => {
                    self.event.delay(Delayed { target, action, by: Some(resource.id), maybe });
                }
            }
        }
        immediate
    }

    /// Says, once, that the resource is being worked on, and writes what was said before.
    fn start(&mut self, resource: &Resource, progress: &mut Progress) {
        if !std::mem::replace(&mut progress.said, true) {
            self.reporter.send(&FromAgent::Started { resource: resource.id });
        }
        self.reporter.flush();
    }

    fn notify(
        &mut self,
        target: ResourceId,
        action: Action,
        by: ResourceId,
        depth: usize,
    ) -> Result<(), Halt> {
        match self.event.entries.get(&target).cloned() {
            Some(entry) => self.run(&entry, action, Some(by), depth + 1),
            None => Ok(()),
        }
    }

    /// Writes down whom a change will have to tell, before it is made: whatever happens from here on, the next run
    /// tells them.
    fn owe(&mut self, resource: &Resource) -> Result<(), String> {
        let told = resource.common.notifies.iter().filter(|told| told.timing != Timing::Before);
        let debts: Vec<owed::Debt> = told
            .filter_map(|told| {
                let target = self.event.entries.get(&told.target)?;
                let (target, by) = (owed::key(&target.resource), owed::key(resource));
                Some(owed::Debt { target, action: told.action, by })
            })
            .collect();
        match &mut self.event.owed {
            Some(owed) => owed.owe(debts).map_err(|error| error.to_string()),
            None => Ok(()),
        }
    }

    /// Nobody has to tell this resource any more to do this.
    fn pay(&mut self, resource: &Resource, action: Action) -> Result<(), String> {
        match &mut self.event.owed {
            Some(owed) if self.event.mode == Mode::Apply => {
                let paid = owed.pay(&owed::key(resource), action);
                paid.map_err(|error| format!("it was done, but {error}"))
            }
            _ => Ok(()),
        }
    }

    /// Guards, then tries until one succeeds; no result if it was time to stop while it waited.
    fn attempt(
        &mut self,
        entry: &Rc<Entry>,
        action: Action,
        depth: usize,
        progress: &mut Progress,
    ) -> Result<(Status, Vec<Change>), Halt> {
        let common = &entry.resource.common;
        let ignored = common.ignore_failure;
        let plain = |status| Ok((status, Vec::new()));
        if depth > DEPTH {
            let error = format!("more than {DEPTH} notifications cause one another; they form a loop");
            return plain(Status::Failed { error, ignored });
        }
        let begun = self.event.begun;
        let mut context = self.context(entry);
        if begun {
            context.stopping = &|| false;
        }
        match guards::evaluate(&entry.resource, &mut context) {
            guards::Verdict::Go => {}
            guards::Verdict::Stopped => return Err(Halt::Stopped),
            guards::Verdict::Skip(reason) => return plain(Status::Skipped { reason }),
            guards::Verdict::Unknown(because) => return plain(self.unknown(entry, because)),
            guards::Verdict::Failed(error) => return plain(Status::Failed { error, ignored }),
        }
        let mut left = if self.event.mode == Mode::Apply { common.retries } else { 0 };
        loop {
            let error = match self.bounded(entry, action, depth, progress) {
                // A try before did it, and failed at something else.
                Ok((Status::UpToDate | Status::Skipped { .. }, _)) if progress.begun.is_some() => {
                    return Ok((Status::Changed, progress.begun.take().unwrap_or_default()));
                }
                Ok(result) => return Ok(result),
                Err(Error::Stopped) => return Err(Halt::Stopped),
                Err(error) => error,
            };
            if left == 0 {
                let error = if common.sensitive && error.may_quote() {
                    "it failed; it is sensitive, so the reason is not shown".to_owned()
                } else {
                    error.to_string()
                };
                return plain(Status::Failed { error, ignored });
            }
            if !self.pause(Duration::from_secs(common.retry_delay_seconds.into())) {
                return Err(Halt::Stopped);
            }
            left -= 1;
        }
    }

    /// One try, within its time and with its mask of permission bits.
    fn bounded(
        &mut self,
        entry: &Rc<Entry>,
        action: Action,
        depth: usize,
        progress: &mut Progress,
    ) -> Result<(Status, Vec<Change>), Error> {
        let common = &entry.resource.common;
        let seconds = common.timeout_seconds.unwrap_or_else(|| default_timeout(&entry.resource.spec));
        let deadline = Instant::now() + Duration::from_secs(seconds.into());
        let outer = std::mem::replace(&mut self.event.deadline, deadline);
        let mask = umask(FileMode::from_raw_mode(common.umask.unwrap_or(UMASK)));
        let result = command::until(deadline, || self.once(entry, action, depth, progress));
        umask(mask);
        self.event.deadline = outer;
        result
    }

    fn once(
        &mut self,
        entry: &Rc<Entry>,
        action: Action,
        depth: usize,
        progress: &mut Progress,
    ) -> Result<(Status, Vec<Change>), Error> {
        let resource = &entry.resource;
        loop {
            let difference = match provider::check(resource, action, &mut self.context(entry))? {
                Check::UpToDate => return Ok((Status::UpToDate, Vec::new())),
                Check::Skipped(_) if resource.common.sensitive => {
                    let reason = "what it creates is there".to_owned();
                    return Ok((Status::Skipped { reason }, Vec::new()));
                }
                Check::Skipped(reason) => return Ok((Status::Skipped { reason }, Vec::new())),
                Check::Unknown(because) => return Ok((self.unknown(entry, because), Vec::new())),
                Check::Differs(difference) => difference,
            };
            let mut before =
                resource.common.notifies.iter().filter(|told| told.timing == Timing::Before).peekable();
            if !progress.told && before.peek().is_some() {
                progress.told = true;
                for notification in before {
                    let result = self.notify(notification.target, notification.action, resource.id, depth);
                    match result {
                        Ok(()) => {}
                        Err(Halt::Stopped) => return Err(Error::Stopped),
                        Err(Halt::Failed(failed)) => {
                            let error = format!("resource {} failed, which was to act before", failed.0);
                            let ignored = resource.common.ignore_failure;
                            return Ok((Status::Failed { error, ignored }, Vec::new()));
                        }
                    }
                }
                self.record_told(resource, action, progress.by);
                // What was notified may have changed what was checked.
                continue;
            }
            let mut changes = difference.changes;
            if self.event.mode == Mode::Plan {
                self.event.hidden.extend(difference.hidden.map(|digest| (resource.id, digest)));
                self.event.overlay.record(&resource.to_string(), difference.predictions);
                return Ok((Status::Changed, changes));
            }
            self.keep(entry, &difference.predictions)?;
            let written = self.record_begin(resource, action, progress.by);
            if let Err(error) = written.and_then(|()| self.owe(resource)) {
                let ignored = resource.common.ignore_failure;
                return Ok((Status::Failed { error, ignored }, Vec::new()));
            }
            self.start(resource, progress);
            progress.begun = Some(changes.clone());
            self.event.changed = true;
            self.event.begun = true;
            let applied = (difference.apply)(&mut self.context(entry));
            self.node.forget();
            changes.extend(applied?);
            return Ok((Status::Changed, changes));
        }
    }

    /// What may change cannot be foreseen, so neither can what depends on it.
    fn unknown(&mut self, entry: &Rc<Entry>, because: String) -> Status {
        if self.event.mode == Mode::Apply {
            // Nothing is foreseen then, so everything can be seen.
            let ignored = entry.resource.common.ignore_failure;
            let error = format!("it cannot be told what is to be done: that depends on {because}");
            return Status::Failed { error, ignored };
        }
        self.event.overlay.record(&entry.resource.to_string(), vec![crate::overlay::Prediction::Anything]);
        Status::Unknown { because }
    }

    fn context<'c>(&'c mut self, entry: &'c Rc<Entry>) -> Context<'c> {
        Context {
            mode: self.event.mode,
            grants: entry.grants.as_deref(),
            node: self.node,
            overlay: &self.event.overlay,
            reporter: self.reporter,
            stopping: self.stopping,
            umask: entry.resource.common.umask.unwrap_or(UMASK),
            deadline: self.event.deadline,
        }
    }

    /// Waits for the next try; says no when it is time to stop.
    fn pause(&mut self, delay: Duration) -> bool {
        self.reporter.flush();
        let deadline = Instant::now() + delay;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            if (self.stopping)() {
                return false;
            }
            thread::sleep(left.min(SLICE));
        }
        !(self.stopping)()
    }
}
