//! What becomes of instances when hosts do not play along.

mod scripted;

use engine_model::{Command, InstanceStatus, StackLock};
use engine_protocol::{Spec, resource::ExecuteSpec};
use engine_scheduler::{NodeResult, RunEvent};
use scripted::{Host, World, directory, name, result};

#[tokio::test(start_paused = true)]
async fn a_host_that_is_lost_in_its_first_setup_is_not_online_afterwards() {
    let world = World::new(&[("app-1", InstanceStatus::Pending), ("app-2", InstanceStatus::Online)]);
    let summary = world.run(Command::Setup, &["app-1"], &[("app-1", Host::Breaks)]).await.unwrap();
    assert!(matches!(result(&summary, "app-1"), NodeResult::ConnectionLost { .. }));
    assert_eq!(world.status("app-1"), InstanceStatus::SetupFailed);
    world.run(Command::Configure, &[], &[]).await.unwrap();
    assert_eq!(world.status("app-1"), InstanceStatus::SetupFailed);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_lost_while_it_serves_is_back_when_it_answers() {
    let world = World::new(&[("app-1", InstanceStatus::Online), ("app-2", InstanceStatus::Online)]);
    world.run(Command::Configure, &[], &[("app-1", Host::Breaks)]).await.unwrap();
    assert_eq!(world.status("app-1"), InstanceStatus::ConnectionLost);
    let summary = world.run(Command::Configure, &[], &[]).await.unwrap();
    assert!(summary.is_success());
    assert_eq!(world.status("app-1"), InstanceStatus::Online);
}

#[tokio::test]
async fn a_host_that_refuses_us_stays_in_service_and_fails_every_run() {
    let world = World::new(&[("app-1", InstanceStatus::Online), ("app-2", InstanceStatus::Online)]);
    for _ in 0..2 {
        let summary = world.run(Command::Configure, &[], &[("app-1", Host::Refuses)]).await.unwrap();
        assert!(!summary.is_success());
        assert!(matches!(result(&summary, "app-1"), NodeResult::Unreachable { .. }));
        assert_eq!(world.status("app-1"), InstanceStatus::Online);
    }
}

#[tokio::test]
async fn who_is_known_to_be_away_is_left_out_unless_asked_for() {
    let world = World::new(&[("app-1", InstanceStatus::Online), ("app-2", InstanceStatus::Online)]);
    let away = [("app-1", Host::Away)];
    let first = world.run(Command::Configure, &[], &away).await.unwrap();
    assert!(!first.is_success());
    assert_eq!(world.status("app-1"), InstanceStatus::ConnectionLost);
    let second = world.run(Command::Configure, &[], &away).await.unwrap();
    assert!(second.is_success());
    assert!(matches!(result(&second, "app-1"), NodeResult::LeftOut { .. }));
    let named = world.run(Command::Configure, &["app-1"], &away).await.unwrap();
    assert!(!named.is_success());
    let all = [("app-1", Host::Away), ("app-2", Host::Away)];
    world.run(Command::Configure, &[], &all).await.unwrap();
    let nobody = world.run(Command::Configure, &[], &all).await.unwrap();
    assert!(!nobody.is_success(), "nobody was reached");
}

#[tokio::test]
async fn ctrl_c_takes_nobody_out_of_service() {
    for host in [Host::StopsInResource, Host::StopsInEvaluation] {
        let world = World::new(&[("app-1", InstanceStatus::Online)]);
        let summary = world.run(Command::Setup, &[], &[("app-1", host)]).await.unwrap();
        assert!(summary.stopped && !summary.is_success());
        assert!(matches!(result(&summary, "app-1"), NodeResult::Stopped { .. }), "{host:?}");
        assert_eq!(world.status("app-1"), InstanceStatus::Online, "{host:?}");
    }
}

#[tokio::test]
async fn ctrl_c_during_evaluation_applies_nothing() {
    let world = World::new(&[("app-1", InstanceStatus::Pending)]);
    world.run(Command::Setup, &[], &[("app-1", Host::StopsInEvaluation)]).await.unwrap();
    assert!(world.batches.lock().unwrap().is_empty());
    assert_eq!(world.status("app-1"), InstanceStatus::Pending);
}

#[tokio::test]
async fn a_recipe_that_cannot_be_evaluated_takes_nobody_out_of_service() {
    let world = World::new(&[("app-1", InstanceStatus::Online), ("app-2", InstanceStatus::Pending)]);
    let bad = [("app-1", Host::BadRecipe), ("app-2", Host::BadRecipe)];
    assert!(!world.run(Command::Setup, &[], &bad).await.unwrap().is_success());
    assert_eq!(world.status("app-1"), InstanceStatus::Online);
    assert_eq!(world.status("app-2"), InstanceStatus::Pending);
}

#[tokio::test]
async fn a_failed_setup_takes_out_of_service_and_stops_nobody_else() {
    let world = World::new(&[("app-1", InstanceStatus::Online), ("app-2", InstanceStatus::Pending)]);
    let summary = world.run(Command::Setup, &[], &[("app-1", Host::Fails)]).await.unwrap();
    assert!(!summary.is_success());
    assert_eq!(world.status("app-1"), InstanceStatus::SetupFailed);
    assert_eq!(world.status("app-2"), InstanceStatus::Online);
    assert_eq!(*result(&summary, "app-2"), NodeResult::Successful);
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_shutdown_is_not_online_and_is_taken_up_again() {
    let world = World::new(&[("app-1", InstanceStatus::Online), ("app-2", InstanceStatus::Online)]);
    world.run(Command::Shutdown, &["app-1"], &[("app-1", Host::Breaks)]).await.unwrap();
    assert_eq!(world.status("app-1"), InstanceStatus::ShuttingDown);
    world.run(Command::Shutdown, &["app-1"], &[]).await.unwrap();
    assert_eq!(world.status("app-1"), InstanceStatus::Stopped);
}

#[tokio::test]
async fn a_store_that_fails_at_the_end_hides_no_summary() {
    let world = World::new(&[("app-1", InstanceStatus::Online)]);
    *world.store_is_full.lock().unwrap() = true;
    let error = world.run(Command::Configure, &[], &[]).await.unwrap_err();
    assert!(error.contains("no space is left"), "{error}");
    assert!(matches!(world.events.lock().unwrap().last(), Some(RunEvent::RunFinished { .. })));
}

#[tokio::test]
async fn a_panic_in_a_reaction_is_not_swallowed() {
    let world = World::new(&[("app-1", InstanceStatus::Online), ("app-2", InstanceStatus::Online)]);
    let running = tokio::spawn(async move {
        world.run(Command::Configure, &[], &[("app-1", Host::Panics)]).await.map(|_| ())
    });
    assert!(running.await.unwrap_err().is_panic());
}

#[test]
fn a_sensitive_command_is_not_named() {
    let mut resource = directory();
    resource.kind = "execute".to_owned();
    resource.name = "mysql -psecret".to_owned();
    resource.spec = Spec::Execute(ExecuteSpec::default());
    resource.common.sensitive = true;
    let label = engine_scheduler::event::ResourceLabel::from(&resource);
    assert_eq!(label.name, "execute[sensitive #0]");
}

#[tokio::test]
async fn a_node_that_was_rebooted_goes_on_as_another_boot() {
    let world = World::new(&[("app-1", InstanceStatus::Pending), ("app-2", InstanceStatus::Online)]);
    let hosts = [("app-1", Host::Reboots)];
    let summary = world.run(Command::Setup, &["app-1"], &hosts).await.unwrap();
    assert!(summary.is_success(), "{summary:?}");
    let events = world.events.lock().unwrap();
    let position = |wanted: fn(&RunEvent) -> bool| events.iter().position(wanted).unwrap();
    let down =
        position(|event| matches!(event, RunEvent::Rebooting { reason, .. } if reason == "new kernel"));
    let back = position(|event| matches!(event, RunEvent::Rebooted { .. }));
    let online =
        position(|event| matches!(event, RunEvent::StatusChanged { to: InstanceStatus::Online, .. }));
    assert!(down < back && back < online, "{events:?}");
    assert_eq!(*world.boots.lock().unwrap(), 1);
}

#[tokio::test]
async fn what_is_shown_of_a_run_is_remembered() {
    let world = World::new(&[("app-1", InstanceStatus::Pending), ("app-2", InstanceStatus::Online)]);
    world.run(Command::Setup, &[], &[("app-2", Host::Away)]).await.unwrap();
    let shown: Vec<RunEvent> = world
        .events
        .lock()
        .unwrap()
        .iter()
        .filter(|event| !matches!(event, RunEvent::ResourceStarted { .. }))
        .cloned()
        .collect();
    let recorded = world.recorded.lock().unwrap().clone();
    assert!(matches!(recorded.first(), Some(RunEvent::RunStarted { .. })));
    assert!(matches!(recorded.last(), Some(RunEvent::RunFinished { .. })));
    assert_eq!(recorded.len(), shown.len());
    assert!(shown.iter().all(|event| recorded.contains(event)));
}

#[tokio::test]
async fn a_stack_that_somebody_else_holds_is_left_alone_and_given_back_after_a_run() {
    let world = World::new(&[("app-1", InstanceStatus::Pending)]);
    let holder = StackLock {
        stack: name("demo"),
        id: "7".to_owned(),
        owner: "bo@desk, process 9".to_owned(),
        boot_id: "another machine's".to_owned(),
        process: 9,
        operation: "deploy".to_owned(),
        since_ms: 0,
        until_ms: u64::MAX,
        token: 4,
    };
    *world.holder.lock().unwrap() = Some(holder);
    let error = world.run(Command::Setup, &[], &[]).await.unwrap_err();
    assert!(
        error.contains("bo@desk, process 9") && error.contains("deploy") && error.contains("lock 7"),
        "{error}"
    );
    assert!(world.batches.lock().unwrap().is_empty() && world.recorded.lock().unwrap().is_empty());

    *world.holder.lock().unwrap() = None;
    world.run(Command::Setup, &[], &[("app-1", Host::Fails)]).await.unwrap();
    assert_eq!(*world.given_back.lock().unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_stack_is_taken_away_says_so_and_stops() {
    let world = World::new(&[("app-1", InstanceStatus::Pending)]);
    *world.stack_is_lost.lock().unwrap() = true;
    let summary = world.run(Command::Setup, &[], &[("app-1", Host::WorksOn)]).await.unwrap();
    assert!(summary.stopped);
    let events = world.events.lock().unwrap();
    assert!(events.iter().any(|event| matches!(event, RunEvent::StackLost { .. })), "{events:?}");
}

/// Whichever write it is that the store refuses.
#[tokio::test(start_paused = true)]
async fn a_run_whose_stack_was_taken_writes_nothing_more_says_so_once_and_stops() {
    for writes in 0.. {
        let world = World::new(&[("app-1", InstanceStatus::Pending)]);
        *world.writes_until_lost.lock().unwrap() = Some(writes);
        let done = world.run(Command::Setup, &[], &[]).await;
        let events = std::mem::take(&mut *world.events.lock().unwrap());
        let lost = events.iter().filter(|event| matches!(event, RunEvent::StackLost { .. })).count();
        if *world.writes_until_lost.lock().unwrap() > Some(0) {
            assert!(writes > 8 && lost == 0 && done.unwrap().is_success());
            return;
        }
        match done {
            Err(error) => assert!(writes == 0 && error.contains("not held any more"), "{writes}: {error}"),
            Ok(_) if lost == 0 => {}
            Ok(summary) => assert!(!summary.resumable, "{writes}: {summary:?}"),
        }
        // Found out by the very last write, there is nothing left to stop.
        let finished =
            events.iter().any(|event| matches!(event, RunEvent::RunFinished { summary } if !summary.stopped));
        assert!(lost == 1 || finished, "{writes}: {events:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_recipes_that_take_too_long_are_stopped_and_the_instance_is_stopped_too() {
    let world = World::new(&[("app-1", InstanceStatus::Online)]);
    let summary = world.run(Command::Shutdown, &[], &[("app-1", Host::WorksOn)]).await.unwrap();
    let NodeResult::Failed { error } = result(&summary, "app-1") else { panic!("{summary:?}") };
    assert!(error.contains("longer than its 120 s"), "{error}");
    assert!(!summary.stopped);
    assert_eq!(world.status("app-1"), InstanceStatus::Stopped);
}
