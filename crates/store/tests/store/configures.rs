//! What a stack has still to react to.

use engine_model::{ConfigureState, InstanceStatus};

use super::{Database, hold, hold_everywhere, name};

hold_everywhere!(a_configure_is_owed_until_one_that_began_later_has_ended);

async fn a_configure_is_owed_until_one_that_began_later_has_ended(database: &impl Database) {
    let store = database.open().await;
    let (a, web) = (name("a"), name("web-1"));
    let fence = hold(&store, &a).await;
    assert_eq!(store.configure_state(&a).await.unwrap(), ConfigureState::default());
    let set = async |status, why| store.set_status(&fence, &web, status, why).await.unwrap();
    set(InstanceStatus::Online, Some("web-1 is online")).await;
    let first = store.begin_configure(&fence, std::slice::from_ref(&web)).await.unwrap();
    // It leaves while the others react.
    set(InstanceStatus::ConnectionLost, Some("web-1 is connection_lost")).await;
    store.end_configure(&fence, first).await.unwrap();
    let state = store.configure_state(&a).await.unwrap();
    assert_eq!((state.generation, state.pending.unwrap().why.as_str()), (1, "web-1 is connection_lost"));
    let second = store.begin_configure(&fence, &[]).await.unwrap();
    assert_eq!((first.generation, second.generation), (1, 2));
    store.end_configure(&fence, second).await.unwrap();
    set(InstanceStatus::Stopped, None).await;
    let state = store.configure_state(&a).await.unwrap();
    assert_eq!(state, ConfigureState { generation: 2, pending: None });
    // It comes and goes: nobody else has been seen.
    set(InstanceStatus::Online, Some("web-1 is online")).await;
    set(InstanceStatus::Stopped, Some("web-1 is stopped")).await;
    let third = store.begin_configure(&fence, &[]).await.unwrap();
    assert_eq!(third.generation, 2);
    store.end_configure(&fence, third).await.unwrap();
    assert_eq!(store.configure_state(&a).await.unwrap().pending, None);
    let elsewhere = hold(&store, &name("b")).await;
    assert_eq!(store.begin_configure(&elsewhere, &[]).await.unwrap().generation, 1);
}
