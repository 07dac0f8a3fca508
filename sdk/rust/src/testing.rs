//! Tests of recipes without a node: facts, attributes and a stack in, the collection out.
//!
//! The harness declares into the same collector as the engine, with the same validation, the same
//! templates and the same grants, so what it accepts the engine accepts.
//!
//! ```
//! # use engine_sdk::prelude::*;
//! # engine_sdk::cookbook! { recipes: [default] }
//! # #[recipe]
//! # fn default(ctx: &mut Context) -> Result<()> {
//! #     ctx.file("/etc/motd").content("Welcome.\n").mode("0644").declare()?;
//! #     Ok(())
//! # }
//! # fn main() {
//! # let directory = std::env::temp_dir().join(format!("engine-sdk-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&directory).unwrap();
//! # let metadata = "name = \"motd\"\nversion = \"0.1.0\"\n[recipes.default]\n[capabilities]\nfiles = [\"/etc/motd\"]\n";
//! # std::fs::write(directory.join("cookbook.toml"), metadata).unwrap();
//! use engine_sdk::testing::Harness;
//!
//! // In a cookbook: Harness::new(env!("CARGO_MANIFEST_DIR"), RECIPES)
//! let evaluation = Harness::new(&directory, RECIPES).run("default").unwrap();
//! assert_eq!(
//!     evaluation.to_string(),
//!     "file[/etc/motd] create\n  mode: 0644\n  content:\n    | Welcome.\n"
//! );
//! # std::fs::remove_dir_all(&directory).unwrap();
//! # }
//! ```

use std::{fmt, fs, path::Path};

use engine_contract::{Bundle, Collector, Node};
pub use engine_contract::{
    Metadata, StackView,
    fixtures::{app, debian, instance},
    node::{AppView, InstanceView},
    render::render,
};
pub use engine_protocol::{Collection, Facts, Grants, Resource, facts};
use serde_json::Value;

use crate::{
    CustomResource, Error, Recipe,
    host::{Session, State},
};

/// How important a log message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Of use when looking for a mistake.
    Debug,
    /// To be known.
    Info,
    /// To be looked at.
    Warn,
}

/// A cookbook and the node that its recipes are evaluated for.
///
/// Without further words that is a Debian 12 machine named `node-1`, alone in a stack named `test`,
/// and the operator granted all that the cookbook asks for.
#[derive(Debug, Clone)]
pub struct Harness {
    metadata: Metadata,
    bundle: Bundle,
    recipes: &'static [Recipe],
    resources: &'static [CustomResource],
    node: Node,
    grants: Grants,
}

/// What a recipe declared and said.
///
/// Its `Display` is the [rendered](render) collection, with what it said and what it included.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// The resources in order, those of all checkpoints.
    pub collection: Collection,
    /// Messages in order.
    pub log: Vec<(Level, String)>,
    /// Recipes and custom resources of other cookbooks that were included. The harness knows one cookbook only: it
    /// notes them and goes on.
    pub included: Vec<String>,
    /// How many resources there were at each checkpoint.
    pub checkpoints: Vec<usize>,
}

/// Why an evaluation gave no collection: all problems, not the first alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// At least one.
    pub errors: Vec<Error>,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            write!(formatter, "{line_break}{}: {error}", error.code)?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

impl Harness {
    /// Reads `cookbook.toml`, `templates` and `files` of a cookbook's directory.
    ///
    /// # Panics
    ///
    /// If they cannot be read; the message says why.
    pub fn new(directory: impl AsRef<Path>, recipes: &'static [Recipe]) -> Self {
        let directory = directory.as_ref();
        let path = directory.join("cookbook.toml");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let metadata: Metadata =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        metadata.validate().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut bundle = Bundle::default();
        for part in ["templates", "files"] {
            read_directory(&directory.join(part), part, &mut bundle);
        }
        let grants = metadata.capabilities.clone();
        let node = engine_contract::fixtures::node();
        Harness { metadata, bundle, recipes, resources: &[], node, grants }
    }

    /// What the cookbook says of itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The node's facts; [`debian`] is something to start from, and [`facts`] has what they consist of.
    ///
    /// ```
    /// use engine_sdk::testing::{Facts, debian, facts::Disk};
    ///
    /// let data = Disk { name: "vdb".into(), size_bytes: 100 << 30, ..Disk::default() };
    /// let mut facts = debian();
    /// facts.disks.push(data);
    /// ```
    pub fn facts(mut self, facts: Facts) -> Self {
        self.node.facts = facts;
        self
    }

