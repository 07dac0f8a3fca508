//! Runs that survive: one that was interrupted is taken up again where it stopped.
//!
//! The controller's journal holds what a run is to do and what its recipes saw; the agents' journals hold what was done.
//! So nothing is planned again: what is left is evaluated with the inputs of the first attempt, which declares the same
//! resources, and each agent leaves out what it has done.

mod attempted;
mod error;
pub(crate) mod journal;
mod parts;
mod progress;
pub(crate) mod reconnect;
pub mod retry;

use std::{collections::BTreeMap, sync::Arc};

use engine_model::{RunId, RunRecord, RunState};

pub use crate::deployments::Deploying;
pub(crate) use attempted::Attempted;
pub use error::ResumeError;
pub use journal::{Entry, Intent, Journal, Phase, Position};

use crate::{
    event::{NodeResult, RunSummary},
    execute::{Begin, ExecuteError, Executor, Keeping, Settings},
    fenced::Fenced,
    plan::{Request, RunPlan},
    work::Work,
};

/// This version of engine.
const VERSION: &str = env!("CARGO_PKG_VERSION");

impl Intent {
    /// What a run that begins now is to do.
    pub(crate) fn new(executor: &Executor, plan: RunPlan, request: &Request, settings: &Settings) -> Self {
        let mut key = [0; 32];
        // Without a source of random bytes there would be no SSH either.
        getrandom::fill(&mut key).expect("the system has random bytes");
        Intent {
            engine: VERSION.to_owned(),
            key,
            stack: parts::digests(&executor.stack, &key),
            cookbooks: executor.evaluator.digests(),
            plan,
            named: request.instances.clone(),
            attributes: settings.attributes.clone(),
            allow_reboot: settings.allow_reboot,
            rollout: settings.rollout.clone(),
            deploying: Deploying::default(),
        }
    }
}

/// A run of which something is left.
struct Left {
    record: RunRecord,
    intent: Intent,
    attempted: Attempted,
}

impl Executor {
    /// Takes a run up where it stopped; the newest one if none is named.
    pub async fn resume(&self, run: Option<RunId>, settings: &Settings) -> Result<RunSummary, ExecuteError> {
        self.holding("resume", settings, async |writes| {
            let Left { record, intent, attempted } = match self.left(run).await {
                Err(ExecuteError::Resume(ended @ ResumeError::Ended { state: RunState::Successful, .. })) => {
                    return self.follow_up(ended, settings, writes).await;
                }
                left => left?,
            };
            self.check(record.id, &intent)?;
            let settings = Settings {
                attributes: intent.attributes.clone(),
                allow_reboot: intent.allow_reboot,
                rollout: intent.rollout.clone(),
                comment: record.run.comment.clone(),
                ..settings.clone()
            };
            let statuses = self.store.statuses(&self.stack.name).await?;
            let work = Work::of(&self.stack, &intent.plan);
            let again = Begin::Again(Box::new(record), intent.key, attempted, intent.deploying);
            let keeping = writes.clone().map_or(Keeping::Nothing, |writes| Keeping::Run(writes, again));
            let summary = self.carry_out(work, statuses, &intent.named, &settings, keeping).await?.0;
            self.catch_up(summary, &settings, writes).await
        })
        .await
    }

    /// Behind a run that ended well a configure may be owed, which the controller did not live to begin.
    async fn follow_up(
        &self,
        ended: ResumeError,
        settings: &Settings,
        writes: Option<Arc<Fenced>>,
    ) -> Result<RunSummary, ExecuteError> {
        let ResumeError::Ended { run, .. } = ended else { return Err(ended.into()) };
        let nothing = RunSummary {
            nodes: Vec::new(),
            duration_ms: 0,
            stopped: false,
            stack_lost: false,
            reacted: false,
            run: Some(run),
            resumable: false,
        };
        let summary = self.catch_up(nothing, settings, writes).await?;
        if summary.reacted { Ok(summary) } else { Err(ended.into()) }
    }

    /// The run, if no other one came after it and something is left of it.
    async fn left(&self, run: Option<RunId>) -> Result<Left, ExecuteError> {
        let stack = self.stack.name.clone();
        let runs = self.store.runs(&stack, 1).await?;
        let newest = runs.into_iter().next().ok_or(ResumeError::NoRun { stack: stack.clone() })?;
        // One that only followed from it does not stand between.
        let followed = match newest.run.follows {
            Some(before) => self.store.run(before).await?,
            None => None,
        };
        let mut candidates: Vec<RunRecord> = followed.into_iter().chain([newest.clone()]).collect();
        if let Some(run) = run {
            candidates.retain(|record| record.id == run);
            if candidates.is_empty() {
                let known = self.store.run(run).await?.filter(|record| record.run.stack == stack);
                return Err(match known {
                    Some(_) => ResumeError::Newer { run, newer: newest.id }.into(),
                    None => ResumeError::Unknown { run, stack }.into(),
                });
            }
        }
        let mut last = ResumeError::NoRun { stack };
        for record in candidates {
            match self.left_of(record).await? {
                Ok(left) => return Ok(left),
                Err(error) => last = error,
            }
        }
        Err(last.into())
    }

    /// What is left of a run, if something is.
    async fn left_of(&self, record: RunRecord) -> Result<Result<Left, ResumeError>, ExecuteError> {
        let ended = ResumeError::Ended { run: record.id, state: record.state };
        if record.state == RunState::Successful {
            return Ok(Err(ended));
        }
        let Some(Journal { intent, entries }) = self.store.journal(record.id).await? else {
            return Ok(Err(ResumeError::SavedPlan { run: record.id }));
        };
        let attempted = Attempted::of(entries);
        let work = Work::of(&self.stack, &intent.plan);
        // One that was interrupted right before its end has still to be ended.
        if record.state == RunState::Failed && attempted.over(&work).len() == work.nodes.len() {
            return Ok(Err(ended));
        }
        Ok(Ok(Left { record, intent, attempted }))
    }

    /// Whether the same things would be declared again, and nothing of the past would be done that today forbids.
    fn check(&self, run: RunId, intent: &Intent) -> Result<(), ResumeError> {
        if intent.engine != VERSION {
            let (began, this) = (intent.engine.clone(), VERSION.to_owned());
            return Err(ResumeError::Version { run, began, this });
        }
        if let Some(what) = parts::moved(&intent.stack, &parts::digests(&self.stack, &intent.key)) {
            return Err(ResumeError::Stack { run, what });
        }
        let cookbooks = others(&intent.cookbooks, &self.evaluator.digests());
        if cookbooks.is_empty() { Ok(()) } else { Err(ResumeError::Cookbooks { run, cookbooks }) }
    }
}

/// Cookbooks that are not what they were.
fn others(then: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<String> {
    then.iter()
        .filter(|(name, digest)| now.get(*name) != Some(*digest))
        .map(|(name, _)| name.clone())
        .collect()
}

/// Whether something is left that taking the run up again may do.
pub(crate) fn is_resumable(summary: &RunSummary) -> bool {
    summary.nodes.iter().any(|node| {
        matches!(
            node.result,
            NodeResult::Stopped { .. } | NodeResult::ConnectionLost { .. } | NodeResult::Unreachable { .. }
        )
    })
}
