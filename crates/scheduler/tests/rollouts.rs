//! Batches: in which order instances are worked on, and when no further one is.

mod scripted;

use std::{sync::Arc, time::Duration};

use engine_model::{
    BatchSize, Command, HealthCheck, Instance, InstanceStatus, Layer, Probe, Rollout, Stack,
    UnreachablePolicy,
};
use engine_scheduler::{NodeResult, RunEvent, RunSummary};
use scripted::{Host, World, name, result, stack};

/// Three of layer `app`, which comes after the one of layer `db`.
fn world(rollout: Rollout) -> Arc<World> {
    let online = InstanceStatus::Online;
    let all = ["app-1", "app-2", "app-3", "db-1"];
    let world = World::new(&all.map(|instance| (instance, online)));
    let base = stack(all.iter().map(|instance| name(instance)));
    let recipes = base.layers[0].run_lists.clone();
    let layer = |text: &str| Layer { run_lists: recipes.clone(), ..Layer::new(name(text)) };
    let instances = base.instances.iter().map(|instance| Instance {
        layers: vec![if instance.name.as_str() == "db-1" { name("db") } else { name("app") }],
        ..instance.clone()
    });
    *world.stack.lock().unwrap() = Some(Stack {
        layers: vec![Layer { after: vec![name("db")], rollout, ..layer("app") }, layer("db")],
        instances: instances.collect(),
        ..base.clone()
    });
    world
}

fn one_by_one() -> Rollout {
    Rollout { batch: Some(BatchSize::Count(1)), ..Rollout::default() }
}

async fn setup(world: &Arc<World>, hosts: &[(&str, Host)]) -> RunSummary {
    world.run(Command::Setup, &[], hosts).await.unwrap()
}

fn batches(world: &World) -> Vec<String> {
    let events = world.events.lock().unwrap();
    let text = |event: &RunEvent| match event {
        RunEvent::BatchStarted { layer, batch, of, instances } => {
            let names: Vec<&str> = instances.iter().map(AsRef::as_ref).collect();
            Some(format!("{layer} {batch}/{of}: {}", names.join(" ")))
        }
        RunEvent::BatchPause { layer, seconds } => Some(format!("{layer} pauses {seconds} s")),
        RunEvent::RolloutStopped { layer, reason, instances } => {
            let names: Vec<&str> = instances.iter().map(AsRef::as_ref).collect();
            Some(format!("{layer} stops: {reason}; {}", names.join(" ")))
        }
        _ => None,
    };
    events.iter().filter_map(text).collect()
}

#[tokio::test]
async fn a_layer_begins_when_those_before_it_are_done_and_goes_batch_by_batch() {
    let world = world(one_by_one());
    assert!(setup(&world, &[]).await.is_success());
    assert_eq!(batches(&world), ["app 1/3: app-1", "app 2/3: app-2", "app 3/3: app-3"]);
    let order = world.batches.lock().unwrap()[..4].to_vec();
    assert_eq!(order, ["db-1", "app-1", "app-2", "app-3"]);
}

#[tokio::test]
async fn a_failure_leaves_the_batches_behind_it_as_they_were() {
    let world = world(one_by_one());
    let summary = setup(&world, &[("app-1", Host::Fails)]).await;
    assert!(!summary.is_success());
    assert_eq!(
        batches(&world),
        ["app 1/3: app-1", "app stops: 1 of layer `app` failed, and 0 may; app-2 app-3"]
    );
    for left in ["app-2", "app-3"] {
        assert!(matches!(result(&summary, left), NodeResult::NotTried { .. }));
        assert_eq!(world.status(left), InstanceStatus::Online);
    }
}

#[tokio::test]
async fn so_many_may_fail_as_was_said() {
    let world = world(Rollout { max_failures: Some(1), ..one_by_one() });
    let summary = setup(&world, &[("app-1", Host::Fails)]).await;
    assert_eq!(*result(&summary, "app-3"), NodeResult::Successful);
    let summary = setup(&world, &[("app-1", Host::Fails), ("app-2", Host::Fails)]).await;
    assert!(matches!(result(&summary, "app-3"), NodeResult::NotTried { .. }));
}

