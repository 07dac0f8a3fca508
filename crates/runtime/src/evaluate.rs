//! Evaluates a run list: recipe after recipe, each in a store of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Instant,
};

use engine_contract::{Bundles, Collector, ContractError, Node, error::Code, metadata::BUILT_IN, secrets};
use engine_model::{CookbookReference, RecipeName};
use engine_protocol::{
    Collection, Facts, Grants,
    resource::{Guard, Origin},
};
use engine_scheduler::ports::{
    Checkpoint, EvaluateFailure, EvaluateRequest, EvaluationObserver, Evaluator, LogLevel, PortFuture,
};
use serde_json::Value;
use wasmtime::{Engine, Store, Trap, UpdateDeadline, component::TypedFunc};

use crate::{
    built_in,
    cache::Cache,
    compile::{self, Ticker},
    host::{State, WitError},
    library::{Cookbook, LoadError, load_all},
    limits::EvaluationLimits,
    sandbox::MemoryLimit,
    turn::{Turn, Turns},
    visible::visible,
};

/// What the host needs of a thread's stack besides the guest's part.
const HOST_STACK: usize = 3 * 1024 * 1024;

/// Evaluates the cookbooks of one stack.
pub struct Runtime {
    engine: Engine,
    limits: EvaluationLimits,
    cookbooks: Arc<BTreeMap<String, Cookbook>>,
    turns: Turns,
    _ticker: Ticker,
}

impl Runtime {
    /// A runtime without cookbooks.
    pub fn new(limits: EvaluationLimits) -> Result<Self, EvaluateFailure> {
        let engine = compile::engine(&limits).map_err(|error| EvaluateFailure {
            recipe: None,
            message: format!("wasmtime cannot be set up: {error:#}"),
            details: Vec::new(),
        })?;
        let ticker = Ticker::start(&engine);
        let turns = Turns::new(compile::EVALUATIONS);
        Ok(Runtime { engine, limits, cookbooks: Arc::new(BTreeMap::new()), turns, _ticker: ticker })
    }

    /// Loads cookbooks, compiling those that are not in the cache.
    pub fn load(
        &mut self,
        references: &[CookbookReference],
        cache: Option<&Cache>,
    ) -> Result<(), Vec<LoadError>> {
        self.cookbooks = Arc::new(load_all(&self.engine, cache, references)?);
        Ok(())
    }

    /// The loaded cookbook of that name.
    pub fn cookbook(&self, name: &str) -> Option<&Cookbook> {
        self.cookbooks.get(name)
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Evaluates on this thread, which may block.
    pub fn evaluate_blocking(
        &self,
        request: EvaluateRequest,
        observer: Box<dyn EvaluationObserver>,
    ) -> Result<Collection, EvaluateFailure> {
        self.evaluate_in(self.turns.wait_blocking(), request, observer)
    }

    fn evaluate_in(
        &self,
        _turn: Turn,
        request: EvaluateRequest,
        observer: Box<dyn EvaluationObserver>,
    ) -> Result<Collection, EvaluateFailure> {
        let evaluation = Arc::new(Mutex::new(Evaluation::new(
            self.engine.clone(),
            self.limits,
            Arc::clone(&self.cookbooks),
            request.node,
            observer,
        )));
        let lock = || evaluation.lock().unwrap_or_else(PoisonError::into_inner);
        secrets::check_facts(&lock().node.facts).map_err(|error| failure(None, &error))?;
        built_in::declare(&mut lock().collector, &request.built_in)
            .map_err(|(recipe, error)| failure(Some(recipe), &error))?;
        for recipe in &request.run_list {
            match run(&evaluation, recipe) {
                Ok(()) => {}
                Err(_) if lock().ended => return Ok(Collection::default()),
                Err(error) => {
                    return Err(EvaluateFailure {
                        recipe: Some(recipe.to_string()),
                        message: visible(&error.to_string()),
                        details: Vec::new(),
                    });
                }
            }
        }
        let batch = lock().take_batch();
        batch.map_err(|errors| failures(&errors))
    }
}

impl Evaluator for Runtime {
    fn evaluate(
        &self,
        request: EvaluateRequest,
        observer: Box<dyn EvaluationObserver>,
    ) -> PortFuture<'_, Result<Collection, EvaluateFailure>> {
        let this = Runtime {
            engine: self.engine.clone(),
            limits: self.limits,
            cookbooks: Arc::clone(&self.cookbooks),
            turns: self.turns.clone(),
            _ticker: Ticker::none(),
        };
        Box::pin(async move {
            let turn = this.turns.clone().wait().await;
            let evaluated = tokio::task::spawn_blocking(move || this.evaluate_in(turn, request, observer));
            evaluated.await.unwrap_or_else(|error| {
                Err(EvaluateFailure {
                    recipe: None,
                    message: format!("the evaluation ended by itself: {error}"),
                    details: Vec::new(),
                })
            })
        })
    }

