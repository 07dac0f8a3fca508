//! A run as a JUnit report: what CI servers show.

use std::{collections::BTreeMap, time::Duration};

use engine_contract::visible;
use engine_model::{Name, RunRecord};
use engine_protocol::Status;
use engine_scheduler::{NodeResult, RunEvent, ports::TimedEvent};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::errors::Failure;

/// A suite for each host, a case for each resource, and one for the host itself.
pub(super) fn report(run: &RunRecord, events: &[TimedEvent]) -> Result<String, Failure> {
    let mut suites: BTreeMap<Name, TestSuite> = BTreeMap::new();
    let mut suite = |name: &Name, case| {
        suites.entry(name.clone()).or_insert_with(|| TestSuite::new(name.to_string())).add_test_case(case);
    };
    for TimedEvent { event, .. } in events {
        match event {
            RunEvent::ResourceFinished { instance, event, resource, outcome, .. } => {
                let status = match &outcome.status {
                    Status::Failed { error, ignored: false } => failure(error),
                    Status::Failed { error, ignored: true } => skipped(&format!("failed, ignored: {error}")),
                    Status::Skipped { reason } => skipped(reason),
                    Status::Unknown { because } => skipped(&format!("unknown: depends on {because}")),
                    Status::UpToDate | Status::Changed => TestCaseStatus::success(),
                };
                let mut case = TestCase::new(format!("{} ({})", resource.name, outcome.action), status);
                case.set_classname(format!("{event}.{}", resource.recipe));
                case.set_time(Duration::from_micros(outcome.duration_us));
                suite(instance, case);
            }
            RunEvent::NodeFinished { instance, result, duration_ms, .. } => {
                let status = match result {
                    NodeResult::Successful => TestCaseStatus::success(),
                    NodeResult::LeftOut { error } => skipped(error),
                    result => failure(&result.why_not_planned().unwrap_or_default()),
                };
                let mut case = TestCase::new(format!("{} on {instance}", run.run.command), status);
                case.set_classname("host");
                case.set_time(Duration::from_millis(*duration_ms));
                suite(instance, case);
            }
            _ => {}
        }
    }
    let mut report = Report::new(format!("{} on stack {}, run {}", run.run.command, run.run.stack, run.id));
    report.add_test_suites(suites.into_values());
    report.to_string().map_err(Failure::failed)
}

fn failure(error: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(visible::lines(error));
    status
}

fn skipped(reason: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(visible::lines(reason));
    status
}
