//! What is remembered of instances.

use std::collections::BTreeMap;

use engine_model::InstanceStatus;

use super::{Database, hold, hold_everywhere, name};

hold_everywhere!(
    statuses_are_remembered_by_stack,
    an_instance_that_is_forgotten_has_no_status_and_others_owe_a_reaction,
);

async fn statuses_are_remembered_by_stack(database: &impl Database) {
    let store = database.open().await;
    let (a, b, web) = (name("a"), name("b"), name("web-1"));
    let (in_a, in_b) = (hold(&store, &a).await, hold(&store, &b).await);
    store.set_status(&in_a, &web, InstanceStatus::RunningSetup, None).await.unwrap();
    store.set_status(&in_a, &web, InstanceStatus::Online, None).await.unwrap();
    store.set_status(&in_b, &web, InstanceStatus::Stopped, None).await.unwrap();
    drop(store);
    let store = database.open().await;
    assert_eq!(store.statuses(&a).await.unwrap(), BTreeMap::from([(web, InstanceStatus::Online)]));
    assert_eq!(store.statuses(&name("c")).await.unwrap(), BTreeMap::new());
}

async fn an_instance_that_is_forgotten_has_no_status_and_others_owe_a_reaction(database: &impl Database) {
    let store = database.open().await;
    let (stack, web, db) = (name("a"), name("web-1"), name("db-1"));
    let fence = hold(&store, &stack).await;
    let began = store.lock_of(&stack).await.unwrap().unwrap().since_ms;
    for instance in [&web, &db] {
        store.set_status(&fence, instance, InstanceStatus::Online, None).await.unwrap();
    }
    let records = store.status_records(&stack).await.unwrap();
    assert_eq!(records.len(), 2);
    assert_eq!(records[&web].status, InstanceStatus::Online);
    // By the clock of the store, whichever that is.
    assert!(records[&web].since_ms >= began);

    store.forget(&fence, &db, None).await.unwrap();
    assert_eq!(store.configure_state(&stack).await.unwrap().pending, None);
    store.forget(&fence, &web, Some("web-1 has left")).await.unwrap();
    assert_eq!(store.status_records(&stack).await.unwrap(), BTreeMap::new());
    let pending = store.configure_state(&stack).await.unwrap().pending.unwrap();
    assert_eq!(pending.why, "web-1 has left");
    assert!(pending.since_ms >= began);
}