    fn digests(&self) -> BTreeMap<String, String> {
        let digest = |cookbook: &Cookbook| cookbook.digest.to_hex().to_string();
        self.cookbooks.iter().map(|(name, cookbook)| (name.clone(), digest(cookbook))).collect()
    }
}

fn failure(recipe: Option<String>, error: &ContractError) -> EvaluateFailure {
    EvaluateFailure { recipe, message: visible(&error.to_string()), details: Vec::new() }
}

fn failures(errors: &[ContractError]) -> EvaluateFailure {
    let mut messages = errors.iter().map(|error| visible(&error.to_string()));
    EvaluateFailure {
        recipe: None,
        message: messages.next().unwrap_or_default(),
        details: messages.collect(),
    }
}

/// What all recipes of one event on one node share.
pub(crate) struct Evaluation {
    pub(crate) collector: Collector,
    pub(crate) node: Node,
    /// What the node was before checkpoints changed it: handles may still speak of it.
    earlier_facts: Vec<Facts>,
    engine: Engine,
    limits: EvaluationLimits,
    cookbooks: Arc<BTreeMap<String, Cookbook>>,
    attributes: BTreeMap<String, Value>,
    guards: Vec<Guard>,
    observer: Box<dyn EvaluationObserver>,
    ran: BTreeSet<RecipeName>,
    depth: usize,
    log_messages: usize,
    deadline: Instant,
    /// A checkpoint was not passed: what recipes say from here on does not count.
    ended: bool,
}

impl Evaluation {
    fn new(
        engine: Engine,
        limits: EvaluationLimits,
        cookbooks: Arc<BTreeMap<String, Cookbook>>,
        node: Node,
        observer: Box<dyn EvaluationObserver>,
    ) -> Self {
        Evaluation {
            collector: Collector::new(limits.collector()),
            node,
            earlier_facts: Vec::new(),
            engine,
            limits,
            cookbooks,
            attributes: BTreeMap::new(),
            guards: Vec::new(),
            observer,
            ran: BTreeSet::new(),
            depth: 0,
            log_messages: 0,
            deadline: Instant::now() + limits.deadline,
            ended: false,
        }
    }

    /// The attributes as a cookbook sees them: its defaults below everything else.
    pub(crate) fn attributes(&mut self, cookbook: &str) -> Result<&Value, ContractError> {
        if !self.attributes.contains_key(cookbook) {
            let merged = self.merge_attributes(cookbook)?;
            self.attributes.insert(cookbook.to_owned(), merged);
        }
        Ok(&self.attributes[cookbook])
    }

    fn merge_attributes(&self, cookbook: &str) -> Result<Value, ContractError> {
        let Some(metadata) = self.cookbooks.get(cookbook).map(|cookbook| &cookbook.package.metadata) else {
            return Ok(self.node.attributes.clone());
        };
        let mut merged = match metadata.default_attributes() {
            Value::Object(map) => engine_model::Attributes(map),
            _ => engine_model::Attributes::default(),
        };
        if let Value::Object(map) = &self.node.attributes {
            merged.overlay(&engine_model::Attributes(map.clone()));
        }
        let merged = Value::Object(merged.0);
        metadata.check_attributes(&merged).map_err(|error| {
            ContractError::new(Code::InvalidValue, format!("cookbook `{cookbook}`: {error}"))
        })?;
        Ok(merged)
    }

    pub(crate) fn add_guard(&mut self, guard: Guard) -> Result<u32, ContractError> {
        if self.guards.len() >= self.limits.resources {
            return Err(ContractError::new(
                Code::LimitExceeded,
                format!("recipes may make {} guards at the most", self.limits.resources),
            ));
        }
        self.collector.charge_guard(&guard)?;
        self.guards.push(guard);
        Ok(u32::try_from(self.guards.len() - 1).unwrap_or(u32::MAX))
    }

    pub(crate) fn guard(&self, index: u32) -> Result<Guard, ContractError> {
        self.guards
            .get(index as usize)
            .cloned()
            .ok_or_else(|| ContractError::new(Code::NotFound, "there is no such guard"))
    }

