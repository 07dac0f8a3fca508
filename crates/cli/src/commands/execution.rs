//! What `engine run` and `engine plan` have in common: a store, hosts, a screen, and Ctrl-C.

use std::{
    process::ExitCode,
    sync::{Arc, mpsc},
    time::Duration,
};

use engine_cloud::Aws;
use engine_manifest::Manifest;
use engine_model::{Attributes, Command, Moment, Name, Notification, NotificationTarget, Rollout};
use engine_notify::Notifier;
use engine_protocol::Mode;
use engine_runtime::EvaluationLimits;
use engine_scheduler::{
    ExecuteError, Executor, Request, RunEvent, RunSummary, Settings, StopSignal,
    execute::Sink,
    lock::LockError,
    ports::{Evaluator, Store},
};
use engine_source::Sources;
use engine_store::{Location, SqliteStore, StoreError};

use crate::{
    arguments::{GlobalOptions, LimitArguments, RequestArguments, RunOptions},
    commands::{connection, resume, secret},
    errors::{self, FAILED, Failure, STOPPED},
    paths,
    reporter::{self, Reporter},
    settings, state,
};

/// Exit status with `--detailed-exitcode` when something was changed, or would be.
const CHANGES: u8 = 2;

/// How long events may wait to be shown; a person sees no difference.
const SCREEN_INTERVAL: Duration = Duration::from_millis(4);

/// How long the end of a run waits for those that are told of it.
const NOTIFY_PATIENCE: Duration = Duration::from_secs(10);

/// How a mode's runs are carried out.
pub(crate) fn settings(
    options: &RunOptions,
    mode: Mode,
    comment: &str,
    request: Option<&RequestArguments>,
) -> Settings {
    Settings {
        mode,
        parallel: usize::from(options.parallel),
        attributes: request.map(attributes).unwrap_or_default(),
        allow_reboot: request.is_some_and(|request| request.allow_reboot),
        rollout: Rollout::default(),
        operator: operator(),
        comment: comment.to_owned(),
        lock_wait: Duration::from_secs(options.lock_wait),
    }
}

/// What is asked for, as far as it makes sense by itself.
pub(crate) fn request(command: Command, arguments: &RequestArguments) -> Result<Request, Failure> {
    if !arguments.app.is_empty() && !command.is_about_apps() {
        return Err(Failure::usage(format!("{command} is not about apps, so `--app` says nothing")));
    }
    let executes = command == Command::ExecuteRecipes;
    if executes && arguments.recipe.is_empty() {
        return Err(Failure::usage("execute-recipes needs recipes").hint("`--recipe COOKBOOK::RECIPE`"));
    }
    if !executes && !arguments.recipe.is_empty() {
        return Err(Failure::usage(format!("{command} runs the recipes of the layers"))
            .hint("`engine run execute-recipes --recipe ...` runs recipes by name"));
    }
    let only = |given: bool, option: &str, of: Command| {
        if given && command != of {
            let message = format!("`{option}` is for {of}, and says nothing to {command}");
            return Err(Failure::usage(message));
        }
        Ok(())
    };
    only(arguments.to.is_some(), "--to", Command::Rollback)?;
    only(arguments.with_shared, "--with-shared", Command::Undeploy)?;
    only(arguments.allow_reboot, "--allow-reboot", Command::UpdateDependencies)?;
    if command != Command::Setup {
        only(arguments.migrate, "--migrate", Command::Deploy)?;
    }
    Ok(Request {
        migrate: arguments.migrate,
        release: arguments.to.clone(),
        shared: arguments.with_shared,
        layers: arguments.selection.layer.clone(),
        instances: arguments.selection.instance.clone(),
        apps: arguments.app.clone(),
        recipes: arguments.recipe.clone(),
        ..Request::new(command)
    })
}

/// The attributes of a run.
fn attributes(arguments: &RequestArguments) -> Attributes {
    settings::attributes(arguments.custom_json.as_ref(), &arguments.set)
}

/// Who runs this: a user on a machine.
pub(crate) fn operator() -> String {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let user = variable("SUDO_USER").or_else(|| variable("USER")).or_else(|| variable("LOGNAME"));
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{}@{machine}", user.unwrap_or_else(|| rustix::process::getuid().as_raw().to_string()))
}

/// Carries work out on a stack, and shows what happens.
pub(crate) fn execute<T>(
    global: &GlobalOptions,
    manifest: &Manifest,
    evaluator: Arc<dyn Evaluator>,
    options: &RunOptions,
    mode: Mode,
    work: impl AsyncFnOnce(&Executor) -> Result<T, ExecuteError>,
) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("the asynchronous runtime: {error}")))?;
    let location = state::location(manifest, options.state.given())?;
    let store = runtime.block_on(open(&location, mode)).map_err(|error| state::failure(&error))?;
    let connector =
        connection::connector(manifest, options.ssh_config.as_deref(), options.ask_sudo_password)?;
    let stop = StopSignal::default();
    let (events, received) = mpsc::channel::<RunEvent>();
    // The reporter is gone only if it panicked, which ends the process anyway.
    let sink: Sink = Arc::new(move |event| drop(events.send(event)));
    let executor = Executor {
        stack: Arc::new(manifest.stack.clone()),
        connector: Arc::new(connector),
        evaluator,
        store,
        sources: Arc::new(Sources::new(paths::sources_directory(global)?, Arc::new(Aws::default()))),
        secrets: Arc::new(secret::providers(manifest, options.identity.as_deref())),
        sink,
        stop: stop.clone(),
    };
    let reporter = reporter::choose(options.json, options.verbose, mode, &manifest.stack);
    let notifier = Notifier::new(notifications(manifest, options, mode)?);
    let screen = std::thread::spawn(move || show(reporter, notifier, &received));
    let done = runtime.block_on(async {
        tokio::spawn(watch_interrupt(stop, mode, manifest.stack.name.clone()));
        work(&executor).await
    });
    // With the executor goes the sink, and with it the reporter's loop.
    drop(executor);
    if screen.join().is_err() {
        return Err(Failure::failed("the reporter panicked"));
    }
    done.map_err(|error| match error {
        ExecuteError::Plan(_) | ExecuteError::OtherStack { .. } => Failure::usage(error),
        ExecuteError::Resume(error) => resume::failure(&error),
        ExecuteError::Store(error) => Failure::failed(error),
        ExecuteError::Source(error) => match error.hint.clone() {
            Some(hint) => Failure::failed(error).hint(hint),
            None => Failure::failed(error),
        },
        ExecuteError::Lock(error) => not_held(error),
    })
}

