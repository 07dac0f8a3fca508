//! The health gate: what a layer's rollout wants to be true on an instance before it counts as done.
//!
//! It is asked on the instance itself, by the agent that is there anyway: the controller may not reach its ports. It
//! is no resource of a recipe, so it is neither planned nor counted.

use engine_model::{Command, HealthCheck, Probe};
use engine_protocol::{
    Action, Collection, Mode, Resource, ResourceId, Spec, Status,
    message::End,
    resource::{Common, ExecuteSpec, Origin, ProcessSpec, WaitForSpec},
};

use crate::{
    event::{NodeResult, RunEvent},
    node_run::NodeRun,
};

/// Seconds between two tries of a command.
const PAUSE_SECONDS: u32 = 2;

/// Asks until the answer is yes, at most for the time that the check has.
pub(crate) async fn check(
    node: &mut NodeRun,
    command: Command,
    check: &HealthCheck,
) -> Result<(), NodeResult> {
    if node.shared.stop.is_set() {
        return Err(NodeResult::Stopped { position: "before its health check".to_owned() });
    }
    let instance = node.instance.name.clone();
    let question = question(&check.probe);
    node.shared.emit(RunEvent::HealthChecking { instance: instance.clone(), question: question.clone() });
    node.begin(command, Mode::Apply).await?;
    node.quiet = true;
    let collection = Collection { resources: vec![resource(check)], grants: Vec::new() };
    let end = node.apply(collection).await;
    node.quiet = false;
    let error = node.record.outcomes.drain(..).find_map(|outcome| match outcome.status {
        Status::Failed { error, .. } => Some(error),
        _ => None,
    });
    match (end?, error) {
        (stopped @ End::Stopped { .. }, _) => node.result_of(&stopped),
        (End::Complete, None) => {
            node.shared.emit(RunEvent::Healthy { instance });
            Ok(())
        }
        (_, error) => {
            let error = error.unwrap_or_else(|| "no answer".to_owned());
            Err(NodeResult::Failed { error: format!("health check, {question}: {error}") })
        }
    }
}

/// What is asked, for people.
fn question(probe: &Probe) -> String {
    match probe {
        Probe::Port(port) => format!("port {port}"),
        Probe::Url(url) => url.clone(),
        Probe::Command(argv) => format!("`{}`", argv.join(" ")),
    }
}

fn resource(check: &HealthCheck) -> Resource {
    let seconds = u32::try_from(check.timeout.as_secs()).unwrap_or(u32::MAX).max(1);
    let name = "health".to_owned();
    let (kind, action, spec) = match &check.probe {
        Probe::Port(port) => {
            let address = Some(format!("127.0.0.1:{port}"));
            ("wait_for", Action::Wait, Spec::WaitFor(WaitForSpec { name, address, ..WaitForSpec::default() }))
        }
        Probe::Url(url) => {
            let (url, statuses) = (Some(url.clone()), (200..400).collect());
            (
                "wait_for",
                Action::Wait,
                Spec::WaitFor(WaitForSpec { name, url, statuses, ..WaitForSpec::default() }),
            )
        }
        Probe::Command(argv) => {
            let process = ProcessSpec { returns: vec![0], ..ProcessSpec::default() };
            ("execute", Action::Run, Spec::Execute(ExecuteSpec { argv: argv.clone(), process }))
        }
    };
    let tries = if matches!(spec, Spec::Execute(_)) { seconds / PAUSE_SECONDS } else { 0 };
    Resource {
        id: ResourceId(0),
        kind: kind.to_owned(),
        name: question(&check.probe),
        origin: Origin { cookbook: "engine".to_owned(), recipe: "health".to_owned() },
        actions: vec![action],
        spec,
        common: Common {
            retries: tries,
            retry_delay_seconds: PAUSE_SECONDS,
            timeout_seconds: Some(seconds),
            ..Common::default()
        },
    }
}
