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
    fenced::Fenced,
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
    /// Whether updates may reboot nodes whose packages need it.
    pub allow_reboot: bool,
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
    /// A run, written under the holding of its stack.
    Run(Arc<Fenced>, Begin),
}

/// How a run begins.
pub(crate) enum Begin {
    /// With nothing to take it up by.
    Unjournaled,
    /// So that it can be taken up again; and the run that it follows from.
    Journaled(Box<Intent>, Option<RunId>),
    /// It is taken up again.
    Again(Box<RunRecord>, [u8; 32], Attempted, Deploying),
}

impl Executor {
    /// Plans a run and carries it out.
    pub async fn run(&self, request: &Request, settings: &Settings) -> Result<RunSummary, ExecuteError> {
        self.holding(request.command.name(), settings, async |writes| {
            let statuses = self.store.statuses(&self.stack.name).await?;
            let plan = plan(&self.stack, &statuses, request)?;
            let work = Work::of(&self.stack, &plan);
            let keeping = writes.clone().map_or(Keeping::Nothing, |writes| {
                let intent = Box::new(Intent::new(self, plan, request, settings));
                Keeping::Run(writes, Begin::Journaled(intent, None))
            });
            let summary = self.carry_out(work, statuses, &request.instances, settings, keeping).await?.0;
            self.catch_up(summary, settings, writes).await
        })
        .await
    }

    /// Lets the stack react to what it has not reacted to yet: a configure of its own behind a run that had none, if
    /// instances entered or left the online ones in it or before it.
    pub(crate) async fn catch_up(
        &self,
        summary: RunSummary,
        settings: &Settings,
        writes: Option<Arc<Fenced>>,
    ) -> Result<RunSummary, ExecuteError> {
        let Some(writes) = writes.filter(|_| !self.stop.is_set() && !summary.reacted) else {
            return Ok(summary);
        };
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
        let keeping = Keeping::Run(writes, Begin::Journaled(Box::new(intent), summary.run));
        let reaction = self.carry_out(work, statuses, &[], &settings, keeping).await?.0;
        Ok(summary.and(reaction))
    }

    /// Does something while nobody else changes the stack, with a way to write under this holding. A plan changes
    /// nothing, so it waits for nobody and writes nothing.
    pub(crate) async fn holding<T>(
        &self,
        operation: &str,
        settings: &Settings,
        work: impl AsyncFnOnce(Option<Arc<Fenced>>) -> Result<T, ExecuteError>,
    ) -> Result<T, ExecuteError> {
        let held = match settings.mode {
            Mode::Plan => None,
            Mode::Apply => Some(self.hold(operation, settings).await?),
        };
        let done = work(held.as_ref().map(Held::writes)).await;
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
        self.holding(saved.command.name(), settings, async |writes| {
            let statuses = self.store.statuses(&self.stack.name).await?;
            let keeping = writes.map_or(Keeping::Nothing, |writes| Keeping::Run(writes, Begin::Unjournaled));
            Ok(self.carry_out(Work::saved(saved), statuses, &[], settings, keeping).await?.0)
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
            Keeping::Run(_, Begin::Again(.., deploying)) => Some(deploying),
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
        let resumed = matches!(keeping, Keeping::Run(_, Begin::Again(..)));
        let (writes, begin, recorder) = match keeping {
            Keeping::Nothing => (None, None, None),
            Keeping::Plan(recorder) => (None, None, Some(recorder)),
            Keeping::Run(writes, begin) => (Some(writes), Some(begin), None),
        };
        let (run, journal) = match (&writes, begin) {
            (Some(writes), Some(begin)) => {
                let (run, journal) = begin_run(writes, new, begin, &deployments).await?;
                (Some(run), journal)
            }
            _ => (None, None),
        };
        let written = writes.clone().zip(run);
        let (history, writer) = written.map(|(writes, run)| history::begin(writes, run)).unzip();
        let fetched: Vec<RunEvent> = deployments.events().collect();
        let shared = Arc::new(Shared {
            again: resumed,
            deployments,
            sources: Arc::clone(&self.sources),
            recorder,
            stack: Arc::clone(&self.stack),
            evaluator: Arc::clone(&self.evaluator),
            connector: Arc::clone(&self.connector),
            writes,
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
            allow_reboot: settings.allow_reboot,
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
            stack_lost: shared.is_stack_lost(),
            reacted,
            run,
            resumable: false,
        };
        summary.resumable = shared.is_journaled() && !summary.stack_lost && resume::is_resumable(&summary);
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
        let ended = match (&shared.writes, run) {
            (Some(writes), Some(run)) => writes.end_run(run, state(&summary)).await,
            _ => Ok(()),
        };
        let kept =
            shared.store_failure.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err);
        for stored in [ended, written, kept] {
            match stored {
                // That was told when it was found, and is why the run stopped.
                Ok(()) | Err(StoreFailure::StackLost { .. }) => {}
                Err(failure) => return Err(failure.into()),
            }
        }
        Ok((summary, planned))
    }
}

/// Begins a run, or goes on with one.
async fn begin_run(
    writes: &Arc<Fenced>,
    new: impl FnOnce(Option<RunId>) -> NewRun,
    begin: Begin,
    deployments: &Deployments,
) -> Result<(RunId, Option<RunJournal>), StoreFailure> {
    let journal = |run, key, attempted| Some(RunJournal::new(Arc::clone(writes), run, key, attempted));
    Ok(match begin {
        Begin::Unjournaled => (writes.begin_run(new(None), None).await?, None),
        Begin::Journaled(mut intent, follows) => {
            intent.deploying = deployments.deploying();
            let key = intent.key;
            let run = writes.begin_run(new(follows), Some(intent)).await?;
            (run, journal(run, key, Attempted::default()))
        }
        Begin::Again(record, key, attempted, _) => {
            writes.reopen_run(record.id).await?;
            (record.id, journal(record.id, key, attempted))
        }
    })
}

/// How a run ended.
fn state(summary: &RunSummary) -> RunState {
    if summary.stopped {
        RunState::Stopped
    } else if summary.is_success() {
        RunState::Successful
    } else {
        RunState::Failed
    }
}
