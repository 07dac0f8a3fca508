//! From rows to what they mean; the same for all databases.

use engine_model::{
    InstanceStatus, Name, NewRun, PendingConfigure, RunId, RunRecord, RunState, StatusRecord,
};
use engine_scheduler::{
    RunEvent,
    ports::{NodeRunRecord, TimedEvent},
    resume::Journal,
};

/// Columns of a run, in the order of [`RunRow`].
pub(crate) const RUN: &str = "id, stack, event, operator, comment, state, started_ms, ended_ms, follows";

/// The same, of the table `r` in a join.
pub(crate) const RUN_IN_JOIN: &str =
    "r.id, r.stack, r.event, r.operator, r.comment, r.state, r.started_ms, r.ended_ms, r.follows";

/// How many columns these are.
pub(crate) const RUN_COLUMNS: usize = 9;

/// Something is written that this version does not understand.
#[derive(Debug, thiserror::Error)]
#[error("what is remembered cannot be read: {0}")]
pub(crate) struct Unreadable(String);

impl Unreadable {
    fn of(error: impl std::fmt::Display) -> Self {
        Unreadable(error.to_string())
    }
}

/// A run as it is kept.
pub(crate) struct RunRow {
    pub(crate) id: i64,
    pub(crate) stack: String,
    pub(crate) command: String,
    pub(crate) operator: String,
    pub(crate) comment: String,
    pub(crate) state: String,
    pub(crate) started_ms: i64,
    pub(crate) ended_ms: Option<i64>,
    pub(crate) follows: Option<i64>,
}

impl RunRow {
    pub(crate) fn record(self) -> Result<RunRecord, Unreadable> {
        Ok(RunRecord {
            id: RunId(unsigned(self.id)),
            run: NewRun {
                stack: self.stack.parse().map_err(Unreadable::of)?,
                command: self.command.parse().map_err(Unreadable::of)?,
                operator: self.operator,
                comment: self.comment,
                follows: self.follows.map(|run| RunId(unsigned(run))),
            },
            // A state of a later version is one that ended otherwise than well.
            state: RunState::parse(&self.state).unwrap_or(RunState::Failed),
            started_ms: unsigned(self.started_ms),
            ended_ms: self.ended_ms.map(unsigned),
        })
    }

    /// With the event that ended a node's part of it.
    pub(crate) fn node_run(self, at_ms: i64, event: &str) -> Result<Option<NodeRunRecord>, Unreadable> {
        let run = self.record()?;
        let RunEvent::NodeFinished { result, counts, duration_ms, .. } = json(event)? else {
            return Ok(None);
        };
        Ok(Some(NodeRunRecord { run, ended_ms: unsigned(at_ms), result, counts, duration_ms }))
    }
}

/// An instance's status. A word of a later version counts as pending: the instance is set up again.
pub(crate) fn status(name: &str, status: &str, since_ms: i64) -> Option<(Name, StatusRecord)> {
    let status = InstanceStatus::parse(status)?;
    Some((name.parse().ok()?, StatusRecord { status, since_ms: unsigned(since_ms) }))
}

/// A reaction that is owed, if one is.
pub(crate) fn pending(since_ms: Option<i64>, why: Option<String>) -> Option<PendingConfigure> {
    Some(PendingConfigure { since_ms: unsigned(since_ms?), why: why? })
}

/// Who is online, as one text.
pub(crate) fn view(online: &[Name]) -> String {
    online.iter().map(Name::as_str).collect::<Vec<_>>().join(" ")
}

/// Something that happened.
pub(crate) fn event(at_ms: i64, event: &str) -> Result<TimedEvent, Unreadable> {
    Ok(TimedEvent { at_ms: unsigned(at_ms), event: json(event)? })
}

/// A journal. Its first line is the intent.
pub(crate) fn journal(lines: &[String]) -> Result<Option<Journal>, Unreadable> {
    let Some((intent, entries)) = lines.split_first() else { return Ok(None) };
    let entries = entries.iter().map(|line| json(line)).collect::<Result<_, _>>()?;
    Ok(Some(Journal { intent: json(intent)?, entries }))
}

fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Unreadable> {
    serde_json::from_str(text).map_err(Unreadable::of)
}

/// A run's number as databases have it.
pub(crate) fn key(run: RunId) -> i64 {
    signed(run.0)
}

/// Databases know numbers with a sign only.
pub(crate) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// And back.
pub(crate) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

/// A lock's id: random, so that nobody breaks another lock than the one they saw.
pub(crate) fn lock_id(owner: &str) -> String {
    use std::hash::BuildHasher as _;
    format!("{:016x}", std::hash::RandomState::new().hash_one(owner))
}
