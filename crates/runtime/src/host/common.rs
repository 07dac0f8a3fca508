//! `common`: what all declared resources have.

use engine_contract::{ContractError, collector::ResourceOrName};
use engine_protocol::{ResourceId, resource::Common};
use wasmtime::component::{LinkerInstance, Resource, ResourceType};

use super::{
    Caller, State,
    values::{Declared, Fallible, GuardHandle, WitTiming, fallible},
};

fn id(handle: &Resource<Declared>) -> ResourceId {
    ResourceId(handle.rep())
}

pub(super) fn add(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    linker.resource("guard", ResourceType::host::<GuardHandle>(), |_, _| Ok(()))?;
    linker.resource("declaration", ResourceType::host::<Declared>(), |_, _| Ok(()))?;
    linker.func_wrap(
        "[method]declaration.action",
        |caller: Caller<'_>,
         (this, actions): (Resource<Declared>, Vec<String>)|
         -> wasmtime::Result<Fallible<()>> {
            Ok(fallible(caller.data().lock().collector.actions(id(&this), &actions)))
        },
    )?;
    notifications(linker)?;
    guards(linker)?;
    linker.func_wrap(
        "[method]declaration.retries",
        |caller: Caller<'_>, (this, times): (Resource<Declared>, u32)| {
            Ok(set(&caller, &this, |common| common.retries = times))
        },
    )?;
    linker.func_wrap(
        "[method]declaration.retry-delay",
        |caller: Caller<'_>, (this, seconds): (Resource<Declared>, u32)| {
            Ok(set(&caller, &this, |common| common.retry_delay_seconds = seconds))
        },
    )?;
    linker.func_wrap(
        "[method]declaration.sensitive",
        |caller: Caller<'_>, (this, sensitive): (Resource<Declared>, bool)| {
            Ok(set(&caller, &this, |common| common.sensitive = sensitive))
        },
    )?;
    linker.func_wrap(
        "[method]declaration.ignore-failure",
        |caller: Caller<'_>, (this, ignore): (Resource<Declared>, bool)| {
            Ok(set(&caller, &this, |common| common.ignore_failure = ignore))
        },
    )?;
    linker.func_wrap(
        "[method]declaration.timeout",
        |caller: Caller<'_>, (this, seconds): (Resource<Declared>, u32)| {
            Ok(set(&caller, &this, |common| common.timeout_seconds = Some(seconds)))
        },
    )?;
    linker.func_wrap(
        "[method]declaration.umask",
        |caller: Caller<'_>, (this, mask): (Resource<Declared>, String)| -> wasmtime::Result<Fallible<()>> {
            Ok(fallible(caller.data().lock().collector.umask(id(&this), &mask)))
        },
    )?;
    linker.func_wrap(
        "[method]declaration.confirm",
        |caller: Caller<'_>, (this, confirm): (Resource<Declared>, bool)| -> wasmtime::Result<Fallible<()>> {
            Ok(fallible(caller.data().lock().collector.confirm(id(&this), confirm)))
        },
    )
}

fn set(caller: &Caller<'_>, this: &Resource<Declared>, change: impl FnOnce(&mut Common)) -> Fallible<()> {
    fallible(caller.data().lock().collector.common(id(this), change))
}

type Named = (Resource<Declared>, String, String, WitTiming);
type Borrowed = (Resource<Declared>, String, Resource<Declared>, WitTiming);

fn notify(
    caller: &Caller<'_>,
    from: ResourceOrName<'_>,
    action: &str,
    to: ResourceOrName<'_>,
    timing: WitTiming,
    declared_by: ResourceId,
) -> Fallible<()> {
    fallible(caller.data().lock().collector.notify(from, action, to, timing.into(), declared_by))
}

fn notifications(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    use ResourceOrName::{Id, Name};
    linker.func_wrap(
        "[method]declaration.notifies",
        |caller: Caller<'_>, (this, action, target, timing): Borrowed| {
            let this = id(&this);
            Ok(notify(&caller, Id(this), &action, Id(id(&target)), timing, this))
        },
    )?;
    linker.func_wrap(
        "[method]declaration.notifies-named",
        |caller: Caller<'_>, (this, action, target, timing): Named| {
            let this = id(&this);
            Ok(notify(&caller, Id(this), &action, Name(&target), timing, this))
        },
    )?;
    linker.func_wrap(
        "[method]declaration.subscribes",
        |caller: Caller<'_>, (this, action, source, timing): Borrowed| {
            let this = id(&this);
            Ok(notify(&caller, Id(id(&source)), &action, Id(this), timing, this))
        },
    )?;
    linker.func_wrap(
        "[method]declaration.subscribes-named",
        |caller: Caller<'_>, (this, action, source, timing): Named| {
            let this = id(&this);
            Ok(notify(&caller, Name(&source), &action, Id(this), timing, this))
        },
    )
}

fn guards(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "[method]declaration.only-if",
        |caller: Caller<'_>,
         (this, guard): (Resource<Declared>, Resource<GuardHandle>)|
         -> wasmtime::Result<Fallible<()>> {
            let mut evaluation = caller.data().lock();
            let guard = evaluation.guard(guard.rep());
            Ok(fallible(guard.and_then(|guard| evaluation.collector.only_if(id(&this), guard))))
        },
    )?;
    linker.func_wrap(
        "[method]declaration.not-if",
        |caller: Caller<'_>,
         (this, guard): (Resource<Declared>, Resource<GuardHandle>)|
         -> wasmtime::Result<Fallible<()>> {
            let mut evaluation = caller.data().lock();
            let guard = evaluation.guard(guard.rep());
            Ok(fallible(guard.and_then(|guard| evaluation.collector.not_if(id(&this), guard))))
        },
    )
}

/// Makes a guard and its handle.
pub(super) fn new_guard(
    caller: &Caller<'_>,
    guard: Result<engine_protocol::resource::Guard, ContractError>,
) -> Fallible<Resource<GuardHandle>> {
    fallible(guard.and_then(|guard| caller.data().lock().add_guard(guard)).map(Resource::new_own))
}
