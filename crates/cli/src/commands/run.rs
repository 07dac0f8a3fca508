//! `engine run` and `engine plan`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, mpsc},
    time::Duration,
};

use engine_manifest::Manifest;
use engine_model::Attributes;
use engine_protocol::Mode;
use engine_runtime::EvaluationLimits;
use engine_scheduler::{Executor, Request, RunEvent, RunSummary, Settings, StopSignal, ports::Store};
use engine_store::SqliteStore;
use engine_transport::{Connector, ConnectorSettings, Secret};

use crate::{
    agents,
    arguments::{GlobalOptions, LimitArguments, RunArguments},
    commands,
    errors::{self, FAILED, Failure, STOPPED},
    paths,
    reporter::{self, Reporter},
};

/// How long events may wait to be shown; a person sees no difference.
const SCREEN_INTERVAL: Duration = Duration::from_millis(4);

/// Runs or plans a lifecycle event.
pub(crate) fn run(global: &GlobalOptions, arguments: &RunArguments, mode: Mode) -> Result<ExitCode, Failure> {
    let manifest = commands::manifest(&arguments.stack)?;
    let runtime = commands::load_cookbooks(global, &manifest, limits(&arguments.limits))?;
    let state = paths::state_file(arguments.state.as_deref(), manifest.path());
    // A plan leaves nothing behind, not even an empty store.
    let store = match mode {
        Mode::Plan if !state.exists() => SqliteStore::in_memory(),
        _ => SqliteStore::open(&state),
    };
    let store = store.map_err(Failure::failed)?;
    let connector = Connector::new(connector_settings(arguments, &manifest)?);
    let stop = StopSignal::default();
    let (events, received) = mpsc::channel::<RunEvent>();
    let executor = Executor {
        stack: Arc::new(manifest.stack.clone()),
        connector: Arc::new(connector),
        evaluator: Arc::new(runtime),
        store: Arc::new(store) as Arc<dyn Store>,
        // The reporter is gone only if it panicked, which ends the process anyway.
        sink: Arc::new(move |event| drop(events.send(event))),
        stop: stop.clone(),
    };
    let request = Request {
        event: arguments.event,
        layers: arguments.layer.clone(),
        instances: arguments.instance.clone(),
    };
    let settings =
        Settings { mode, parallel: usize::from(arguments.parallel), attributes: Attributes::default() };
    let reporter = reporter::choose(arguments.json, arguments.verbose, mode, &manifest.stack);
    let screen = std::thread::spawn(move || show(reporter, &received));
    let summary = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("the asynchronous runtime: {error}")))?
        .block_on(async {
            tokio::spawn(watch_interrupt(stop));
            executor.run(&request, &settings).await
        });
    // With the executor goes the sink, and with it the reporter's loop.
    drop(executor);
    if screen.join().is_err() {
        return Err(Failure::failed("the reporter panicked"));
    }
    let summary = summary.map_err(|error| match error {
        engine_scheduler::ExecuteError::Plan(error) => Failure::usage(error),
        engine_scheduler::ExecuteError::Store(error) => Failure::failed(error),
    })?;
    Ok(exit_code(&summary))
}

fn exit_code(summary: &RunSummary) -> ExitCode {
    if summary.stopped {
        ExitCode::from(STOPPED)
    } else if summary.is_success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    }
}

fn show(mut reporter: Box<dyn Reporter>, events: &mpsc::Receiver<RunEvent>) {
    while let Ok(event) = events.recv() {
        reporter.event(&event);
        for event in events.try_iter() {
            reporter.event(&event);
        }
        // Waking up for every event of many hosts costs more than showing them.
        std::thread::sleep(SCREEN_INTERVAL);
    }
    reporter.end();
}

/// Ctrl-C once: finish the resources in hand. Twice: leave now; the agents finish theirs by
/// themselves when the connection is gone.
async fn watch_interrupt(stop: StopSignal) {
    if tokio::signal::ctrl_c().await.is_err() {
        return;
    }
    stop.set();
    errors::hint("stopping: every host finishes the resource in hand; press Ctrl-C again to leave at once");
    if tokio::signal::ctrl_c().await.is_ok() {
        #[allow(clippy::exit)] // Nothing is left to wait for, by the operator's own word.
        std::process::exit(i32::from(STOPPED));
    }
}

fn limits(arguments: &LimitArguments) -> EvaluationLimits {
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

fn connector_settings(arguments: &RunArguments, manifest: &Manifest) -> Result<ConnectorSettings, Failure> {
    let sudo_password = if arguments.ask_sudo_password {
        let password = rpassword::prompt_password("sudo password: ")
            .map_err(|error| Failure::failed(format!("the password cannot be read: {error}")))?;
        Some(Secret::new(password))
    } else {
        None
    };
    Ok(ConnectorSettings {
        ssh: manifest.stack.ssh.clone(),
        config_file: arguments.ssh_config.clone().map(absolute),
        sudo_password,
        passphrase: Some(Arc::new(ask_passphrase)),
        agents: agents::carried(),
    })
}

fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

fn ask_passphrase(key: &Path) -> Option<Secret> {
    rpassword::prompt_password(format!("Passphrase for {}: ", key.display())).ok().map(Secret::new)
}