    /// The cookbook's custom resources, if it has any.
    pub fn resources(mut self, resources: &'static [CustomResource]) -> Self {
        self.resources = resources;
        self
    }

    /// The attributes of stack, layers and run; the cookbook's defaults come below them.
    pub fn attributes(mut self, attributes: Value) -> Self {
        self.node.attributes = attributes;
        self
    }

    /// The stack around the node.
    pub fn stack(mut self, stack: StackView) -> Self {
        self.node.stack = stack;
        self
    }

    /// What the operator granted, instead of all that the cookbook asks for.
    pub fn grants(mut self, grants: Grants) -> Self {
        self.grants = grants;
        self
    }

    /// Evaluates a recipe.
    pub fn run(&self, recipe: &str) -> Result<Evaluation, Failure> {
        self.evaluate(|session| session.run(recipe))
    }

    /// Evaluates a custom resource with properties, as a recipe of another cookbook would have it.
    pub fn declare(&self, resource: &str, properties: &Value) -> Result<Evaluation, Failure> {
        self.evaluate(|session| session.declare_custom(resource, &properties.to_string()).map(drop))
    }

    fn evaluate(&self, run: impl FnOnce(&Session) -> crate::Result<()>) -> Result<Evaluation, Failure> {
        let mut node = self.node.clone();
        let mut attributes = self.metadata.default_attributes();
        merge(&mut attributes, &node.attributes);
        if let Err(error) = self.metadata.check_attributes(&attributes) {
            return Err(Failure { errors: vec![Error::new("invalid-attribute", error.to_string())] });
        }
        node.attributes = attributes;
        let session = Session::new(State {
            metadata: self.metadata.clone(),
            bundle: self.bundle.clone(),
            grants: self.grants.clone(),
            node,
            recipes: self.recipes,
            resources: self.resources,
            collector: Collector::default(),
            recipe: String::new(),
            ran: Vec::new(),
            foreign: Vec::new(),
            log: Vec::new(),
            collection: Collection::default(),
            checkpoints: Vec::new(),
            failed: Vec::new(),
        });
        let result = run(&session);
        let failed = std::mem::take(&mut session.state().failed);
        if !failed.is_empty() {
            return Err(Failure { errors: failed });
        }
        result.map_err(|error| Failure { errors: vec![error] })?;
        session.take_batch().map_err(|errors| Failure { errors })?;
        let state = &mut *session.state();
        Ok(Evaluation {
            collection: std::mem::take(&mut state.collection),
            log: std::mem::take(&mut state.log),
            included: std::mem::take(&mut state.foreign),
            checkpoints: std::mem::take(&mut state.checkpoints),
        })
    }

    /// Checks that `cookbook.toml` names the recipes that the cookbook has, and no others.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub fn check_metadata(&self) {
        let mut exported: Vec<&str> = self.recipes.iter().map(|recipe| recipe.name).collect();
        exported.sort_unstable();
        let described: Vec<&str> = self.metadata.recipes.keys().map(String::as_str).collect();
        assert_eq!(exported, described, "recipes of the cookbook (left) and of cookbook.toml (right)");
        let mut exported: Vec<&str> = self.resources.iter().map(|resource| resource.name).collect();
        exported.sort_unstable();
        let described: Vec<&str> = self.metadata.resources.keys().map(String::as_str).collect();
        assert_eq!(exported, described, "resources of the cookbook (left) and of cookbook.toml (right)");
    }
}

fn merge(below: &mut Value, above: &Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                merge(below.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (below, above) => below.clone_from(above),
    }
}

fn read_directory(directory: &Path, below: &str, bundle: &mut Bundle) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.map(|entry| entry.expect("the directory can be read")) {
        let path = entry.path();
        let name = format!("{below}/{}", entry.file_name().to_string_lossy());
        if path.is_dir() {
            read_directory(&path, &name, bundle);
        } else {
            let content = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            bundle.insert(&name, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for recipe in &self.included {
            writeln!(formatter, "includes {recipe}")?;
        }
        for (level, message) in &self.log {
            writeln!(formatter, "{level:?}: {message}")?;
        }
        formatter.write_str(&render(&self.collection))
    }
}
