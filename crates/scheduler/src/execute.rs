//! Carries a plan out.
//!
//! Every instance of the run is reached at once. The primary steps run as soon as their node is
//! there; when all of them have ended, those that are online by then react with configure and one
//! view of the stack. A node that fails stops nobody else.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use engine_model::{
    Attributes, Command, InstanceStatus, Name, NewRun, Rollout, RunId, RunRecord, RunState, Stack,
};
use engine_protocol::Mode;
use tokio::sync::Semaphore;

use crate::{
    deployments::{Deploying, Deployments},
    event::{RunEvent, RunSummary},
    history,
    lock::{self, Held, LockError},
    plan::{PlanError, Request, plan},
    ports::{AppSources, Connector, Evaluator, SecretProvider, SourceFailure, Store, StoreFailure},
    resume::{self, Attempted, Intent, ResumeError, journal::RunJournal},
    saved::{Recorder, SavedNode, SavedPlan},
    secrets::Vault,
    shared::{Shared, milliseconds},
    stop::StopSignal,
    work::{Work, carry_out},
};

/// How a run is carried out.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether nodes may be changed.
    pub mode: Mode,
    /// How many nodes are worked on at the same time, at least one.
    pub parallel: usize,
    /// Attributes of this run alone, above all others.
    pub attributes: Attributes,
    /// How it goes over the instances of layers, where the operator says so.
    pub rollout: Rollout,
    /// Who asks for it: a user on a machine.
    pub operator: String,
    /// Why, in the operator's words.
    pub comment: String,
    /// How long to wait for whoever else holds the stack.
    pub lock_wait: Duration,
}

/// Where run events go.
pub type Sink = Arc<dyn Fn(RunEvent) + Send + Sync>;

/// Carries runs out on one stack.
pub struct Executor {
    /// The stack.
    pub stack: Arc<Stack>,
    /// Reaches instances.
    pub connector: Arc<dyn Connector>,
    /// Runs recipes.
    pub evaluator: Arc<dyn Evaluator>,
    /// Remembers state.
    pub store: Arc<dyn Store>,
    /// Fetches what apps are made of.
    pub sources: Arc<dyn AppSources>,
    /// Gives the values of secrets.
    pub secrets: Arc<dyn SecretProvider>,
    /// Hears what happens.
    pub sink: Sink,
    /// Says when to stop.
    pub stop: StopSignal,
}

