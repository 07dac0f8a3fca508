//! Runs recipes and custom resources, each in a store of its own: those of the run list, and what they include.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Instant,
};

use engine_contract::{ContractError, error::Code, metadata::ResourceMetadata};
use engine_model::RecipeName;
use engine_protocol::resource::Origin;
use serde_json::Value;
use wasmtime::{
    Store, Trap, UpdateDeadline,
    component::{ComponentExportIndex, ComponentNamedList, Lift, Lower, TypedFunc},
};

use crate::{
    compile,
    evaluate::Evaluation,
    host::{State, WitError},
    library::Cookbook,
    limits::EvaluationLimits,
    sandbox::MemoryLimit,
};

/// What the host needs of a thread's stack besides the guest's part.
const HOST_STACK: usize = 3 * 1024 * 1024;

type Shared = Arc<Mutex<Evaluation>>;

/// A reason of ours to end a recipe, as opposed to a trap of its own.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) String);

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// Why a recipe or a custom resource did not end well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("{what}: {message}")]
    Unknown { what: String, message: String },
    #[error("{what} failed: {}", describe(.error))]
    Returned { what: String, error: WitError },
    #[error("{what} was ended: {reason}")]
    Ended { what: String, reason: String },
}

/// Runs an included recipe; what it returns goes to the recipe that included it.
pub(crate) fn recipe(evaluation: &Shared, name: &str) -> wasmtime::Result<Result<(), WitError>> {
    let recipe: RecipeName = match name.parse() {
        Ok(recipe) => recipe,
        Err(error) => return Ok(Err(ContractError::new(Code::InvalidValue, format!("{error}")).into())),
    };
    deeper(evaluation, || run(evaluation, &recipe))
}

/// Has a cookbook declare a resource of its own making; the answer is JSON.
pub(crate) fn custom_resource(
    evaluation: &Shared,
    name: &str,
    properties: &str,
) -> wasmtime::Result<Result<String, WitError>> {
    let cookbooks = Arc::clone(&lock(evaluation).cookbooks);
    let prepared = find_resource(&cookbooks, name).and_then(|(cookbook, declare, resource, metadata)| {
        let invalid = |error| ContractError::new(Code::InvalidValue, format!("the properties: {error}"));
        let given: Value = serde_json::from_str(properties).map_err(invalid)?;
        Ok((cookbook, declare, resource, metadata.complete(&given)?.to_string()))
    });
    let (cookbook, declare, resource, properties) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return Ok(Err(error.of(name).into())),
    };
    let origin = Origin { cookbook: cookbook.package.metadata.name.clone(), recipe: resource.to_owned() };
    let what = format!("resource `{name}`");
    lock(evaluation).used.insert(origin.cookbook.clone());
    let declared = deeper(evaluation, || {
        call(evaluation, cookbook, declare, &origin, &what, (resource, properties.as_str()))
    })?;
    Ok(declared.and_then(|answer: String| match serde_json::from_str::<Value>(&answer) {
        Ok(_) => Ok(answer),
        Err(error) => {
            let message = format!("its cookbook answered with something that is no JSON: {error}");
            Err(ContractError::new(Code::InvalidValue, message).of(name).into())
        }
    }))
}

/// Runs something for a guest that waits for it. Every store may use up [`compile::WASM_STACK`] of the thread it runs on.
/// The guest that waits has had its share, so this gets a thread: else both together could end the process.
fn deeper<T: Send>(
    evaluation: &Shared,
    run: impl FnOnce() -> Result<T, RunError> + Send,
) -> wasmtime::Result<Result<T, WitError>> {
    let limit = lock(evaluation).limits.include_depth;
    if lock(evaluation).depth >= limit {
        let message = format!("recipes include one another more than {limit} deep");
        return Ok(Err(ContractError::new(Code::LimitExceeded, message).into()));
    }
    lock(evaluation).depth += 1;
    let result = thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name("recipe".to_owned())
            .stack_size(compile::WASM_STACK + HOST_STACK)
            .spawn_scoped(scope, run)?;
        Ok::<_, std::io::Error>(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    lock(evaluation).depth -= 1;
    match result? {
        Ok(done) => Ok(Ok(done)),
        Err(RunError::Unknown { message, .. }) => Ok(Err(ContractError::new(Code::NotFound, message).into())),
        Err(RunError::Returned { error, .. }) => Ok(Err(error)),
        // What traps ends the recipe that included it as well.
        Err(error) => Err(Refused(error.to_string()).into()),
    }
}

/// Runs a recipe, once in an evaluation.
pub(crate) fn run(evaluation: &Shared, recipe: &RecipeName) -> Result<(), RunError> {
    let cookbooks = {
        let mut evaluation = lock(evaluation);
        find_recipe(&evaluation.cookbooks, recipe)?;
        if !evaluation.ran.insert(recipe.clone()) {
            return Ok(());
        }
        evaluation.used.insert(recipe.cookbook.to_string());
        if evaluation.depth == 0 {
            evaluation.deadline = Instant::now() + evaluation.limits.deadline;
        }
        Arc::clone(&evaluation.cookbooks)
    };
    let cookbook = find_recipe(&cookbooks, recipe)?;
    let origin = Origin { cookbook: recipe.cookbook.to_string(), recipe: recipe.recipe.to_string() };
    let what = format!("recipe `{recipe}`");
    call(evaluation, cookbook, cookbook.run, &origin, &what, (recipe.recipe.as_str(),))
}

/// Calls a function of a cookbook in a store of its own.
fn call<P, T>(
    evaluation: &Shared,
    cookbook: &Cookbook,
    function: ComponentExportIndex,
    origin: &Origin,
    what: &str,
    parameters: P,
) -> Result<T, RunError>
where
    P: ComponentNamedList + Lower,
    (Result<T, WitError>,): ComponentNamedList + Lift,
{
    let (engine, limits) = {
        let evaluation = lock(evaluation);
        (evaluation.engine.clone(), evaluation.limits)
    };
    let memory = MemoryLimit::new(limits.memory_bytes, limits.table_elements);
    let mut store = Store::new(&engine, State::new(Arc::clone(evaluation), origin.clone(), memory));
    store.limiter(|state| &mut state.memory);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|context| {
        let passed = Instant::now() > context.data().lock().deadline;
        Ok(if passed { UpdateDeadline::Interrupt } else { UpdateDeadline::Continue(1) })
    });
    let ended =
        |error: &wasmtime::Error| RunError::Ended { what: what.to_owned(), reason: explain(error, &limits) };
    store.set_fuel(limits.fuel).map_err(|error| ended(&error))?;
    let instance = cookbook.instance.instantiate(&mut store).map_err(|error| ended(&error))?;
    let function: TypedFunc<P, (Result<T, WitError>,)> =
        instance.get_typed_func(&mut store, function).map_err(|error| ended(&error))?;
    match function.call(&mut store, parameters) {
        Ok((Ok(done),)) => Ok(done),
        Ok((Err(error),)) => Err(RunError::Returned { what: what.to_owned(), error }),
        Err(error) => Err(ended(&error)),
    }
}

