//! What is remembered of single instances.

use std::collections::BTreeMap;

use engine_model::{InstanceStatus, Name, StatusRecord};
use engine_scheduler::{RunEvent, ports::NodeRunRecord};
use rusqlite::{Connection, params};

use crate::{RUN, configures, conversion, now_ms, run_record, unsigned};

/// The status of each instance, and since when.
pub(crate) fn status_records(
    connection: &Connection,
    stack: &str,
) -> rusqlite::Result<BTreeMap<Name, StatusRecord>> {
    let mut select = connection.prepare("SELECT name, status, changed_ms FROM instance WHERE stack = ?1")?;
    let rows = select
        .query_map([stack], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, unsigned(row.get(2)?)))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    // A status word of a later version counts as pending, as for runs.
    let record = |(name, status, since_ms): (String, String, u64)| {
        Some((name.parse().ok()?, StatusRecord { status: InstanceStatus::parse(&status)?, since_ms }))
    };
    Ok(rows.into_iter().filter_map(record).collect())
}

/// Forgets an instance's status.
pub(crate) fn forget(
    connection: &mut Connection,
    stack: &str,
    instance: &str,
    owes_configure: Option<&str>,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute("DELETE FROM instance WHERE stack = ?1 AND name = ?2", [stack, instance])?;
    if let Some(why) = owes_configure {
        configures::owe(&transaction, stack, why, now_ms())?;
    }
    transaction.commit()
}

/// How an instance's parts of runs ended. Newest first, so that SQLite reads no more runs than it needs.
pub(crate) fn node_runs(
    connection: &Connection,
    stack: &str,
    instance: &str,
    most: u32,
) -> rusqlite::Result<Vec<NodeRunRecord>> {
    let columns: Vec<String> = RUN.split(", ").map(|column| format!("r.{column}")).collect();
    let mut select = connection.prepare(&format!(
        "SELECT {}, e.at_ms, e.event FROM run_event AS e JOIN run AS r ON r.id = e.run
         WHERE r.stack = ?1 AND e.event ->> '$.type' = 'node_finished' AND e.event ->> '$.instance' = ?2
         ORDER BY e.run DESC, e.seq DESC LIMIT ?3",
        columns.join(", "),
    ))?;
    let (at, event) = (columns.len(), columns.len() + 1);
    let rows = select.query_map(params![stack, instance, most], |row| {
        let text: String = row.get(event)?;
        let event: RunEvent = serde_json::from_str(&text).map_err(|error| conversion(event, error))?;
        let run = run_record(row)?;
        let RunEvent::NodeFinished { result, counts, duration_ms, .. } = event else { return Ok(None) };
        Ok(Some(NodeRunRecord { run, ended_ms: unsigned(row.get(at)?), result, counts, duration_ms }))
    })?;
    Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use engine_model::{Command, NewRun};
    use engine_scheduler::{
        Counts, NodeResult,
        ports::{Store as _, TimedEvent},
    };

    use super::*;
    use crate::SqliteStore;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn an_instance_that_is_forgotten_has_no_status_and_others_owe_a_reaction() {
        let store = SqliteStore::in_memory().unwrap();
        let (stack, web, db) = (name("a"), name("web-1"), name("db-1"));
        let before = unsigned(now_ms());
        for instance in [&web, &db] {
            store.set_status(&stack, instance, InstanceStatus::Online, None).await.unwrap();
        }
        let records = store.status_records(&stack).await.unwrap();
        assert_eq!(records.len(), 2);
        assert_eq!(records[&web].status, InstanceStatus::Online);
        assert!((before..=unsigned(now_ms())).contains(&records[&web].since_ms));

        store.forget(&stack, &db, None).await.unwrap();
        assert_eq!(store.configure_state(&stack).await.unwrap().pending, None);
        store.forget(&stack, &web, Some("web-1 has left")).await.unwrap();
        assert_eq!(store.status_records(&stack).await.unwrap(), BTreeMap::new());
        let pending = store.configure_state(&stack).await.unwrap().pending.unwrap();
        assert_eq!(pending.why, "web-1 has left");
    }

    #[tokio::test]
    async fn the_parts_of_an_instance_are_told_newest_first() {
        let store = SqliteStore::in_memory().unwrap();
        let finished = |instance: &str, changed| TimedEvent {
            at_ms: 7,
            event: RunEvent::NodeFinished {
                instance: name(instance),
                result: NodeResult::Successful,
                counts: Counts { changed, ..Counts::default() },
                duration_ms: 5,
            },
        };
        let noise = TimedEvent { at_ms: 1, event: RunEvent::Connecting { instance: name("web-1") } };
        for (stack, changed) in [("a", 1), ("a", 2), ("b", 3), ("a", 4)] {
            let run = NewRun {
                stack: name(stack),
                command: Command::Setup,
                operator: String::new(),
                comment: String::new(),
                follows: None,
            };
            let run = store.begin_run(run, None).await.unwrap();
            let events = vec![noise.clone(), finished("web-2", 9), finished("web-1", changed), noise.clone()];
            store.record(run, events).await.unwrap();
        }
        let told = |records: Vec<NodeRunRecord>| -> Vec<(u64, usize)> {
            records.iter().map(|record| (record.run.id.0, record.counts.changed)).collect()
        };
        let (stack, web) = (name("a"), name("web-1"));
        let all = store.node_runs(&stack, &web, 30).await.unwrap();
        assert_eq!((all[0].ended_ms, all[0].duration_ms), (7, 5));
        assert_eq!(told(all), [(4, 4), (2, 2), (1, 1)]);
        assert_eq!(told(store.node_runs(&stack, &web, 2).await.unwrap()), [(4, 4), (2, 2)]);
        assert_eq!(told(store.node_runs(&stack, &name("web-9"), 2).await.unwrap()), []);
    }
}
