//! Runs that are interrupted and taken up again.

mod scripted;

use std::{collections::BTreeMap, sync::Arc};

use engine_model::{Attributes, Command, InstanceStatus, PendingConfigure, RunId, RunState};
use engine_scheduler::{NodeResult, RunEvent, resume::Entry};
use scripted::{Host, World, name, result, stack};

/// One that is set up, one whose recipe has a checkpoint, and one that only reacts.
fn world() -> Arc<World> {
    World::new(&[
        ("app-1", InstanceStatus::Pending),
        ("app-2", InstanceStatus::Pending),
        ("app-3", InstanceStatus::Online),
    ])
}

const HOSTS: [(&str, Host); 2] = [("app-1", Host::Good), ("app-2", Host::Checkpoints)];

/// How often each part of the work was done on each instance, whatever it was called.
fn effects(world: &World) -> BTreeMap<(String, String, String), u32> {
    let mut all = BTreeMap::new();
    for ((instance, step, name), count) in &*world.effects.lock().unwrap() {
        let resource = name.rsplit_once('/').unwrap().0.to_owned();
        *all.entry((instance.clone(), step.clone(), resource)).or_default() += count;
    }
    all
}

fn state(world: &World) -> RunState {
    world.runs.lock().unwrap().last().unwrap().state
}

/// Runs a command, with a controller that is killed after so many dealings; says whether it was.
async fn run_killed_after(world: &Arc<World>, command: Command, dealings: usize) -> bool {
    world.fuse.set(Some(dealings));
    let running = {
        let world = Arc::clone(world);
        tokio::spawn(async move { world.run(command, &["app-1", "app-2"], &HOSTS).await.map(|_| ()) })
    };
    killed(world, running).await
}

async fn setup_killed_after(world: &Arc<World>, dealings: usize) -> bool {
    run_killed_after(world, Command::Setup, dealings).await
}

async fn resume_killed_after(world: &Arc<World>, dealings: usize) -> bool {
    world.fuse.set(Some(dealings));
    let running = {
        let world = Arc::clone(world);
        tokio::spawn(async move { world.resume(None, &[]).await.map(|_| ()) })
    };
    killed(world, running).await
}

async fn killed(world: &World, mut running: tokio::task::JoinHandle<Result<(), String>>) -> bool {
    let killed = tokio::select! {
        ended = &mut running => {
            ended.unwrap().unwrap();
            false
        }
        () = world.fuse.is_out() => true,
    };
    if killed {
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
    }
    world.fuse.set(None);
    killed
}

/// What became of everything: effects, statuses, and whether a configure is owed.
fn end(world: &World) -> impl PartialEq + std::fmt::Debug {
    let owed = world.configure.lock().unwrap().pending.is_some();
    (effects(world), world.statuses.lock().unwrap().clone(), owed)
}

/// Kills the controller at every point, and the one that takes the run up as well; says at how many.
async fn kill_everywhere(command: Command, prepared: impl Fn() -> Arc<World>) -> usize {
    let whole = prepared();
    assert!(!run_killed_after(&whole, command, usize::MAX).await);
    assert_eq!(effects(&whole).values().copied().max(), Some(1));
    let is_over =
        |world: &World| world.runs.lock().unwrap().iter().all(|record| record.state != RunState::Running);
    for dealings in 0.. {
        let world = prepared();
        if !run_killed_after(&world, command, dealings).await {
            return dealings;
        }
        if world.runs.lock().unwrap().is_empty() {
            assert!(world.resume(None, &[]).await.unwrap_err().contains("has had no run"));
            continue;
        }
        if !is_over(&world) {
            resume_killed_after(&world, dealings % 23).await;
        }
        if !is_over(&world) {
            let summary = world.resume(None, &[]).await.unwrap();
            assert!(summary.is_success(), "{dealings}: {summary:?}");
        }
        // Behind a run that has ended a configure may be owed.
        if world.configure.lock().unwrap().pending.is_some() {
            assert!(world.resume(None, &[]).await.unwrap().is_success(), "{dealings}");
        }
        assert_eq!(state(&world), RunState::Successful, "{dealings}");
        assert_eq!(end(&world), end(&whole), "{dealings}");
    }
    unreachable!()
}

#[tokio::test]
async fn a_run_that_is_killed_at_any_point_comes_to_the_same_end() {
    assert!(kill_everywhere(Command::Setup, world).await > 80);
    let owing = || {
        let online = InstanceStatus::Online;
        let world = World::new(&[("app-1", online), ("app-2", online), ("app-3", online)]);
        let pending = PendingConfigure { since_ms: 0, why: "app-3 is online".to_owned() };
        world.configure.lock().unwrap().pending = Some(pending);
        world
    };
    assert!(kill_everywhere(Command::ExecuteRecipes, owing).await > 80);
}