fn lock(evaluation: &Shared) -> std::sync::MutexGuard<'_, Evaluation> {
    evaluation.lock().unwrap_or_else(PoisonError::into_inner)
}

type Cookbooks = BTreeMap<String, Cookbook>;

fn find_recipe<'a>(cookbooks: &'a Cookbooks, recipe: &RecipeName) -> Result<&'a Cookbook, RunError> {
    let unknown = |message| RunError::Unknown { what: format!("recipe `{recipe}`"), message };
    let cookbook = find_cookbook(cookbooks, recipe.cookbook.as_str()).map_err(unknown)?;
    let recipes = &cookbook.package.metadata.recipes;
    if !recipes.contains_key(recipe.recipe.as_str()) {
        return Err(unknown(format!(
            "cookbook `{}` has no recipe `{}`; it has {}",
            recipe.cookbook,
            recipe.recipe,
            list(recipes.keys())
        )));
    }
    Ok(cookbook)
}

type Resource<'a> = (&'a Cookbook, ComponentExportIndex, &'a str, &'a ResourceMetadata);

fn find_resource<'a>(cookbooks: &'a Cookbooks, name: &'a str) -> Result<Resource<'a>, ContractError> {
    let Some((cookbook, resource)) = name.split_once("::") else {
        let message = "a custom resource is named with its cookbook, as in `nginx::site`";
        return Err(ContractError::new(Code::InvalidValue, message));
    };
    let unknown = |message| ContractError::new(Code::NotFound, message);
    let found = find_cookbook(cookbooks, cookbook).map_err(unknown)?;
    let resources = &found.package.metadata.resources;
    match (resources.get(resource), found.declare) {
        (Some(metadata), Some(declare)) => Ok((found, declare, resource, metadata)),
        _ if resources.is_empty() => Err(unknown(format!("cookbook `{cookbook}` has no custom resources"))),
        _ => Err(unknown(format!(
            "cookbook `{cookbook}` has no such resource; it has {}",
            list(resources.keys())
        ))),
    }
}

fn find_cookbook<'a>(cookbooks: &'a Cookbooks, name: &str) -> Result<&'a Cookbook, String> {
    let known = || list(cookbooks.keys());
    cookbooks.get(name).ok_or_else(|| format!("the stack has no cookbook `{name}`; it has {}", known()))
}

fn list<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn describe(error: &WitError) -> String {
    let mut text = String::new();
    for part in [&error.resource, &error.property] {
        if !part.is_empty() {
            text.push_str(part);
            text.push_str(": ");
        }
    }
    text + &error.message
}

fn explain(error: &wasmtime::Error, limits: &EvaluationLimits) -> String {
    if let Some(refused) = error.downcast_ref::<Refused>() {
        return refused.0.clone();
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => {
            format!("it used up its fuel of {} instructions; does it loop?", limits.fuel)
        }
        Some(Trap::Interrupt) => {
            format!("it did not end within {} s; does it loop?", limits.deadline.as_secs_f32())
        }
        Some(Trap::StackOverflow) => "it used up its stack; does it call itself without end?".to_owned(),
        Some(trap) => format!("it trapped: {trap}"),
        None => format!("{:#}", error.root_cause()),
    }
}