    /// What stands for a secret, if the cookbook may use it.
    pub(crate) fn placeholder(&self, cookbook: &str, name: &str) -> Result<String, ContractError> {
        let nothing = Grants::default();
        let grants = self.cookbooks.get(cookbook).map_or(&nothing, |cookbook| &cookbook.grants);
        secrets::placeholder(name, cookbook, grants)
    }

    /// Which facts are the present ones.
    pub(crate) fn facts_snapshot(&self) -> usize {
        self.earlier_facts.len()
    }

    /// Facts of now or of earlier.
    pub(crate) fn facts_at(&self, snapshot: usize) -> Option<&Facts> {
        let present = (snapshot == self.earlier_facts.len()).then_some(&self.node.facts);
        self.earlier_facts.get(snapshot).or(present)
    }

    pub(crate) fn log(&mut self, origin: &Origin, level: LogLevel, message: &str) -> wasmtime::Result<()> {
        self.log_messages += 1;
        if self.log_messages > self.limits.log_messages {
            wasmtime::bail!("it logs more than {} messages", self.limits.log_messages);
        }
        if let Ok(recipe) = origin.to_string().parse() {
            self.observer.log(&recipe, level, message);
        }
        Ok(())
    }

    fn take_batch(&mut self) -> Result<Collection, Vec<ContractError>> {
        let cookbooks = Arc::clone(&self.cookbooks);
        let used: BTreeSet<String> = self.ran.iter().map(|recipe| recipe.cookbook.to_string()).collect();
        for name in &used {
            self.attributes(name).map_err(|error| vec![error])?;
        }
        let mut bundles = Bundles::new(&self.node.facts);
        let mut grants = BTreeMap::from([(BUILT_IN.to_owned(), Grants::everything())]);
        for (name, cookbook) in cookbooks.iter().filter(|(name, _)| used.contains(*name)) {
            bundles.insert(name, &cookbook.package.bundle, &self.attributes[name]);
            grants.insert(name.clone(), cookbook.grants.clone());
        }
        bundles.insert(BUILT_IN, engine_bundle(), &Value::Null);
        self.collector.take_batch(&mut bundles, &grants)
    }

    /// Applies what was declared so far. An `Err` on the outside ends the evaluation.
    pub(crate) fn checkpoint(&mut self) -> wasmtime::Result<Result<(), ContractError>> {
        let batch = match self.take_batch() {
            Ok(batch) => batch,
            Err(errors) => {
                let messages: Vec<String> = errors.iter().map(ToString::to_string).collect();
                return Err(Refused(messages.join("\n")).into());
            }
        };
        let waiting = Instant::now();
        let reached = self.observer.checkpoint(batch);
        self.deadline += waiting.elapsed();
        match reached {
            Checkpoint::Reached(facts) => {
                if let Err(error) = secrets::check_facts(&facts) {
                    return Err(Refused(error.to_string()).into());
                }
                if *facts != self.node.facts {
                    self.earlier_facts.push(std::mem::replace(&mut self.node.facts, *facts));
                }
                Ok(Ok(()))
            }
            Checkpoint::Stopped | Checkpoint::Unknown => {
                self.ended = true;
                Err(Refused("evaluation ends at this checkpoint".to_owned()).into())
            }
        }
    }
}

fn engine_bundle() -> &'static engine_contract::Bundle {
    static NOTHING: std::sync::OnceLock<engine_contract::Bundle> = std::sync::OnceLock::new();
    NOTHING.get_or_init(engine_contract::Bundle::default)
}

/// A reason of ours to end a recipe, as opposed to a trap of its own.
#[derive(Debug)]
struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// Why a recipe did not end well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecipeError {
    #[error("recipe `{recipe}`: {message}")]
    Unknown { recipe: String, message: String },
    #[error("recipe `{recipe}` failed: {}", describe(.error))]
    Returned { recipe: String, error: WitError },
    #[error("recipe `{recipe}` was ended: {reason}")]
    Ended { recipe: String, reason: String },
}

