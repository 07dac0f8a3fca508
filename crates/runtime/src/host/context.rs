//! What a recipe sees of the stack and what steers it: attributes, the stack, the log, the evaluation.

use engine_contract::{ContractError, Node, error::Code, node::InstanceView};
use engine_scheduler::ports::LogLevel;
use serde_json::Value;
use wasmtime::component::{Linker, LinkerInstance, Resource, ResourceType};

use super::{
    Caller, Contract, State,
    values::{AppHandle, Fallible, InstanceHandle, LayerHandle, THIS_INSTANCE, TextOf, WitLevel, fallible},
};
use crate::{include, visible::visible};

pub(super) fn add(linker: &mut Linker<State>, contract: Contract<'_>) -> wasmtime::Result<()> {
    attributes(&mut linker.instance(&contract.interface("attributes"))?)?;
    stack(&mut linker.instance(&contract.interface("stack"))?)?;
    instances(&mut linker.instance(&contract.interface("stack"))?)?;
    log(&mut linker.instance(&contract.interface("log"))?)?;
    let evaluation = &mut linker.instance(&contract.interface("evaluation"))?;
    if contract.has_custom_resources() {
        custom_resource(evaluation)?;
    }
    self::evaluation(evaluation)
}

/// Looks an attribute up and converts it; a value of another type is an error, nothing is none.
fn attribute<T>(
    caller: &Caller<'_>,
    path: &str,
    expected: &str,
    convert: impl FnOnce(&Value) -> Option<T>,
) -> Fallible<Option<T>> {
    let state = caller.data();
    let mut evaluation = state.lock();
    let attributes = match evaluation.attributes(&state.origin.cookbook) {
        Ok(attributes) => attributes,
        Err(error) => return fallible(Err(error)),
    };
    fallible(match lookup(attributes, path) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => convert(value).map(Some).ok_or_else(|| {
            ContractError::new(
                Code::InvalidValue,
                format!("the attribute `{path}` is {value}, but {expected} is wanted"),
            )
        }),
    })
}

fn lookup<'a>(attributes: &'a Value, path: &str) -> Option<&'a Value> {
    if path.is_empty() {
        return Some(attributes);
    }
    path.split('.').try_fold(attributes, |value, key| value.get(key))
}

fn attributes(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    linker.func_wrap("text", |caller: Caller<'_>, (path,): (String,)| {
        Ok(attribute(&caller, &path, "a text", |value| value.as_str().map(str::to_owned)))
    })?;
    linker.func_wrap("integer", |caller: Caller<'_>, (path,): (String,)| {
        Ok(attribute(&caller, &path, "a whole number", Value::as_i64))
    })?;
    linker.func_wrap("boolean", |caller: Caller<'_>, (path,): (String,)| {
        Ok(attribute(&caller, &path, "true or false", Value::as_bool))
    })?;
    linker.func_wrap("text-list", |caller: Caller<'_>, (path,): (String,)| {
        Ok(attribute(&caller, &path, "a list of texts", |value| {
            value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        }))
    })?;
    linker.func_wrap("json", |caller: Caller<'_>, (path,): (String,)| {
        let state = caller.data();
        let mut evaluation = state.lock();
        let attributes = evaluation.attributes(&state.origin.cookbook);
        let found = attributes.ok().and_then(|attributes| lookup(attributes, &path)).map(Value::to_string);
        Ok((found,))
    })
}

fn handles<T: 'static>(indices: impl IntoIterator<Item = usize>) -> Vec<Resource<T>> {
    indices.into_iter().map(|index| Resource::new_own(u32::try_from(index).unwrap_or(u32::MAX - 1))).collect()
}

fn instance<'a>(node: &'a Node, handle: &Resource<InstanceHandle>) -> wasmtime::Result<&'a InstanceView> {
    match handle.rep() {
        THIS_INSTANCE => Ok(&node.stack.this_instance),
        index => node
            .stack
            .instances
            .get(index as usize)
            .ok_or_else(|| wasmtime::Error::msg("there is no such instance")),
    }
}