#[tokio::test(start_paused = true)]
async fn a_configure_that_followed_does_not_stand_between() {
    let online = InstanceStatus::Online;
    let world = World::new(&[("app-1", online), ("app-2", online), ("app-3", online)]);
    let lost = [("app-1", Host::Breaks)];
    let summary = world.run(Command::ExecuteRecipes, &["app-1", "app-2"], &lost).await.unwrap();
    assert!(summary.resumable);
    let follows = world.runs.lock().unwrap().iter().map(|record| record.run.follows).collect::<Vec<_>>();
    assert_eq!(follows, [None, Some(RunId(1))]);
    let before = effects(&world);
    world.resume(None, &[("app-1", Host::Good)]).await.unwrap();
    assert_eq!(world.runs.lock().unwrap()[0].state, RunState::Successful);
    let new: Vec<_> = effects(&world).into_keys().filter(|effect| !before.contains_key(effect)).collect();
    assert!(new.iter().any(|(who, step, _)| who == "app-1" && step == "first.0"), "{new:?}");
    assert!(!new.iter().any(|(who, step, _)| who == "app-2" && step == "first.0"), "{new:?}");
}

#[tokio::test]
async fn what_recipes_saw_they_see_again() {
    let world = world();
    setup_killed_after(&world, 60).await;
    world.resume(None, &[]).await.unwrap();
    // A resource is called after what was seen of the node.
    let names = world.effects.lock().unwrap();
    let mut parts: Vec<_> = names
        .keys()
        .map(|(instance, step, name)| (instance, step, name.rsplit_once('/').unwrap().0))
        .collect();
    let all = parts.len();
    parts.dedup();
    assert_eq!(parts.len(), all, "{names:?}");
}

