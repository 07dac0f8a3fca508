//! Capability interfaces, linked from the table of definitions: a declaring function, the common
//! handle and one method a property for each resource type.

use engine_contract::{
    ContractError, GuardDefinition, PropertyDefinition, TypeDefinition, Value, ValueType,
    definition::{SECRETS, TYPES},
    guards::GUARDS,
    wit::kebab,
};
use engine_protocol::ResourceId;
use wasmtime::component::{ComponentNamedList, Lift, LinkerInstance, Resource, ResourceType};

use super::{
    Caller, State,
    common::new_guard,
    values::{Declared, Fallible, fallible},
};

pub(super) fn add(linker: &mut LinkerInstance<'_, State>, capability: &str) -> wasmtime::Result<()> {
    for definition in TYPES.iter().filter(|definition| definition.capability == capability) {
        add_type(linker, definition)?;
    }
    if capability == SECRETS {
        add_secrets(linker)?;
    }
    GUARDS
        .iter()
        .filter(|guard| guard.capability == capability)
        .try_for_each(|guard| add_guard(linker, guard))
}

fn add_secrets(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    linker.func_wrap("placeholder", |caller: Caller<'_>, (name,): (String,)| {
        let state = caller.data();
        Ok(fallible(state.lock().placeholder(&state.origin.cookbook, &name)))
    })
}

fn add_guard(
    linker: &mut LinkerInstance<'_, State>,
    definition: &'static GuardDefinition,
) -> wasmtime::Result<()> {
    let name = kebab(definition.name);
    match definition.value {
        ValueType::TextList => linker.func_wrap(&name, |caller: Caller<'_>, (texts,): (Vec<String>,)| {
            Ok(new_guard(&caller, definition.make(Value::TextList(texts))))
        }),
        _ => linker.func_wrap(&name, |caller: Caller<'_>, (text,): (String,)| {
            Ok(new_guard(&caller, definition.make(Value::Text(text))))
        }),
    }
}

fn add_type(
    linker: &mut LinkerInstance<'_, State>,
    definition: &'static TypeDefinition,
) -> wasmtime::Result<()> {
    let name = kebab(definition.name);
    linker.resource(&name, ResourceType::host::<Declared>(), |_, _| Ok(()))?;
    let declare = format!("[static]{name}.declare");
    match definition.identity.as_ref().map(|identity| identity.value) {
        None => linker
            .func_wrap(&declare, move |caller: Caller<'_>, (): ()| Ok(declared(&caller, definition, None))),
        Some(ValueType::TextList) => {
            linker.func_wrap(&declare, move |caller: Caller<'_>, (texts,): (Vec<String>,)| {
                Ok(declared(&caller, definition, Some(Value::TextList(texts))))
            })
        }
        Some(_) => linker.func_wrap(&declare, move |caller: Caller<'_>, (text,): (String,)| {
            Ok(declared(&caller, definition, Some(Value::Text(text))))
        }),
    }?;
    linker.func_wrap(
        &format!("[method]{name}.declaration"),
        |_: Caller<'_>, (this,): (Resource<Declared>,)| Ok((Resource::<Declared>::new_own(this.rep()),)),
    )?;
    definition.properties.iter().try_for_each(|property| add_property(linker, &name, property))
}

fn declared(
    caller: &Caller<'_>,
    definition: &'static TypeDefinition,
    identity: Option<Value>,
) -> Fallible<Resource<Declared>> {
    let state = caller.data();
    let declared = state.lock().collector.declare(&state.origin, definition, identity);
    fallible(declared.map(|id| Resource::new_own(id.0)))
}

fn add_property(
    linker: &mut LinkerInstance<'_, State>,
    of: &str,
    property: &'static PropertyDefinition,
) -> wasmtime::Result<()> {
    let function = format!("[method]{of}.{}", kebab(property.name));
    match property.value {
        ValueType::Text | ValueType::Json => setter(linker, &function, property.name, Value::Text),
        ValueType::Bytes => setter(linker, &function, property.name, Value::Bytes),
        ValueType::Integer => setter(linker, &function, property.name, Value::Integer),
        ValueType::Boolean => setter(linker, &function, property.name, Value::Boolean),
        ValueType::TextList => setter(linker, &function, property.name, Value::TextList),
        ValueType::TextMap => setter(linker, &function, property.name, Value::TextMap),
        ValueType::IntegerList => setter(linker, &function, property.name, Value::IntegerList),
    }
}

fn setter<V>(
    linker: &mut LinkerInstance<'_, State>,
    function: &str,
    property: &'static str,
    value: fn(V) -> Value,
) -> wasmtime::Result<()>
where
    (Resource<Declared>, V): ComponentNamedList + Lift + 'static,
{
    linker.func_wrap(function, move |caller: Caller<'_>, (this, given): (Resource<Declared>, V)| {
        let set: Result<(), ContractError> =
            caller.data().lock().collector.set(ResourceId(this.rep()), property, value(given));
        Ok(fallible(set))
    })
}
