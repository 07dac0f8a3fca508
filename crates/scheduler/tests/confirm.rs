//! Changes that stay only if a fresh connection confirms them.

mod scripted;

use engine_model::{Command, InstanceStatus};
use engine_scheduler::{NodeResult, RunEvent};
use scripted::{Host, World, result};

async fn set_up(host: Host) -> (std::sync::Arc<World>, NodeResult) {
    let world = World::new(&[("app-1", InstanceStatus::Pending)]);
    let summary = world.run(Command::Setup, &["app-1"], &[("app-1", host)]).await.unwrap();
    let result = result(&summary, "app-1").clone();
    (world, result)
}

fn error(result: &NodeResult) -> &str {
    let NodeResult::Failed { error } = result else { panic!("{result:?}") };
    error
}

fn told(world: &World) -> Vec<&'static str> {
    let events = world.events.lock().unwrap();
    let words = events.iter().filter_map(|event| match event {
        RunEvent::Confirming { .. } => Some("confirming"),
        RunEvent::Confirmed { .. } => Some("confirmed"),
        RunEvent::NotConfirmed { .. } => Some("not confirmed"),
        _ => None,
    });
    words.collect()
}

#[tokio::test]
async fn a_change_that_a_fresh_connection_confirms_stays() {
    let (world, result) = set_up(Host::MustConfirm).await;
    assert!(result.is_success(), "{result:?}");
    assert_eq!(told(&world)[..2], ["confirming", "confirmed"]);
    assert_eq!(world.status("app-1"), InstanceStatus::Online);
}

#[tokio::test]
async fn who_lets_nobody_in_any_more_has_failed_and_says_when_it_is_put_back() {
    let (world, result) = set_up(Host::LocksOut).await;
    let error = error(&result);
    assert!(error.contains("login refused; the node puts back what was there by "), "{error}");
    assert_eq!(told(&world), ["confirming", "not confirmed"]);
    assert_eq!(world.status("app-1"), InstanceStatus::SetupFailed);
}

#[tokio::test]
async fn a_connection_that_breaks_on_the_change_is_not_made_again_to_make_it_again() {
    let (world, result) = set_up(Host::LocksOutAtOnce).await;
    let error = error(&result);
    assert!(error.contains("the line is cut"), "{error}");
    assert_eq!(told(&world), ["not confirmed"]);
    assert_eq!(world.batches.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_has_been_put_back_is_not_taken_for_confirmed() {
    let (world, result) = set_up(Host::Impatient).await;
    let error = error(&result);
    assert!(error.contains("the connection came too late"), "{error}");
    assert_eq!(told(&world), ["confirming", "not confirmed"]);
}
