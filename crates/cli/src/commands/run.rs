//! `engine run`.

use std::{
    collections::BTreeMap,
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use engine_manifest::Manifest;
use engine_protocol::{Collection, Mode, Status};
use engine_runtime::Runtime;
use engine_scheduler::{
    ExecuteError, Executor, Request, RunEvent, RunSummary, SavedPlan, Settings,
    ports::{EvaluateFailure, EvaluateRequest, EvaluationObserver, Evaluator, PortFuture},
};

use crate::{
    arguments::{GlobalOptions, RunArguments, RunOptions},
    commands::{self, execution, resume},
    errors::Failure,
    plan_file,
};

/// Resources that `--verify` names.
const NAMED: usize = 20;

/// Runs a command on a stack, or a saved plan.
pub(crate) fn run(global: &GlobalOptions, arguments: &RunArguments) -> Result<ExitCode, Failure> {
    let options = &arguments.options;
    let done = match (&arguments.plan, &arguments.stack, arguments.command) {
        (Some(plan), stack, _) => run_saved(global, arguments, plan, stack.as_deref()),
        (None, Some(stack), Some(command)) => execution::request(command, &arguments.request)
            .and_then(|request| run_command(global, arguments, stack, request)),
        // The command line has been checked.
        _ => Err(Failure::usage("name a command and a stack, or a plan")),
    };
    done.map_err(|failure| execution::exit_status_of_failure(failure, options))
}

fn load(global: &GlobalOptions, manifest: &Manifest, options: &RunOptions) -> Result<Runtime, Failure> {
    commands::load_cookbooks(global, manifest, execution::limits(&options.limits))
}

fn run_command(
    global: &GlobalOptions,
    arguments: &RunArguments,
    stack: &str,
    mut request: Request,
) -> Result<ExitCode, Failure> {
    let options = &arguments.options;
    let manifest = commands::manifest(stack)?;
    if let Some(run) = arguments.retry_failed {
        request.instances = resume::failed(&manifest, options.state.given(), run)?;
    }
    let request = &request;
    let runtime = load(global, &manifest, options)?;
    commands::check_requested(request, &runtime)?;
    let runtime = Arc::new(runtime);
    let settings = Settings {
        rollout: arguments.rollout.rollout(),
        ..execution::settings(options, Mode::Apply, &arguments.comment, Some(&arguments.request))
    };
    let (summary, left) =
        execution::execute(global, &manifest, runtime, options, Mode::Apply, async |executor| {
            let summary = executor.run(request, &settings).await?;
            verified(executor, summary, request, arguments).await
        })?;
    end(&summary, left, options, &manifest)
}

fn run_saved(
    global: &GlobalOptions,
    arguments: &RunArguments,
    file: &Path,
    stack: Option<&str>,
) -> Result<ExitCode, Failure> {
    let options = &arguments.options;
    let (stack_file, saved) = plan_file::read(file).map_err(Failure::usage)?;
    let manifest = match stack {
        Some(stack) => commands::manifest(stack)?,
        None => commands::manifest(&stack_file.to_string_lossy())?,
    };
    let evaluator: Arc<dyn Evaluator> = if arguments.verify {
        Arc::new(load(global, &manifest, options)?)
    } else {
        Arc::new(EvaluatesNothing)
    };
    let settings = Settings {
        rollout: arguments.rollout.rollout(),
        ..execution::settings(options, Mode::Apply, &arguments.comment, Some(&arguments.request))
    };
    let (summary, left) =
        execution::execute(global, &manifest, evaluator, options, Mode::Apply, async |executor| {
            let summary = executor.run_saved(&saved, &settings).await?;
            verified(executor, summary, &request_of(&saved), arguments).await
        })?;
    end(&summary, left, options, &manifest)
}

/// What was asked for when the plan was made, as far as its hosts go.
fn request_of(saved: &SavedPlan) -> Request {
    let primary = saved.nodes.iter().filter(|node| node.primary.is_some() || node.reaction.is_some());
    Request {
        instances: primary.map(|node| node.instance.name.clone()).collect(),
        ..Request::new(saved.command)
    }
}

/// Plans the same again after a run that went well; gives back what is left to change.
async fn verified(
    executor: &Executor,
    summary: RunSummary,
    request: &Request,
    arguments: &RunArguments,
) -> Result<(RunSummary, Option<Vec<String>>), ExecuteError> {
    if !arguments.verify || !summary.is_success() {
        return Ok((summary, None));
    }
    let left = Arc::new(Mutex::new(Vec::new()));
    let (heard, shown) = (Arc::clone(&left), Arc::clone(&executor.sink));
    let verifier = Executor {
        stack: Arc::clone(&executor.stack),
        connector: Arc::clone(&executor.connector),
        evaluator: Arc::clone(&executor.evaluator),
        store: Arc::clone(&executor.store),
        sources: Arc::clone(&executor.sources),
        secrets: Arc::clone(&executor.secrets),
        sink: Arc::new(move |event| {
            if let RunEvent::PlanEndsAtCheckpoint { instance, event } = &event {
                let line = format!("{instance}: what follows a checkpoint of {event} cannot be planned");
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
            if let RunEvent::ResourceFinished { instance, resource, outcome, .. } = &event
                && matches!(outcome.status, Status::Changed | Status::Unknown { .. } | Status::Failed { .. })
            {
                let line = format!("{instance}: {} ({})", resource.name, outcome.action);
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
            shown(event);
        }),
        stop: executor.stop.clone(),
    };
    let settings = execution::settings(&arguments.options, Mode::Plan, "", Some(&arguments.request));
    let plan = verifier.run(request, &settings).await?;
    let mut left = std::mem::take(&mut *left.lock().unwrap_or_else(PoisonError::into_inner));
    if !plan.is_success() && left.is_empty() {
        left.push("the plan that was to verify the run failed".to_owned());
    }
    Ok((summary, Some(left)))
}

fn end(
    summary: &RunSummary,
    left: Option<Vec<String>>,
    options: &RunOptions,
    manifest: &Manifest,
) -> Result<ExitCode, Failure> {
    resume::hint(summary, manifest);
    match left {
        Some(left) if !left.is_empty() => {
            let mut lines: Vec<String> = left.iter().take(NAMED).cloned().collect();
            if left.len() > NAMED {
                lines.push(format!("and {} more", left.len() - NAMED));
            }
            let message =
                format!("not verified: a second run would change something again\n{}", lines.join("\n"));
            Err(Failure::failed(message)
                .hint("guard commands with `creates`, `only_if` or `not_if`; let what must run after a change be notified"))
        }
        _ => Ok(execution::exit_code(summary, options)),
    }
}

/// In the place of a runtime where a plan says everything.
struct EvaluatesNothing;

impl Evaluator for EvaluatesNothing {
    fn evaluate(
        &self,
        _: EvaluateRequest,
        _: Box<dyn EvaluationObserver>,
    ) -> PortFuture<'_, Result<Collection, EvaluateFailure>> {
        let message = "a saved plan evaluates nothing".to_owned();
        Box::pin(async { Err(EvaluateFailure { recipe: None, message, details: Vec::new() }) })
    }

    fn digests(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
}