#[tokio::test]
async fn what_a_layer_waits_for_must_have_been_done() {
    let world = world(Rollout::default());
    let summary = setup(&world, &[("db-1", Host::Fails)]).await;
    for left in ["app-1", "app-2", "app-3"] {
        let NodeResult::NotTried { reason } = result(&summary, left) else { panic!("{summary:?}") };
        assert!(reason.contains("layer `db` failed"), "{reason}");
    }
}

#[tokio::test]
async fn a_dead_host_is_what_the_policy_says_and_always_named() {
    for (policy, tried) in [
        (UnreachablePolicy::Skip, true),
        (UnreachablePolicy::FailLayer, false),
        (UnreachablePolicy::Abort, false),
    ] {
        let world = world(Rollout { unreachable: Some(policy), ..one_by_one() });
        let summary = setup(&world, &[("app-1", Host::Away)]).await;
        assert!(!summary.is_success());
        assert!(matches!(result(&summary, "app-1"), NodeResult::Unreachable { .. }));
        let was_tried = *result(&summary, "app-2") == NodeResult::Successful;
        assert_eq!(was_tried, tried, "{policy:?}");
        if !tried {
            assert!(batches(&world)[1].contains("`app-1` of layer `app` cannot be reached"));
        }
    }
}

#[tokio::test]
async fn a_host_that_ends_the_run_ends_it_for_layers_behind_it_too() {
    let world = world(Rollout::default());
    let mut stack = world.stack.lock().unwrap().clone().unwrap();
    stack.layers[1].rollout.unreachable = Some(UnreachablePolicy::Abort);
    stack.layers[0].after.clear();
    stack.layers[0].rollout = Rollout { pause: Some(Duration::from_secs(5)), ..one_by_one() };
    *world.stack.lock().unwrap() = Some(stack);
    let summary = setup(&world, &[("db-1", Host::Away), ("app-1", Host::Fails)]).await;
    assert!(matches!(result(&summary, "app-3"), NodeResult::NotTried { .. }));
}

#[tokio::test(start_paused = true)]
async fn there_is_a_pause_between_two_batches_and_none_behind_the_last() {
    let world = world(Rollout {
        pause: Some(Duration::from_mins(10)),
        batch: Some(BatchSize::Count(2)),
        ..Rollout::default()
    });
    let began = tokio::time::Instant::now();
    setup(&world, &[]).await;
    assert_eq!(began.elapsed().as_secs(), 600);
    assert_eq!(batches(&world), ["app 1/2: app-1 app-2", "app pauses 600 s", "app 2/2: app-3"]);
}

#[tokio::test(start_paused = true)]
async fn ctrl_c_ends_a_pause_and_what_is_left_says_that_it_was_stopped() {
    let world = world(Rollout { pause: Some(Duration::from_mins(10)), ..one_by_one() });
    let summary = setup(&world, &[("app-1", Host::StopsInResource)]).await;
    assert!(summary.stopped);
    assert!(matches!(result(&summary, "app-2"), NodeResult::Stopped { .. }));
}

#[tokio::test]
async fn who_is_not_well_afterwards_has_failed_and_holds_the_others_back() {
    let health = HealthCheck { probe: Probe::Port(8080), timeout: Duration::from_secs(5) };
    let world = world(Rollout { health: Some(health), ..one_by_one() });
    assert!(setup(&world, &[]).await.is_success());
    let summary = setup(&world, &[("app-2", Host::Unwell)]).await;
    let NodeResult::Failed { error } = result(&summary, "app-2") else { panic!("{summary:?}") };
    assert_eq!(error, "health check, port 8080: nobody listens");
    assert_eq!(world.status("app-2"), InstanceStatus::SetupFailed);
    assert!(matches!(result(&summary, "app-3"), NodeResult::NotTried { .. }));
    let counted = summary.nodes.iter().map(|node| node.counts.failed).sum::<usize>();
    assert_eq!(counted, 0, "it is no resource of a recipe");
}