fn at<'a, T, H: 'static>(list: &'a [T], handle: &Resource<H>) -> wasmtime::Result<&'a T> {
    list.get(handle.rep() as usize).ok_or_else(|| wasmtime::Error::msg("there is no such handle"))
}

fn stack(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    linker.resource("instance", ResourceType::host::<InstanceHandle>(), |_, _| Ok(()))?;
    linker.resource("layer", ResourceType::host::<LayerHandle>(), |_, _| Ok(()))?;
    linker.resource("app", ResourceType::host::<AppHandle>(), |_, _| Ok(()))?;
    linker.func_wrap("name", |caller: Caller<'_>, (): ()| {
        Ok((caller.data().lock().node.stack.name.clone(),))
    })?;
    linker.func_wrap("event", |caller: Caller<'_>, (): ()| {
        Ok((caller.data().lock().node.stack.event.clone(),))
    })?;
    linker.func_wrap("this-instance", |_: Caller<'_>, (): ()| {
        Ok((Resource::<InstanceHandle>::new_own(THIS_INSTANCE),))
    })?;
    linker.func_wrap("layers", |caller: Caller<'_>, (): ()| {
        Ok((handles::<LayerHandle>(0..caller.data().lock().node.stack.layers.len()),))
    })?;
    linker.func_wrap("find-layer", |caller: Caller<'_>, (name,): (String,)| {
        let position = caller.data().lock().node.stack.layers.iter().position(|layer| *layer == name);
        Ok((handles::<LayerHandle>(position).pop(),))
    })?;
    linker.func_wrap("instances", |caller: Caller<'_>, (): ()| {
        Ok((handles::<InstanceHandle>(0..caller.data().lock().node.stack.instances.len()),))
    })?;
    linker.func_wrap("apps", |caller: Caller<'_>, (): ()| {
        Ok((handles::<AppHandle>(0..caller.data().lock().node.stack.apps.len()),))
    })
}

fn instances(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    let texts: [TextOf<InstanceView>; 3] = [
        ("[method]instance.name", |instance| &instance.name),
        ("[method]instance.hostname", |instance| &instance.hostname),
        ("[method]instance.address", |instance| &instance.address),
    ];
    for (name, text) in texts {
        linker.func_wrap(name, move |caller: Caller<'_>, (this,): (Resource<InstanceHandle>,)| {
            Ok((text(instance(&caller.data().lock().node, &this)?).to_owned(),))
        })?;
    }
    linker.func_wrap(
        "[method]instance.layers",
        |caller: Caller<'_>, (this,): (Resource<InstanceHandle>,)| {
            Ok((instance(&caller.data().lock().node, &this)?.layers.clone(),))
        },
    )?;
    linker.func_wrap("[method]layer.name", |caller: Caller<'_>, (this,): (Resource<LayerHandle>,)| {
        Ok((at(&caller.data().lock().node.stack.layers, &this)?.clone(),))
    })?;
    linker.func_wrap(
        "[method]layer.instances",
        |caller: Caller<'_>, (this,): (Resource<LayerHandle>,)| {
            let evaluation = caller.data().lock();
            let view = &evaluation.node.stack;
            Ok((handles::<InstanceHandle>(view.instances_of(at(&view.layers, &this)?)),))
        },
    )?;
    linker.func_wrap("[method]app.name", |caller: Caller<'_>, (this,): (Resource<AppHandle>,)| {
        Ok((at(&caller.data().lock().node.stack.apps, &this)?.name.clone(),))
    })?;
    linker.func_wrap("[method]app.layers", |caller: Caller<'_>, (this,): (Resource<AppHandle>,)| {
        Ok((at(&caller.data().lock().node.stack.apps, &this)?.layers.clone(),))
    })?;
    linker.func_wrap("[method]app.attributes", |caller: Caller<'_>, (this,): (Resource<AppHandle>,)| {
        Ok((at(&caller.data().lock().node.stack.apps, &this)?.attributes.to_string(),))
    })
}

fn log(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    linker.func_wrap("write", |caller: Caller<'_>, (level, message): (WitLevel, String)| {
        let state = caller.data();
        let level = match level {
            WitLevel::Debug => LogLevel::Debug,
            WitLevel::Info => LogLevel::Info,
            WitLevel::Warn => LogLevel::Warn,
        };
        state.lock().log(&state.origin, level, &visible(&message))?;
        Ok(())
    })
}

fn evaluation(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "include-recipe",
        |caller: Caller<'_>, (name,): (String,)| -> wasmtime::Result<Fallible<()>> {
            Ok((include::recipe(&caller.data().evaluation, &name)?,))
        },
    )?;
    linker.func_wrap("checkpoint", |caller: Caller<'_>, (): ()| -> wasmtime::Result<Fallible<()>> {
        caller.data().lock().checkpoint().map(fallible)
    })
}

fn custom_resource(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "custom-resource",
        |caller: Caller<'_>, (name, properties): (String, String)| -> wasmtime::Result<Fallible<String>> {
            Ok((include::custom_resource(&caller.data().evaluation, &name, &properties)?,))
        },
    )
}
