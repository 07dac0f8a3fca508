//! Evaluates a run list: recipe after recipe, each in a store of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
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
use wasmtime::Engine;

use crate::{
    built_in,
    cache::Cache,
    compile::{self, Ticker},
    include::{self, Refused},
    library::{Cookbook, LoadError, load_all},
    limits::EvaluationLimits,
    turn::{Turn, Turns},
    visible::visible,
};

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
            match include::run(&evaluation, recipe) {
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
    pub(crate) engine: Engine,
    pub(crate) limits: EvaluationLimits,
    pub(crate) cookbooks: Arc<BTreeMap<String, Cookbook>>,
    attributes: BTreeMap<String, Value>,
    guards: Vec<Guard>,
    observer: Box<dyn EvaluationObserver>,
    pub(crate) ran: BTreeSet<RecipeName>,
    /// Cookbooks that may have declared something.
    pub(crate) used: BTreeSet<String>,
    pub(crate) depth: usize,
    log_messages: usize,
    pub(crate) deadline: Instant,
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
            used: BTreeSet::new(),
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
        let used = self.used.clone();
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
