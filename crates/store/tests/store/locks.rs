//! Who holds a stack, and what nobody else may write.

use std::{sync::Arc, time::Duration};

use engine_model::{Command, InstanceStatus, RunState};
use engine_scheduler::RunEvent;
use engine_scheduler::ports::{Fence, StoreFailure, TimedEvent};

use super::{Database, LONG, hold, hold_everywhere, lock, name, new_run, request, write};

hold_everywhere!(
    one_holds_a_stack_until_it_is_given_back_or_the_lease_runs_out,
    of_many_who_want_a_stack_at_once_one_gets_it,
    nothing_is_written_under_a_lock_that_was_given_back_broken_or_taken,
    every_write_is_fenced,
    a_lease_that_ran_out_is_good_enough_while_nobody_takes_the_stack,
    what_is_written_while_a_stack_changes_hands_is_of_one_or_the_other,
);

async fn one_holds_a_stack_until_it_is_given_back_or_the_lease_runs_out(database: &impl Database) {
    let store = database.open().await;
    let (a, short) = (name("a"), Duration::ZERO);
    let first = store.lock(request(&a, "ana", LONG)).await.unwrap().unwrap();
    let holder = store.lock(request(&a, "bo", LONG)).await.unwrap().unwrap_err();
    assert_eq!(holder, first);
    assert_eq!(database.open().await.lock_of(&a).await.unwrap(), Some(first.clone()));
    assert!(!store.unlock(&a, "another").await.unwrap());
    assert!(store.unlock(&a, &first.id).await.unwrap());
    assert!(!store.renew(&a, &first.id, LONG).await.unwrap());

    // Whose lease has run out holds nothing, and takes nothing back from who came after.
    let second = store.lock(request(&a, "bo", short)).await.unwrap().unwrap();
    assert!(store.renew(&a, &second.id, short).await.unwrap());
    let third = store.lock(request(&a, "cy", LONG)).await.unwrap().unwrap();
    assert!(!store.renew(&a, &second.id, LONG).await.unwrap());
    assert!(!store.unlock(&a, &second.id).await.unwrap());
    assert!(first.token < second.token && second.token < third.token);
    assert_eq!(store.lock_of(&name("b")).await.unwrap(), None);
}

async fn of_many_who_want_a_stack_at_once_one_gets_it(database: &impl Database) {
    let mut tokens = Vec::new();
    let mut stores = Vec::new();
    for _ in 0..5 {
        stores.push(database.open().await);
    }
    for round in 0..10 {
        let racers: Vec<_> = stores
            .iter()
            .map(|store| {
                let (store, stack) = (Arc::clone(store), name("a"));
                tokio::spawn(async move { store.lock(request(&stack, "ana", LONG)).await.unwrap() })
            })
            .collect();
        let mut winners = Vec::new();
        for racer in racers {
            winners.extend(racer.await.unwrap().ok());
        }
        let [winner] = &winners[..] else { panic!("round {round}: {winners:?}") };
        tokens.push(winner.token);
        assert!(stores[0].unlock(&name("a"), &winner.id).await.unwrap());
    }
    assert!(tokens.is_sorted_by(|one, next| one < next), "{tokens:?}");
}

async fn nothing_is_written_under_a_lock_that_was_given_back_broken_or_taken(database: &impl Database) {
    let (store, other) = (database.open().await, database.open().await);
    let a = name("a");
    let first = lock(&store, &a).await;
    let fence = Fence::from(&first);
    assert!(write(&store, &fence).await);
    assert!(other.unlock(&a, &first.id).await.unwrap());
    assert!(!write(&store, &fence).await);
    let second = hold(&other, &a).await;
    assert!(!write(&store, &fence).await && write(&other, &second).await);
    // Neither with the id of the one nor with the token of the other.
    assert!(!write(&store, &Fence { id: first.id.clone(), ..second.clone() }).await);
    assert!(!write(&store, &Fence { token: first.token, ..second.clone() }).await);
    assert!(!write(&store, &Fence { stack: name("b"), ..second }).await);
}