/// Why a run did not begin, or could not be remembered.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The request makes no sense.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreFailure),
    /// The source of an app cannot be fetched.
    #[error(transparent)]
    Source(#[from] SourceFailure),
    /// The stack cannot be held.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The run is not taken up again.
    #[error(transparent)]
    Resume(#[from] ResumeError),
    /// The saved plan is of another stack.
    #[error("the plan is of stack `{plan}`, and the stack file is of `{file}`")]
    OtherStack {
        /// The plan's.
        plan: Name,
        /// The stack file's.
        file: Name,
    },
}

/// What is kept of what is carried out, and where it begins.
pub(crate) enum Keeping {
    /// Nothing, as of a plan that is only shown.
    Nothing,
    /// The plan.
    Plan(Recorder),
    /// A run, but nothing to take it up by.
    Run,
    /// A run that can be taken up again, and the one that it follows from.
    Journal(Box<Intent>, Option<RunId>),
    /// The same of a run that is taken up again.
    Again(Box<RunRecord>, [u8; 32], Attempted, Deploying),
}

impl Executor {
    /// Plans a run and carries it out.
    pub async fn run(&self, request: &Request, settings: &Settings) -> Result<RunSummary, ExecuteError> {
        self.holding(request.command.name(), settings, async {
            let statuses = self.store.statuses(&self.stack.name).await?;
            let plan = plan(&self.stack, &statuses, request)?;
            let work = Work::of(&self.stack, &plan);
            let keeping = match settings.mode {
                Mode::Plan => Keeping::Nothing,
                Mode::Apply => Keeping::Journal(Box::new(Intent::new(self, plan, request, settings)), None),
            };
            let summary = self.carry_out(work, statuses, &request.instances, settings, keeping).await?.0;
            self.catch_up(summary, settings).await
        })
        .await
    }

    /// Lets the stack react to what it has not reacted to yet: a configure of its own behind a run that had none, if
    /// instances entered or left the online ones in it or before it.
    pub(crate) async fn catch_up(
        &self,
        summary: RunSummary,
        settings: &Settings,
    ) -> Result<RunSummary, ExecuteError> {
        if settings.mode == Mode::Plan || self.stop.is_set() || summary.reacted {
            return Ok(summary);
        }
        let Some(pending) = self.store.configure_state(&self.stack.name).await?.pending else {
            return Ok(summary);
        };
        let statuses = self.store.statuses(&self.stack.name).await?;
        let request = Request::new(Command::Configure);
        // Nobody is online any more: whoever comes next reacts.
        let Ok(configure) = plan(&self.stack, &statuses, &request) else { return Ok(summary) };
        let settings = Settings { comment: pending.why.clone(), ..settings.clone() };
        (self.sink)(RunEvent::ConfigurePending { pending });
        let work = Work::of(&self.stack, &configure);
        let intent = Intent::new(self, configure, &request, &settings);
        let keeping = Keeping::Journal(Box::new(intent), summary.run);
        let reaction = self.carry_out(work, statuses, &[], &settings, keeping).await?.0;
        Ok(summary.and(reaction))
    }

    /// Does something while nobody else changes the stack. A plan changes nothing, so it waits for nobody.
    pub(crate) async fn holding<T>(
        &self,
        operation: &str,
        settings: &Settings,
        work: impl Future<Output = Result<T, ExecuteError>>,
    ) -> Result<T, ExecuteError> {
        let held = match settings.mode {
            Mode::Plan => None,
            Mode::Apply => Some(self.hold(operation, settings).await?),
        };
        let done = work.await;
        if let Some(held) = held {
            // A store that does not answer: the lease runs out by itself.
            let _ = held.release().await;
        }
        done
    }

    async fn hold(&self, operation: &str, settings: &Settings) -> Result<Held, LockError> {
        let request = lock::request(&self.stack.name, &settings.operator, operation);
        lock::take(&self.store, request, settings.lock_wait, &self.stop, &self.sink).await
    }

    /// Makes a plan that can be carried out later.
    pub async fn plan_to_save(
        &self,
        request: &Request,
        settings: &Settings,
    ) -> Result<(RunSummary, SavedPlan), ExecuteError> {
        let settings = Settings { mode: Mode::Plan, ..settings.clone() };
        let statuses = self.store.statuses(&self.stack.name).await?;
        let work = Work::of(&self.stack, &plan(&self.stack, &statuses, request)?);
        let keeping = Keeping::Plan(Recorder::default());
        let (summary, nodes) = self.carry_out(work, statuses, &request.instances, &settings, keeping).await?;
        let is_whole = |name: &Name| nodes.iter().any(|node: &SavedNode| node.instance.name == *name);
        let missing = summary.nodes.iter().filter(|node| !is_whole(&node.instance)).map(|node| {
            let checkpoint = || "its plan ends at a checkpoint, and what follows cannot be known".to_owned();
            (node.instance.clone(), node.result.why_not_planned().unwrap_or_else(checkpoint))
        });
        let missing = missing.collect();
        let (stack, command) = (self.stack.name.clone(), request.command);
        let plan = SavedPlan { stack, command, nodes, missing };
        Ok((summary, plan))
    }

    /// Carries a saved plan out: exactly that, on the nodes that have not changed since.
    pub async fn run_saved(
        &self,
        saved: &SavedPlan,
        settings: &Settings,
    ) -> Result<RunSummary, ExecuteError> {
        if saved.stack != self.stack.name {
            let (plan, file) = (saved.stack.clone(), self.stack.name.clone());
            return Err(ExecuteError::OtherStack { plan, file });
        }
        self.holding(saved.command.name(), settings, async {
            let statuses = self.store.statuses(&self.stack.name).await?;
            Ok(self.carry_out(Work::saved(saved), statuses, &[], settings, Keeping::Run).await?.0)
        })
        .await
    }

    pub(crate) async fn carry_out(
        &self,
        work: Work,
        statuses: BTreeMap<Name, InstanceStatus>,
        named: &[Name],
        settings: &Settings,
        keeping: Keeping,
    ) -> Result<(RunSummary, Vec<SavedNode>), ExecuteError> {
        let began = Instant::now();
        // Before anything is connected to, and before there is a run.
        let before = match &keeping {
            Keeping::Again(.., deploying) => Some(deploying),
            _ => None,
        };
        let fetch = Deployments::fetch(&self.stack, &work, &*self.sources, before, &self.stop);
        let deployments = fetch.await?;
        let new = |follows| NewRun {
            stack: self.stack.name.clone(),
            command: work.command,
            operator: settings.operator.clone(),
            comment: settings.comment.clone(),
            follows,
        };
        let resumed = matches!(keeping, Keeping::Again(..));
        let journal =
            |run, key, attempted| Some(RunJournal::new(Arc::clone(&self.store), run, key, attempted));
        let (run, journal, recorder) = match keeping {
            Keeping::Nothing => (None, None, None),
            Keeping::Plan(recorder) => (None, None, Some(recorder)),
            Keeping::Run => (Some(self.store.begin_run(new(None), None).await?), None, None),
            Keeping::Journal(mut intent, follows) => {
                intent.deploying = deployments.deploying();
                let key = intent.key;
                let run = self.store.begin_run(new(follows), Some(intent)).await?;
                (Some(run), journal(run, key, Attempted::default()), None)
            }
            Keeping::Again(record, key, attempted, _) => {
                self.store.reopen_run(record.id).await?;
                (Some(record.id), journal(record.id, key, attempted), None)
            }
        };
        let (history, writer) = run.map(|run| history::begin(Arc::clone(&self.store), run)).unzip();
        let fetched: Vec<RunEvent> = deployments.events().collect();
        let shared = Arc::new(Shared {
            again: resumed,
            deployments,
            sources: Arc::clone(&self.sources),
            recorder,
            stack: Arc::clone(&self.stack),
            evaluator: Arc::clone(&self.evaluator),
            connector: Arc::clone(&self.connector),
            store: Arc::clone(&self.store),
            vault: Vault::new(self.stack.secrets.clone(), Arc::clone(&self.secrets)),
            sink: Arc::clone(&self.sink),
            journal,
            history,
            stop: self.stop.clone(),
            mode: settings.mode,
            run_label: format!(
                "{}-{}",
                self.stack.name,
                run.map_or_else(|| "plan".to_owned(), |run| run.to_string())
            ),
            run_attributes: settings.attributes.clone(),
            rollout: settings.rollout.clone(),
            named: named.to_vec(),
            permits: Semaphore::new(settings.parallel.max(1)),
            statuses: Mutex::new(statuses),
            store_failure: Mutex::new(None),
        });
        shared.emit(match run.filter(|_| resumed) {
            Some(run) => RunEvent::RunResumed {
                run,
                stack: self.stack.name.clone(),
                command: work.command,
                instances: work.names_without(&shared.over(&work)),
                operator: settings.operator.clone(),
                comment: settings.comment.clone(),
            },
            None => RunEvent::RunStarted {
                run,
                stack: self.stack.name.clone(),
                command: work.command,
                mode: settings.mode,
                instances: work.names_without(&BTreeMap::new()),
                operator: settings.operator.clone(),
                comment: settings.comment.clone(),
            },
        });
        for event in fetched {
            shared.emit(event);
        }
        let reacted = work.nodes.iter().any(|node| node.reaction.is_some());
        let (nodes, planned) = carry_out(&shared, work).await;
        let mut summary = RunSummary {
            nodes,
            duration_ms: milliseconds(began.elapsed()),
            stopped: shared.stop.is_set(),
            reacted,
            run,
            resumable: false,
        };
        summary.resumable = shared.is_journaled() && resume::is_resumable(&summary);
        // Whatever the store says, the operator wants to know where each host stands.
        shared.emit(RunEvent::RunFinished { summary: summary.clone() });
        let written = match (&shared.history, writer) {
            (Some(history), Some(writer)) => {
                history.end();
                writer.ended().await
            }
            _ => Ok(()),
        };
        // How it ended is worth more than what happened on the way.
        self.remember(run, &summary).await?;
        written?;
        match shared.store_failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(failure) => Err(failure.into()),
            None => Ok((summary, planned)),
        }
    }

    async fn remember(&self, run: Option<RunId>, summary: &RunSummary) -> Result<(), StoreFailure> {
        let Some(run) = run else { return Ok(()) };
        let state = if summary.stopped {
            RunState::Stopped
        } else if summary.is_success() {
            RunState::Successful
        } else {
            RunState::Failed
        };
        self.store.end_run(run, state).await
    }
}