/// The state for a run. A plan leaves nothing behind, not even an empty store.
async fn open(location: &Location, mode: Mode) -> Result<Arc<dyn Store>, StoreError> {
    match mode {
        Mode::Apply => engine_store::open(location).await,
        Mode::Plan => match engine_store::open_existing(location).await? {
            Some(store) => Ok(store),
            None => Ok(Arc::new(SqliteStore::in_memory()?)),
        },
    }
}

/// Why the stack could not be held, as a failure of the command.
pub(crate) fn not_held(error: LockError) -> Failure {
    match error {
        LockError::Held { holder } => {
            let hint =
                format!("if its owner is gone: `engine unlock {} --stack {}`", holder.id, holder.stack);
            Failure::failed(LockError::Held { holder }).hint(hint)
        }
        LockError::Stopped => Failure::failed(LockError::Stopped).with_code(STOPPED),
        error @ LockError::Store(_) => Failure::failed(error),
    }
}

/// The exit status for what became of a run.
pub(crate) fn exit_code(summary: &RunSummary, options: &RunOptions) -> ExitCode {
    let counts = summary.counts();
    if summary.stack_lost {
        ExitCode::from(FAILED)
    } else if summary.stopped {
        ExitCode::from(STOPPED)
    } else if !summary.is_success() {
        ExitCode::from(FAILED)
    } else if options.detailed_exitcode && counts.changed + counts.unknown > 0 {
        ExitCode::from(CHANGES)
    } else {
        ExitCode::SUCCESS
    }
}

/// With `--detailed-exitcode` the status 2 has a meaning that no mistake may have.
pub(crate) fn exit_status_of_failure(failure: Failure, options: &RunOptions) -> Failure {
    if options.detailed_exitcode { failure.with_code(FAILED) } else { failure }
}

/// Who is told of a run besides the operator.
fn notifications(
    manifest: &Manifest,
    options: &RunOptions,
    mode: Mode,
) -> Result<Vec<Notification>, Failure> {
    if mode == Mode::Plan {
        return Ok(Vec::new());
    }
    let mut notifications = manifest.stack.notifications.clone();
    if let Some(command) = &options.notify_command {
        notifications.push(Notification {
            name: "notify-command".parse().map_err(Failure::failed)?,
            target: NotificationTarget::Command(command.0.clone()),
            on: Moment::ALL.to_vec(),
        });
    }
    Ok(notifications)
}

fn show(mut reporter: Box<dyn Reporter>, mut notifier: Notifier, events: &mpsc::Receiver<RunEvent>) {
    while let Ok(event) = events.recv() {
        for event in std::iter::once(event).chain(events.try_iter()) {
            notifier.hear(&event);
            reporter.event(&event);
        }
        // Waking up for every event of many hosts costs more than showing them.
        std::thread::sleep(SCREEN_INTERVAL);
    }
    reporter.end();
    for failure in notifier.end(NOTIFY_PATIENCE) {
        let style = anstyle::AnsiColor::Yellow.on_default().bold();
        let failure = failure.to_string();
        anstream::eprintln!("{style}warning{style:#}: {}", engine_contract::visible::line(&failure));
    }
}

/// Ctrl-C once: finish the resources in hand. Twice: leave now; the agents finish theirs by
/// themselves when the connection is gone.
async fn watch_interrupt(stop: StopSignal, mode: Mode, stack: Name) {
    if tokio::signal::ctrl_c().await.is_err() {
        return;
    }
    stop.set();
    errors::hint("stopping: every host finishes the resource in hand; press Ctrl-C again to leave at once");
    if tokio::signal::ctrl_c().await.is_ok() {
        if mode == Mode::Apply {
            errors::hint(&format!("`engine resume --stack {stack}` takes the run up where it stopped"));
        }
        #[allow(clippy::exit)] // Nothing is left to wait for, by the operator's own word.
        std::process::exit(i32::from(STOPPED));
    }
}

pub(crate) fn limits(arguments: &LimitArguments) -> EvaluationLimits {
    EvaluationLimits {
        fuel: arguments.limit_fuel.saturating_mul(1_000_000),
        deadline: Duration::from_secs(arguments.limit_time),
        memory_bytes: arguments.limit_memory.saturating_mul(1024 * 1024),
        table_elements: arguments.limit_table,
        resources: arguments.limit_resources,
        payload_bytes: arguments.limit_payload.saturating_mul(1024 * 1024),
        ..EvaluationLimits::default()
    }
}
