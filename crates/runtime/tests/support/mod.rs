//! Cookbooks written as WebAssembly text, packed and loaded as an operator's would be.
//!
//! A recipe's body is WAT that leaves the address of its result on the stack: 0 is success, [`RET`]
//! is what the last call returned. Functions of the contract are imported if a body names them.
#![allow(dead_code, reason = "each test file uses a part of this")]

pub mod component;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use engine_contract::{
    Metadata, Node,
    metadata::{AttributeMetadata, RecipeMetadata},
    package::Bundle,
};
use engine_model::{CookbookReference, CookbookSource, RecipeName};
use engine_protocol::{Collection, Facts, Grants, facts::Disk};
use engine_runtime::{Cache, EvaluationLimits, LoadError, Runtime};
use engine_scheduler::ports::{Checkpoint, EvaluateFailure, EvaluateRequest, EvaluationObserver, LogLevel};
use serde_json::{Value, json};

/// Where calls leave what they return.
pub const RET: &str = "(i32.const 64)";

/// A cookbook in the making.
pub struct Guest {
    pub name: String,
    pub recipes: Vec<(String, String)>,
    pub strings: Vec<String>,
    pub raw: String,
    bundle: Bundle,
    attributes: Value,
    /// A custom resource: its name, its properties as in the metadata, what declares it.
    pub resource: Option<(String, Value, String)>,
    pub version: &'static str,
}

impl Guest {
    pub fn new(name: &str) -> Self {
        Guest {
            name: name.to_owned(),
            recipes: Vec::new(),
            strings: Vec::new(),
            raw: String::new(),
            bundle: Bundle::default(),
            attributes: json!({}),
            resource: None,
            version: engine_contract::WIT_VERSION,
        }
    }

    /// A text of the guest's memory, as the two operands that a call takes.
    pub fn s(&mut self, text: &str) -> String {
        let start = component::STRINGS + self.strings.iter().map(String::len).sum::<usize>();
        self.strings.push(text.to_owned());
        format!("(i32.const {start}) (i32.const {})", text.len())
    }

    /// Declares a resource by its one text; its handle goes to `$h`.
    pub fn declare(&mut self, kind: &str, name: &str) -> String {
        let name = self.s(name);
        attempt(&format!("{kind}.declare"), &name) + "(local.set $h (i32.load (i32.const 68)))"
    }

    /// Sets a text property of the resource in `$h`.
    pub fn set(&mut self, property: &str, text: &str) -> String {
        let text = self.s(text);
        attempt(property, &format!("(local.get $h) {text}"))
    }

    /// Declares a file with content.
    pub fn file(&mut self, path: &str, content: &str) -> String {
        self.declare("file", path) + &self.set("file.content", content)
    }

    /// Logs a text.
    pub fn log(&mut self, text: &str) -> String {
        let text = self.s(text);
        format!("(call $log (i32.const 1) {text})")
    }

    /// Logs what a function returned as a text at an address.
    pub fn log_at(address: usize) -> String {
        format!(
            "(call $log (i32.const 1) (i32.load (i32.const {address})) (i32.load (i32.const {})))",
            address + 4
        )
    }

    pub fn include(&mut self, recipe: &str) -> String {
        let recipe = self.s(recipe);
        attempt("include-recipe", &recipe)
    }

    pub fn recipe(mut self, name: &str, body: impl FnOnce(&mut Self) -> String) -> Self {
        let body = body(&mut self);
        self.recipes.push((name.to_owned(), body));
        self
    }

    /// A custom resource. Its body leaves the address of its answer on the stack.
    pub fn resource(mut self, name: &str, properties: Value, body: impl FnOnce(&mut Self) -> String) -> Self {
        let body = body(&mut self);
        self.resource = Some((name.to_owned(), properties, body));
        self
    }

    /// The answer of a custom resource.
    pub fn answer(&mut self, text: &str) -> String {
        let text = self.s(text);
        format!("(i32.store {RET} (i32.const 0)) (call $answer {text}) {RET}")
    }

    /// Has a cookbook declare a custom resource.
    pub fn custom(&mut self, name: &str, properties: &str) -> String {
        let (name, properties) = (self.s(name), self.s(properties));
        attempt("custom-resource", &format!("{name} {properties}"))
    }

    /// Speaks another version of the contract.
    pub fn version(mut self, version: &'static str) -> Self {
        self.version = version;
        self
    }

    /// A recipe `default` whose body needs no texts.
    pub fn body(self, body: &str) -> Self {
        self.recipe("default", |_| body.to_owned())
    }

    /// Further definitions in the core module.
    pub fn raw(mut self, definitions: &str) -> Self {
        self.raw.push_str(definitions);
        self
    }

    pub fn bundled(mut self, path: &str, content: &str) -> Self {
        self.bundle.insert(path, content.into()).unwrap();
        self
    }

    pub fn attributes(mut self, attributes: Value) -> Self {
        self.attributes = attributes;
        self
    }

    pub fn metadata(&self) -> Metadata {
        Metadata {
            name: self.name.clone(),
            version: "1.0.0".parse().unwrap(),
            description: String::new(),
            license: String::new(),
            wit: Some(self.version.parse().unwrap()),
            recipes: self.recipes.iter().map(|(name, _)| (name.clone(), RecipeMetadata::default())).collect(),
            attributes: serde_json::from_value::<std::collections::BTreeMap<String, AttributeMetadata>>(
                self.attributes.clone(),
            )
            .unwrap(),
            capabilities: Grants::default(),
            resources: self
                .resource
                .iter()
                .map(|(name, properties, _)| {
                    let described = json!({"properties": properties});
                    (name.clone(), serde_json::from_value(described).unwrap())
                })
                .collect(),
        }
    }

