//! A store in memory.

use std::{collections::BTreeMap, time::Duration};

use engine_model::{
    ConfigureBegun, ConfigureState, InstanceStatus, Name, NewRun, PendingConfigure, RunId, RunRecord,
    RunState, StackLock, StatusRecord,
};
use engine_scheduler::{
    ports::{Fence, LockRequest, NodeRunRecord, PortFuture, Store, StoreFailure, TimedEvent},
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
        fence: &'a Fence,
        instance: &'a Name,
        status: InstanceStatus,
        owes_configure: Option<&'a str>,
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        Box::pin(self.write(fence, move |world| {
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
        fence: &'a Fence,
        instance: &'a Name,
        _: Option<&'a str>,
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        Box::pin(self.write(fence, move |world| {
            world.statuses.lock().unwrap().remove(instance);
        }))
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
        fence: &'a Fence,
        online: &'a [Name],
    ) -> PortFuture<'a, Result<ConfigureBegun, StoreFailure>> {
        Box::pin(self.write(fence, move |world| {
            let mut configure = world.configure.lock().unwrap();
            let last = world.view.lock().unwrap().replace(online.to_vec());
            configure.generation += u64::from(last.as_deref() != Some(online));
            ConfigureBegun { generation: configure.generation, number: 0 }
        }))
    }

    fn end_configure<'a>(
        &'a self,
        fence: &'a Fence,
        _: ConfigureBegun,
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        Box::pin(self.write(fence, |world| world.configure.lock().unwrap().pending = None))
    }

    fn begin_run<'a>(
        &'a self,
        fence: &'a Fence,
        run: NewRun,
        intent: Option<Box<Intent>>,
    ) -> PortFuture<'a, Result<RunId, StoreFailure>> {
        Box::pin(self.write(fence, move |world| {
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

    fn reopen_run<'a>(&'a self, fence: &'a Fence, run: RunId) -> PortFuture<'a, Result<(), StoreFailure>> {
        Box::pin(self.write(fence, move |world| world.end(run, RunState::Running)))
    }

    fn write_ahead<'a>(
        &'a self,
        fence: &'a Fence,
        run: RunId,
        entry: Entry,
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        Box::pin(async move {
            if let Some(room) = &mut *self.0.room.lock().unwrap() {
                *room = room.checked_sub(1).ok_or_else(full)?;
            }
            self.write(fence, move |world| {
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

    fn record<'a>(
        &'a self,
        fence: &'a Fence,
        _: RunId,
        events: Vec<TimedEvent>,
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        Box::pin(async move {
            self.0.admit(fence)?;
            self.0.recorded.lock().unwrap().extend(events.into_iter().map(|timed| timed.event));
            Ok(())
        })
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

    fn end_run<'a>(
        &'a self,
        fence: &'a Fence,
        run: RunId,
        state: RunState,
    ) -> PortFuture<'a, Result<(), StoreFailure>> {
        Box::pin(async move {
            if *self.0.store_is_full.lock().unwrap() {
                return Err(full());
            }
            self.write(fence, |world| world.end(run, state)).await
        })
    }
}

fn full() -> StoreFailure {
    StoreFailure::Failed { place: "here".to_owned(), message: "no space is left".to_owned() }
}

impl Port {
    /// Writes something, if the stack is still held.
    async fn write<T>(&self, fence: &Fence, change: impl FnOnce(&World) -> T) -> Result<T, StoreFailure> {
        self.0.admit(fence)?;
        self.deal(change).await
    }

    /// Does something in the store; a controller may be killed before it and before it hears of it.
    async fn deal<T>(&self, change: impl FnOnce(&World) -> T) -> Result<T, StoreFailure> {
        self.0.fuse.burn().await;
        let done = change(&self.0);
        self.0.fuse.burn().await;
        Ok(done)
    }
}

impl World {
    fn admit(&self, fence: &Fence) -> Result<(), StoreFailure> {
        let lost = || StoreFailure::StackLost { stack: fence.stack.clone(), id: fence.id.clone() };
        match &mut *self.writes_until_lost.lock().unwrap() {
            Some(left) => {
                *left = left.checked_sub(1).ok_or_else(lost)?;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn end(&self, run: RunId, state: RunState) {
        let mut runs = self.runs.lock().unwrap();
        runs.iter_mut().find(|record| record.id == run).unwrap().state = state;
    }
}