/// Runs an included recipe; what it returns goes to the recipe that included it.
pub(crate) fn include(
    evaluation: &Arc<Mutex<Evaluation>>,
    name: &str,
) -> wasmtime::Result<Result<(), WitError>> {
    let recipe: RecipeName = match name.parse() {
        Ok(recipe) => recipe,
        Err(error) => return Ok(Err(ContractError::new(Code::InvalidValue, format!("{error}")).into())),
    };
    let lock = || evaluation.lock().unwrap_or_else(PoisonError::into_inner);
    let limit = lock().limits.include_depth;
    if lock().depth >= limit {
        let message = format!("recipes include one another more than {limit} deep");
        return Ok(Err(ContractError::new(Code::LimitExceeded, message).into()));
    }
    lock().depth += 1;
    let result = run_on_new_stack(evaluation, &recipe);
    lock().depth -= 1;
    match result? {
        Ok(()) => Ok(Ok(())),
        Err(RecipeError::Unknown { message, .. }) => {
            Ok(Err(ContractError::new(Code::NotFound, message).into()))
        }
        Err(RecipeError::Returned { error, .. }) => Ok(Err(error)),
        // An included recipe that traps ends the one that included it as well.
        Err(error) => Err(Refused(error.to_string()).into()),
    }
}

/// Every store may use up [`compile::WASM_STACK`] of the thread it runs on. The including recipe has
/// had its share, so an included one gets a thread: else both together could end the process.
fn run_on_new_stack(
    evaluation: &Arc<Mutex<Evaluation>>,
    recipe: &RecipeName,
) -> wasmtime::Result<Result<(), RecipeError>> {
    thread::scope(|scope| {
        let run = thread::Builder::new()
            .name("recipe".to_owned())
            .stack_size(compile::WASM_STACK + HOST_STACK)
            .spawn_scoped(scope, || run(evaluation, recipe))?;
        Ok(run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

fn run(evaluation: &Arc<Mutex<Evaluation>>, recipe: &RecipeName) -> Result<(), RecipeError> {
    let (cookbooks, engine, limits) = {
        let mut evaluation = evaluation.lock().unwrap_or_else(PoisonError::into_inner);
        find(&evaluation.cookbooks, recipe)?;
        if !evaluation.ran.insert(recipe.clone()) {
            return Ok(());
        }
        if evaluation.depth == 0 {
            evaluation.deadline = Instant::now() + evaluation.limits.deadline;
        }
        (Arc::clone(&evaluation.cookbooks), evaluation.engine.clone(), evaluation.limits)
    };
    let cookbook = find(&cookbooks, recipe)?;
    let origin = Origin { cookbook: recipe.cookbook.to_string(), recipe: recipe.recipe.to_string() };
    let memory = MemoryLimit::new(limits.memory_bytes, limits.table_elements);
    let mut store = Store::new(&engine, State::new(Arc::clone(evaluation), origin, memory));
    store.limiter(|state| &mut state.memory);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|context| {
        let passed = Instant::now() > context.data().lock().deadline;
        Ok(if passed { UpdateDeadline::Interrupt } else { UpdateDeadline::Continue(1) })
    });
    let ended = |error: &wasmtime::Error| RecipeError::Ended {
        recipe: recipe.to_string(),
        reason: explain(error, &limits),
    };
    store.set_fuel(limits.fuel).map_err(|error| ended(&error))?;
    let instance = cookbook.instance.instantiate(&mut store).map_err(|error| ended(&error))?;
    let function: TypedFunc<(&str,), (Result<(), WitError>,)> =
        instance.get_typed_func(&mut store, cookbook.run).map_err(|error| ended(&error))?;
    match function.call(&mut store, (recipe.recipe.as_str(),)) {
        Ok((Ok(()),)) => Ok(()),
        Ok((Err(error),)) => Err(RecipeError::Returned { recipe: recipe.to_string(), error }),
        Err(error) => Err(ended(&error)),
    }
}

fn find<'a>(
    cookbooks: &'a BTreeMap<String, Cookbook>,
    recipe: &RecipeName,
) -> Result<&'a Cookbook, RecipeError> {
    let unknown = |message| RecipeError::Unknown { recipe: recipe.to_string(), message };
    let list = |names: &mut dyn Iterator<Item = &String>| {
        names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    let cookbook = cookbooks.get(recipe.cookbook.as_str()).ok_or_else(|| {
        unknown(format!(
            "the stack has no cookbook `{}`; it has {}",
            recipe.cookbook,
            list(&mut cookbooks.keys())
        ))
    })?;
    if !cookbook.package.metadata.recipes.contains_key(recipe.recipe.as_str()) {
        return Err(unknown(format!(
            "cookbook `{}` has no recipe `{}`; it has {}",
            recipe.cookbook,
            recipe.recipe,
            list(&mut cookbook.package.metadata.recipes.keys())
        )));
    }
    Ok(cookbook)
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
