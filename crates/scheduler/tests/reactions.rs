//! The stack reacts to its own changes: configure, its generations, and what is owed.

mod scripted;

use engine_model::{Command, InstanceStatus};
use engine_scheduler::{NodeResult, RunEvent};
use scripted::{Host, World, result};

const ONLINE: InstanceStatus = InstanceStatus::Online;

/// Each configure: its generation, who is online, and what it supersedes.
fn configures(world: &World) -> Vec<String> {
    let events = world.events.lock().unwrap();
    let text = |event: &RunEvent| match event {
        RunEvent::ConfigureStarted { generation, online, supersedes } => {
            let names: Vec<&str> = online.iter().map(AsRef::as_ref).collect();
            let supersedes = supersedes.map_or_else(String::new, |old| format!(", supersedes {old}"));
            Some(format!("{}: {}{supersedes}", generation.unwrap_or(0), names.join(" ")))
        }
        RunEvent::ConfigurePending { pending } => Some(format!("pending: {}", pending.why)),
        _ => None,
    };
    events.iter().filter_map(text).collect()
}

#[tokio::test]
async fn a_burst_is_one_configure_and_nothing_is_owed_after_it() {
    let world = World::new(&[("a", InstanceStatus::Pending), ("b", InstanceStatus::Pending), ("c", ONLINE)]);
    world.run(Command::Setup, &["a", "b"], &[]).await.unwrap();
    assert_eq!(configures(&world), ["1: a b c"]);
    assert_eq!(world.configure.lock().unwrap().pending, None);
    world.run(Command::Configure, &[], &[]).await.unwrap();
    assert_eq!(configures(&world), ["1: a b c"], "the view is the same");
}

#[tokio::test(start_paused = true)]
async fn who_is_lost_while_others_react_makes_them_react_again() {
    let world = World::new(&[("a", ONLINE), ("b", ONLINE), ("c", ONLINE)]);
    let summary = world.run(Command::Configure, &[], &[("b", Host::Breaks)]).await.unwrap();
    assert_eq!(configures(&world), ["1: a b c", "2: a c, supersedes 1"]);
    assert!(matches!(result(&summary, "b"), NodeResult::ConnectionLost { .. }));
    assert_eq!(world.configure.lock().unwrap().pending, None);
}

#[tokio::test(start_paused = true)]
async fn a_run_without_a_reaction_is_followed_by_one_if_somebody_left() {
    let world = World::new(&[("a", ONLINE), ("b", ONLINE), ("c", ONLINE)]);
    let summary = world.run(Command::ExecuteRecipes, &["b"], &[("b", Host::Breaks)]).await.unwrap();
    assert_eq!(configures(&world)[..2], ["pending: b is connection_lost", "1: a b c"]);
    assert!(matches!(result(&summary, "b"), NodeResult::ConnectionLost { .. }));
    assert_eq!(*result(&summary, "a"), NodeResult::Successful);
}

#[tokio::test]
async fn what_could_not_react_is_owed_until_it_did() {
    let world = World::new(&[("a", InstanceStatus::Pending), ("b", ONLINE)]);
    world.run(Command::Setup, &["a"], &[("b", Host::Fails)]).await.unwrap();
    assert!(world.configure.lock().unwrap().pending.is_some());
    let summary = world.run(Command::ExecuteRecipes, &["a"], &[]).await.unwrap();
    assert_eq!(configures(&world), ["pending: a is online", "1: a b"]);
    assert!(summary.is_success());
    assert_eq!(world.configure.lock().unwrap().pending, None);
}

#[tokio::test]
async fn a_reaction_of_some_pays_nothing() {
    let world = World::new(&[("a", InstanceStatus::Pending), ("b", ONLINE)]);
    world.run(Command::Setup, &["a"], &[("b", Host::Fails)]).await.unwrap();
    world.run(Command::Configure, &["a"], &[]).await.unwrap();
    assert!(world.configure.lock().unwrap().pending.is_some());
}