    /// The component without our sections.
    pub fn component(&self) -> Vec<u8> {
        let text = component::text(self);
        wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    pub fn packed(&self) -> Vec<u8> {
        self.pack(&self.component())
    }

    /// The same cookbook under another name.
    pub fn pack_as(mut self, name: &str) -> Vec<u8> {
        name.clone_into(&mut self.name);
        self.packed()
    }

    /// Any component, packed with this cookbook's metadata and bundle.
    pub fn pack(&self, component: &[u8]) -> Vec<u8> {
        engine_contract::package::pack(component, &self.metadata(), &self.bundle).unwrap()
    }
}

/// A call that ends the recipe with the error it returns.
pub fn attempt(function: &str, arguments: &str) -> String {
    format!("(call ${function} {arguments} {RET}) (if (i32.load8_u {RET}) (then (return {RET})))\n")
}

pub fn files(patterns: &[&str]) -> Grants {
    Grants { files: patterns.iter().map(|&pattern| pattern.to_owned()).collect(), ..Grants::default() }
}

pub fn everything() -> Grants {
    Grants::everything()
}

/// Cookbooks in files, loaded.
pub struct Kitchen {
    pub directory: tempfile::TempDir,
    pub runtime: Runtime,
    pub references: Vec<CookbookReference>,
}

/// Limits with which a test that runs into them is soon over.
pub fn limits() -> EvaluationLimits {
    EvaluationLimits { memory_bytes: 16 * 1024 * 1024, ..EvaluationLimits::default() }
}

impl Kitchen {
    pub fn new(limits: EvaluationLimits) -> Self {
        let runtime = Runtime::new(limits).unwrap();
        Kitchen { directory: tempfile::tempdir().unwrap(), runtime, references: Vec::new() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(format!("{name}.wasm"))
    }

    pub fn add(&mut self, name: &str, bytes: &[u8], grants: Grants) {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        let source = CookbookSource::Path(path);
        self.references.push(CookbookReference { name: name.parse().unwrap(), source, grants });
    }

    pub fn load(&mut self, cache: Option<&Cache>) -> Result<(), Vec<LoadError>> {
        self.runtime.load(&self.references, cache)
    }

    pub fn evaluate(&self, run_list: &[&str]) -> Result<Collection, EvaluateFailure> {
        self.evaluate_with(run_list, &Observed::default())
    }

    pub fn evaluate_with(
        &self,
        run_list: &[&str],
        observed: &Observed,
    ) -> Result<Collection, EvaluateFailure> {
        self.runtime.evaluate_blocking(request(run_list), Box::new(observed.clone()))
    }
}

/// Guests with all grants, loaded.
pub fn kitchen(limits: EvaluationLimits, guests: &[&Guest]) -> Kitchen {
    let mut kitchen = Kitchen::new(limits);
    for guest in guests {
        kitchen.add(&guest.name, &guest.packed(), everything());
    }
    kitchen.load(None).unwrap_or_else(|errors| panic!("{errors:?}"));
    kitchen
}

/// What evaluating one guest's `default` under usual limits ends with.
pub fn evaluate(guest: &Guest) -> Result<Collection, EvaluateFailure> {
    kitchen(limits(), &[guest]).evaluate(&[&format!("{}::default", guest.name)])
}

/// The message of an evaluation that must fail.
pub fn failure(guest: &Guest, limits: EvaluationLimits) -> String {
    let kitchen = kitchen(limits, &[guest]);
    kitchen.evaluate(&[&format!("{}::default", guest.name)]).unwrap_err().message
}

/// What loading the bytes as cookbook `web` ends with; without the path, which differs.
pub fn load_message(bytes: &[u8], grants: Grants) -> String {
    let mut kitchen = Kitchen::new(limits());
    kitchen.add("web", bytes, grants);
    let errors = kitchen.load(None).expect_err("it must not load");
    errors[0].kind.to_string()
}

pub fn request(run_list: &[&str]) -> EvaluateRequest {
    EvaluateRequest {
        built_in: Vec::new(),
        run_list: run_list.iter().map(|name| name.parse().unwrap()).collect(),
        node: Node { facts: facts("node-1"), attributes: json!({"motd": "set"}), ..Node::default() },
    }
}

pub fn facts(hostname: &str) -> Facts {
    let disk = Disk { name: format!("disk of {hostname}"), ..Disk::default() };
    Facts { hostname: hostname.to_owned(), disks: vec![disk], ..Facts::default() }
}

/// Remembers what an evaluation said, and answers checkpoints.
#[derive(Clone, Default)]
pub struct Observed {
    pub logs: Arc<Mutex<Vec<(String, LogLevel, String)>>>,
    pub batches: Arc<Mutex<Vec<Collection>>>,
    pub answer: Answer,
    /// How long a checkpoint takes.
    pub delay: std::time::Duration,
}

#[derive(Clone, Copy, Default)]
pub enum Answer {
    /// The host name is `after` from there on.
    #[default]
    Reached,
    Stopped,
    Unknown,
}

impl Observed {
    pub fn messages(&self) -> Vec<String> {
        self.logs.lock().unwrap().iter().map(|(_, _, message)| message.clone()).collect()
    }
}

impl EvaluationObserver for Observed {
    fn log(&mut self, recipe: &RecipeName, level: LogLevel, message: &str) {
        self.logs.lock().unwrap().push((recipe.to_string(), level, message.to_owned()));
    }

    fn checkpoint(&mut self, batch: Collection) -> Checkpoint {
        self.batches.lock().unwrap().push(batch);
        std::thread::sleep(self.delay);
        match self.answer {
            Answer::Reached => Checkpoint::Reached(Box::new(facts("after"))),
            Answer::Stopped => Checkpoint::Stopped,
            Answer::Unknown => Checkpoint::Unknown,
        }
    }
}