async fn every_write_is_fenced(database: &impl Database) {
    let store = database.open().await;
    let (a, web) = (name("a"), name("web-1"));
    let good = hold(&store, &a).await;
    let run =
        store.begin_run(&good, new_run(&a, Command::Setup), Some(super::journals::intent())).await.unwrap();
    store.set_status(&good, &web, InstanceStatus::Online, None).await.unwrap();
    let begun = store.begin_configure(&good, &[]).await.unwrap();
    store.set_status(&good, &web, InstanceStatus::Online, Some("web-1 is online")).await.unwrap();
    let all = async || {
        (
            store.status_records(&a).await.unwrap(),
            store.configure_state(&a).await.unwrap(),
            store.runs(&a, 10).await.unwrap(),
            store.events(run).await.unwrap(),
            store.journal(run).await.unwrap(),
        )
    };
    let before = all().await;

    let lost = Fence { token: good.token + 1, ..good.clone() };
    let entry = super::journals::entries().remove(0);
    let event = TimedEvent { at_ms: 1, event: RunEvent::Connecting { instance: web.clone() } };
    let refused = [
        store.set_status(&lost, &web, InstanceStatus::Stopped, Some("web-1 is stopped")).await,
        store.forget(&lost, &web, None).await,
        store.begin_configure(&lost, &[]).await.map(drop),
        store.end_configure(&lost, begun).await,
        store.begin_run(&lost, new_run(&a, Command::Setup), None).await.map(drop),
        store.reopen_run(&lost, run).await,
        store.write_ahead(&lost, run, entry).await,
        store.end_run(&lost, run, RunState::Successful).await,
        store.record(&lost, run, vec![event]).await,
    ];
    for (number, refused) in refused.into_iter().enumerate() {
        let expected = StoreFailure::StackLost { stack: a.clone(), id: good.id.clone() };
        assert_eq!(refused, Err(expected), "write {number}");
    }
    assert_eq!(all().await, before);
}

async fn a_lease_that_ran_out_is_good_enough_while_nobody_takes_the_stack(database: &impl Database) {
    let store = database.open().await;
    let a = name("a");
    let late = store.lock(request(&a, "ana", Duration::ZERO)).await.unwrap().unwrap();
    assert_eq!(store.lock_of(&a).await.unwrap(), None);
    assert!(write(&store, &Fence::from(&late)).await);
    hold(&store, &a).await;
    assert!(!write(&store, &Fence::from(&late)).await);
}

/// One writes runs as fast as it can while others take the stack again and again. In the order of the runs, the tokens
/// under which they were written never fall.
async fn what_is_written_while_a_stack_changes_hands_is_of_one_or_the_other(database: &impl Database) {
    let a = name("a");
    let mut writers = Vec::new();
    for _ in 0..3 {
        let (store, a) = (database.open().await, a.clone());
        writers.push(tokio::spawn(async move {
            let mut written = 0_u32;
            for _ in 0..8 {
                // Whoever holds it, it is over: as if the lease had run out.
                if let Some(holder) = store.lock_of(&a).await.unwrap() {
                    store.unlock(&a, &holder.id).await.unwrap();
                }
                let Ok(lock) = store.lock(request(&a, "ana", LONG)).await.unwrap() else { continue };
                for _ in 0..3 {
                    let mut run = new_run(&a, Command::Setup);
                    run.comment = lock.token.to_string();
                    match store.begin_run(&Fence::from(&lock), run, None).await {
                        Ok(_) => written += 1,
                        Err(StoreFailure::StackLost { .. }) => break,
                        Err(failure) => panic!("{failure}"),
                    }
                }
            }
            written
        }));
    }
    let mut written = 0;
    for writer in writers {
        written += writer.await.unwrap();
    }
    let runs = database.open().await.runs(&a, 1000).await.unwrap();
    let tokens: Vec<u64> = runs.iter().rev().map(|run| run.run.comment.parse().unwrap()).collect();
    assert_eq!(tokens.len(), written as usize);
    assert!(tokens.is_sorted(), "{tokens:?}");
}
