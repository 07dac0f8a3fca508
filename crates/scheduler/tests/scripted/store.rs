//! A store in memory.

use std::{collections::BTreeMap, time::Duration};

use engine_model::{
    ConfigureBegun, ConfigureState, InstanceStatus, Name, NewRun, PendingConfigure, RunId, RunRecord,
    RunState, StackLock, StatusRecord,
};
use engine_scheduler::{
    ports::{LockRequest, NodeRunRecord, PortFuture, Store, StoreFailure, TimedEvent},
    resume::{Entry, Intent, Journal},
};

use super::{Port, World};

impl Store for Port {
    fn lock(
        &self,
        request: LockRequest,
    ) -> PortFuture<'_, Result<Result<StackLock, StackLock>, StoreFailure>> {
        let lock = StackLock {
            stack: request.stack,
            id: "1".to_owned(),
            owner: request.owner,
            boot_id: request.boot_id,
            process: request.process,
            operation: request.operation,
            since_ms: 0,
            until_ms: 0,
            token: 1,
        };
        let holder = self.0.holder.lock().unwrap().clone();
        Box::pin(async move { Ok(holder.map_or(Ok(lock), Err)) })
    }

    fn renew<'a>(
        &'a self,
        _: &'a Name,
        _: &'a str,
        _: Duration,
    ) -> PortFuture<'a, Result<bool, StoreFailure>> {
        let held = !*self.0.stack_is_lost.lock().unwrap();
        Box::pin(async move { Ok(held) })
    }

    fn unlock<'a>(&'a self, _: &'a Name, _: &'a str) -> PortFuture<'a, Result<bool, StoreFailure>> {
        *self.0.given_back.lock().unwrap() += 1;
        Box::pin(async { Ok(true) })
    }

    fn lock_of<'a>(&'a self, _: &'a Name) -> PortFuture<'a, Result<Option<StackLock>, StoreFailure>> {
        Box::pin(async { Ok(None) })
    }

    fn statuses<'a>(
        &'a self,
        _: &'a Name,
    ) -> PortFuture<'a, Result<BTreeMap<Name, InstanceStatus>, StoreFailure>> {
        Box::pin(async { Ok(self.0.statuses.lock().unwrap().clone()) })
    }

    fn set_status<'a>(
        &'a self,
        _: &'a Name,
        instance: &'a Name,
        status: InstanceStatus,
        owes_configure: Option<&'a str>,
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        Box::pin(self.deal(move |world| {
            if let Some(why) = owes_configure {
                let pending = PendingConfigure { since_ms: 0, why: why.to_owned() };
                world.configure.lock().unwrap().pending = Some(pending);
            }
            world.statuses.lock().unwrap().insert(instance.clone(), status);
        }))
    }

    fn status_records<'a>(
        &'a self,
        _: &'a Name,
    ) -> PortFuture<'a, Result<BTreeMap<Name, StatusRecord>, StoreFailure>> {
        let statuses = self.0.statuses.lock().unwrap().clone();
        let records = statuses.into_iter().map(|(name, status)| (name, StatusRecord { status, since_ms: 0 }));
        let records = records.collect();
        Box::pin(async { Ok(records) })
    }

    fn forget<'a>(
        &'a self,
        _: &'a Name,
        instance: &'a Name,
        _: Option<&'a str>,
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        self.0.statuses.lock().unwrap().remove(instance);
        Box::pin(async { Ok(()) })
    }

    fn node_runs<'a>(
        &'a self,
        _: &'a Name,
        _: &'a Name,
        _: u32,
    ) -> PortFuture<'a, Result<Vec<NodeRunRecord>, StoreFailure>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn configure_state<'a>(&'a self, _: &'a Name) -> PortFuture<'a, Result<ConfigureState, StoreFailure>> {
        Box::pin(self.deal(|world| world.configure.lock().unwrap().clone()))
    }

    fn begin_configure<'a>(
        &'a self,
        _: &'a Name,
        online: &'a [Name],
    ) -> PortFuture<'a, Result<ConfigureBegun, StoreFailure>> {
        Box::pin(self.deal(move |world| {
            let mut configure = world.configure.lock().unwrap();
            let last = world.view.lock().unwrap().replace(online.to_vec());
            configure.generation += u64::from(last.as_deref() != Some(online));
            ConfigureBegun { generation: configure.generation, number: 0 }
        }))
    }

    fn end_configure<'a>(
        &'a self,
        _: &'a Name,
        _: ConfigureBegun,
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        Box::pin(self.deal(|world| world.configure.lock().unwrap().pending = None))
    }

    fn begin_run(
        &self,
        run: NewRun,
        intent: Option<Box<Intent>>,
    ) -> PortFuture<'_, Result<RunId, StoreFailure>> {
        Box::pin(self.deal(move |world| {
            let mut runs = world.runs.lock().unwrap();
            let id = RunId(runs.len() as u64 + 1);
            runs.push(RunRecord { id, run, state: RunState::Running, started_ms: 0, ended_ms: None });
            let mut journals = world.journals.lock().unwrap();
            let follows = runs.last().unwrap().run.follows;
            journals.retain(|run, _| follows == Some(*run));
            journals.extend(intent.map(|intent| (id, Journal { intent: *intent, entries: Vec::new() })));
            id
        }))
    }

    fn reopen_run(&self, run: RunId) -> PortFuture<'_, Result<(), StoreFailure>> {
        Box::pin(self.deal(move |world| world.end(run, RunState::Running)))
    }

    fn write_ahead(&self, run: RunId, entry: Entry) -> PortFuture<'_, Result<(), StoreFailure>> {
        Box::pin(async move {
            if let Some(room) = &mut *self.0.room.lock().unwrap() {
                *room = room.checked_sub(1).ok_or_else(full)?;
            }
            self.deal(move |world| {
                world.journals.lock().unwrap().get_mut(&run).unwrap().entries.push(entry);
            })
            .await
        })
    }

    fn journal(&self, run: RunId) -> PortFuture<'_, Result<Option<Journal>, StoreFailure>> {
        Box::pin(self.deal(move |world| {
            // As a store does it.
            let journal = world.journals.lock().unwrap().get(&run).cloned()?;
            let intent = serde_json::to_string(&journal.intent).unwrap();
            let entries = serde_json::to_string(&journal.entries).unwrap();
            Some(Journal {
                intent: serde_json::from_str(&intent).unwrap(),
                entries: serde_json::from_str(&entries).unwrap(),
            })
        }))
    }

    fn record(&self, _: RunId, events: Vec<TimedEvent>) -> PortFuture<'_, Result<(), StoreFailure>> {
        self.0.recorded.lock().unwrap().extend(events.into_iter().map(|timed| timed.event));
        Box::pin(async { Ok(()) })
    }

    fn runs<'a>(&'a self, _: &'a Name, most: u32) -> PortFuture<'a, Result<Vec<RunRecord>, StoreFailure>> {
        let runs = self.0.runs.lock().unwrap().clone();
        Box::pin(async move { Ok(runs.into_iter().rev().take(most as usize).collect()) })
    }

    fn run(&self, run: RunId) -> PortFuture<'_, Result<Option<RunRecord>, StoreFailure>> {
        let found = self.0.runs.lock().unwrap().iter().find(|record| record.id == run).cloned();
        Box::pin(async move { Ok(found) })
    }

    fn events(&self, _: RunId) -> PortFuture<'_, Result<Vec<TimedEvent>, StoreFailure>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn end_run(&self, run: RunId, state: RunState) -> PortFuture<'_, Result<(), StoreFailure>> {
        Box::pin(async move {
            if *self.0.store_is_full.lock().unwrap() {
                return Err(full());
            }
            self.deal(|world| world.end(run, state)).await
        })
    }
}

fn full() -> StoreFailure {
    StoreFailure { place: "here".to_owned(), message: "no space is left".to_owned() }
}

impl Port {
    /// Does something in the store; a controller may be killed before it and before it hears of it.
    async fn deal<T>(&self, change: impl FnOnce(&World) -> T) -> Result<T, StoreFailure> {
        self.0.fuse.burn().await;
        let done = change(&self.0);
        self.0.fuse.burn().await;
        Ok(done)
    }
}

impl World {
    fn end(&self, run: RunId, state: RunState) {
        let mut runs = self.runs.lock().unwrap();
        runs.iter_mut().find(|record| record.id == run).unwrap().state = state;
    }
}
