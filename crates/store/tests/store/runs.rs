//! What is remembered of runs.

use engine_model::{Command, RunId, RunState};
use engine_scheduler::{
    Counts, NodeResult, RunEvent,
    ports::{NodeRunRecord, TimedEvent},
};

use super::{Database, hold, hold_everywhere, name, new_run};

/// So many runs keep what happened in them.
const KEPT: usize = 200;

hold_everywhere!(
    runs_are_numbered_upwards,
    what_happened_is_told_again_in_order,
    of_old_runs_it_is_forgotten_what_happened,
    the_parts_of_an_instance_are_told_newest_first,
);

fn connecting(at_ms: u64, instance: &str) -> TimedEvent {
    TimedEvent { at_ms, event: RunEvent::Connecting { instance: name(instance) } }
}

async fn runs_are_numbered_upwards(database: &impl Database) {
    let store = database.open().await;
    let a = name("a");
    let fence = hold(&store, &a).await;
    let first = store.begin_run(&fence, new_run(&a, Command::Setup), None).await.unwrap();
    store.end_run(&fence, first, RunState::Successful).await.unwrap();
    let second = store.begin_run(&fence, new_run(&a, Command::Configure), None).await.unwrap();
    assert!(second > first);
    let runs = store.runs(&a, 10).await.unwrap();
    let told: Vec<_> = runs.iter().map(|run| (run.id, run.run.clone(), run.state)).collect();
    assert_eq!(
        told,
        [
            (second, new_run(&a, Command::Configure), RunState::Running),
            (first, new_run(&a, Command::Setup), RunState::Successful)
        ]
    );
    assert!(runs[0].ended_ms.is_none() && runs[1].ended_ms >= Some(runs[1].started_ms));
    assert_eq!(store.runs(&a, 1).await.unwrap().len(), 1);
    assert_eq!(store.run(first).await.unwrap().as_ref(), Some(&runs[1]));
    assert_eq!(store.run(RunId(99)).await.unwrap(), None);
}

async fn what_happened_is_told_again_in_order(database: &impl Database) {
    let store = database.open().await;
    let a = name("a");
    let fence = hold(&store, &a).await;
    let run = store.begin_run(&fence, new_run(&a, Command::Setup), None).await.unwrap();
    let odd = RunEvent::StackLost { stack: a };
    store
        .record(&fence, run, vec![connecting(5, "b"), TimedEvent { at_ms: 3, event: odd.clone() }])
        .await
        .unwrap();
    store.record(&fence, run, Vec::new()).await.unwrap();
    store.record(&fence, run, vec![connecting(u64::from(u32::MAX) + 1, "c")]).await.unwrap();
    let told = store.events(run).await.unwrap();
    let expected =
        [connecting(5, "b"), TimedEvent { at_ms: 3, event: odd }, connecting(u64::from(u32::MAX) + 1, "c")];
    assert_eq!(told, expected);
    assert_eq!(store.events(RunId(99)).await.unwrap(), []);
}

async fn of_old_runs_it_is_forgotten_what_happened(database: &impl Database) {
    let store = database.open().await;
    let a = name("a");
    let fence = hold(&store, &a).await;
    let begin = async || store.begin_run(&fence, new_run(&a, Command::Setup), None).await.unwrap();
    let first = begin().await;
    store.record(&fence, first, vec![connecting(1, "a")]).await.unwrap();
    for _ in 1..KEPT {
        begin().await;
    }
    assert_eq!(store.events(first).await.unwrap().len(), 1);
    begin().await;
    assert_eq!(store.events(first).await.unwrap().len(), 0);
    assert!(store.run(first).await.unwrap().is_some());
}

async fn the_parts_of_an_instance_are_told_newest_first(database: &impl Database) {
    let store = database.open().await;
    let finished = |instance: &str, changed| TimedEvent {
        at_ms: 7,
        event: RunEvent::NodeFinished {
            instance: name(instance),
            result: NodeResult::Failed { error: "a \0 in it".to_owned() },
            counts: Counts { changed, ..Counts::default() },
            duration_ms: 5,
        },
    };
    let noise = connecting(1, "web-1");
    let (a, b) = (name("a"), name("b"));
    let fences = [hold(&store, &a).await, hold(&store, &b).await];
    for (fence, changed) in [(0, 1), (0, 2), (1, 3), (0, 4)] {
        let fence = &fences[fence];
        let run = store.begin_run(fence, new_run(&fence.stack, Command::Setup), None).await.unwrap();
        let events = vec![noise.clone(), finished("web-2", 9), finished("web-1", changed), noise.clone()];
        store.record(fence, run, events).await.unwrap();
    }
    let told = |records: Vec<NodeRunRecord>| -> Vec<usize> {
        records.iter().map(|record| record.counts.changed).collect()
    };
    let web = name("web-1");
    let all = store.node_runs(&a, &web, 30).await.unwrap();
    assert_eq!((all[0].ended_ms, all[0].duration_ms, all[0].run.run.stack.as_str()), (7, 5, "a"));
    assert_eq!(all[0].result, NodeResult::Failed { error: "a \0 in it".to_owned() });
    assert_eq!(told(all), [4, 2, 1]);
    assert_eq!(told(store.node_runs(&a, &web, 2).await.unwrap()), [4, 2]);
    assert_eq!(store.node_runs(&a, &name("web-9"), 2).await.unwrap(), []);
}