#[tokio::test]
async fn ctrl_c_and_then_the_rest() {
    let world = world();
    let hosts = [("app-1", Host::Good), ("app-2", Host::StopsInResource)];
    let summary = world.run(Command::Setup, &["app-1", "app-2"], &hosts).await.unwrap();
    assert!(summary.stopped && summary.resumable && summary.run.is_some_and(|run| run.0 == 1));
    assert_eq!(state(&world), RunState::Stopped);
    let summary = world.resume(Some(1), &[("app-2", Host::Good)]).await.unwrap();
    assert!(summary.is_success() && !summary.resumable, "{summary:?}");
    assert!(effects(&world).values().all(|count| *count == 1), "{:?}", effects(&world));
    assert_eq!(world.status("app-2"), InstanceStatus::Online);
    let events = world.events.lock().unwrap();
    assert!(matches!(&events[0], RunEvent::RunResumed { run, .. } if run.0 == 1), "{:?}", events[0]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_once_is_made_again_and_one_that_stays_away_is_resumed() {
    let world = world();
    let once = [("app-1", Host::BreaksOnce), ("app-2", Host::Breaks)];
    let summary = world.run(Command::Setup, &["app-1", "app-2"], &once).await.unwrap();
    assert_eq!(*result(&summary, "app-1"), NodeResult::Successful);
    assert!(matches!(result(&summary, "app-2"), NodeResult::ConnectionLost { .. }));
    let tries = |instance: &str| {
        let events = world.events.lock().unwrap();
        let tried = |event: &&RunEvent| matches!(event, RunEvent::Reconnecting { instance: who, .. } if *who == name(instance));
        events.iter().filter(tried).count()
    };
    assert_eq!((tries("app-1"), tries("app-2")), (1, 3));
    let before = effects(&world);
    assert!(before.values().all(|count| *count == 1), "{before:?}");

    let summary = world.resume(None, &[("app-2", Host::Good)]).await.unwrap();
    assert!(summary.is_success(), "{summary:?}");
    // Somebody came online after the others had reacted, so they react again, once.
    let steps: Vec<_> =
        effects(&world).into_iter().filter(|effect| !before.contains_key(&effect.0)).collect();
    let steps: Vec<_> = steps.iter().map(|((who, step, _), count)| (&who[..], &step[..], *count)).collect();
    assert_eq!(
        steps,
        [
            ("app-1", "reaction.1.0", 1),
            ("app-2", "first.0", 1),
            ("app-2", "reaction.1.0", 1),
            ("app-3", "reaction.1.0", 1)
        ]
    );
}

#[tokio::test]
async fn who_failed_is_left_as_they_are() {
    let world = world();
    let hosts = [("app-1", Host::Fails), ("app-2", Host::Away)];
    let summary = world.run(Command::Setup, &["app-1", "app-2"], &hosts).await.unwrap();
    assert!(summary.resumable);
    let all_good = [("app-1", Host::Good), ("app-2", Host::Good)];
    let summary = world.resume(None, &all_good).await.unwrap();
    assert!(matches!(result(&summary, "app-1"), NodeResult::Failed { .. }));
    assert_eq!(*result(&summary, "app-2"), NodeResult::Successful);
    assert!(!summary.resumable);
    assert_eq!(state(&world), RunState::Failed);
    let error = world.resume(None, &[]).await.unwrap_err();
    assert!(error.contains("came to its end on every host: it is failed"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_rebooted_is_not_rebooted_again_and_one_that_was_not_is() {
    let setup = |world: &Arc<World>| {
        let world = Arc::clone(world);
        tokio::spawn(async move {
            world.run(Command::Setup, &["app-1"], &[("app-1", Host::Reboots)]).await.map(|_| ())
        })
    };
    for dealings in 0.. {
        let world = World::new(&[("app-1", InstanceStatus::Pending)]);
        world.fuse.set(Some(dealings));
        let running = setup(&world);
        if !killed(&world, running).await {
            break;
        }
        if !world.runs.lock().unwrap().is_empty() && state(&world) == RunState::Running {
            assert!(world.resume(None, &[]).await.unwrap().is_success());
            assert_eq!(*world.boots.lock().unwrap(), 1, "{dealings}");
        }
    }
}

#[tokio::test]
async fn a_run_is_not_taken_up_where_it_would_be_another_one() {
    let world = world();
    let error = world.resume(None, &[]).await.unwrap_err();
    assert!(error.contains("stack `demo` has had no run"), "{error}");
    world.digests.lock().unwrap().insert("base".to_owned(), "1".to_owned());
    let stopped = [("app-1", Host::StopsInResource)];
    world.run(Command::Setup, &["app-1"], &stopped).await.unwrap();
    let good = [("app-1", Host::Good)];
    let before = effects(&world);
    let refused = async || {
        let error = world.resume(None, &good).await.unwrap_err();
        assert_eq!(effects(&world), before, "{error}");
        error
    };

    world.digests.lock().unwrap().insert("base".to_owned(), "2".to_owned());
    let error = refused().await;
    assert!(error.contains("run 1 began these cookbooks have changed: `base`"), "{error}");
    world.digests.lock().unwrap().insert("base".to_owned(), "1".to_owned());

    let today = stack(["app-1", "app-2", "app-3"].into_iter().map(name));
    let mut moved = today.clone();
    moved.instances[0].address = "10.0.0.9".to_owned();
    *world.stack.lock().unwrap() = Some(moved);
    assert!(refused().await.contains("the stack file has changed in `instances.app-1`"));
    let mut other = today.clone();
    other.attributes = Attributes(serde_json::Map::from_iter([("port".to_owned(), 1.into())]));
    *world.stack.lock().unwrap() = Some(other);
    assert!(refused().await.contains("the stack file has changed in `attributes`"));
    *world.stack.lock().unwrap() = Some(today);

    let error = world.resume(Some(7), &good).await.unwrap_err();
    assert!(error.contains("there is no run 7"), "{error}");
    assert!(world.resume(Some(1), &good).await.unwrap().is_success());
    let error = world.resume(Some(1), &good).await.unwrap_err();
    assert!(error.contains("it is successful"), "{error}");

    world.run(Command::Setup, &["app-1"], &stopped).await.unwrap();
    world.run(Command::Configure, &[], &[]).await.unwrap();
    let error = world.resume(Some(2), &good).await.unwrap_err();
    assert!(error.contains("run 3 came after run 2"), "{error}");
}

#[tokio::test]
async fn nothing_is_begun_that_cannot_be_written_down() {
    for room in 0.. {
        let world = world();
        *world.room.lock().unwrap() = Some(room);
        let ran = world.run(Command::Setup, &["app-1", "app-2"], &HOSTS).await;
        let journal = world.journals.lock().unwrap()[&RunId(1)].clone();
        for (instance, step, _) in world.effects.lock().unwrap().keys() {
            let begun = journal.entries.iter().any(|entry| {
                matches!(entry, Entry::StepBegan { instance: who, at, .. }
                    if who.as_str() == instance && at.to_string() == *step)
            });
            assert!(begun, "{room}: {instance} {step}");
        }
        if ran.is_ok_and(|summary| summary.is_success()) {
            assert!(room > 10, "{room}");
            return;
        }
    }
}

#[tokio::test]
async fn no_attribute_of_the_stack_is_in_the_journal() {
    let world = world();
    let mut secret = stack(["app-1", "app-2", "app-3"].into_iter().map(name));
    let word = || Attributes(serde_json::Map::from_iter([("key".to_owned(), "correct-horse".into())]));
    secret.attributes = word();
    secret.layers[0].attributes = word();
    *world.stack.lock().unwrap() = Some(secret);
    setup_killed_after(&world, 60).await;
    let journal = format!("{:?}", world.journals.lock().unwrap());
    assert!(journal.contains("app-1") && !journal.contains("correct-horse"), "{journal}");
}
