//! Everything that an evaluation may look at, and nothing else: the same [`Node`] and the same
//! cookbook always give the same collection.

use std::{cell::OnceCell, collections::BTreeMap, rc::Rc};

use engine_protocol::{Facts, resource::Origin};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    collector::{Library, Sources},
    diagnose::did_you_mean,
    error::{Code, ContractError},
    package::Bundle,
    template::{self, Renderer},
};

/// An instance as its recipes see it, with the stack around it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Node {
    /// What its agent found.
    pub facts: Facts,
    /// Attributes of stack, layers and run, merged; a cookbook's defaults come below them.
    pub attributes: Value,
    /// The stack.
    pub stack: StackView,
}

/// The stack at one event, consistent: every node of a run sees the same.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StackView {
    /// Its name.
    pub name: String,
    /// The event's name.
    pub event: String,
    /// The instance that is being evaluated.
    pub this_instance: InstanceView,
    /// Names of all layers, in stack-file order.
    pub layers: Vec<String>,
    /// Online instances, in stack-file order.
    pub instances: Vec<InstanceView>,
    /// Those of this instance's layers.
    pub apps: Vec<AppView>,
}

/// An instance, as recipes see it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InstanceView {
    /// Name.
    pub name: String,
    /// Host name.
    pub hostname: String,
    /// Address that others reach it at.
    pub address: String,
    /// Names of its layers.
    pub layers: Vec<String>,
}

/// An app, as recipes see it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AppView {
    /// Name.
    pub name: String,
    /// Names of the layers that serve it.
    pub layers: Vec<String>,
    /// Its attributes.
    pub attributes: Value,
}

impl StackView {
    /// The online instances of a layer, by their positions in [`StackView::instances`].
    pub fn instances_of(&self, layer: &str) -> impl Iterator<Item = usize> {
        self.instances
            .iter()
            .enumerate()
            .filter(move |(_, instance)| instance.layers.iter().any(|name| name == layer))
            .map(|(index, _)| index)
    }
}

/// Addresses of all interfaces but loopback.
pub fn addresses(facts: &Facts) -> Vec<String> {
    facts
        .interfaces
        .iter()
        .filter(|interface| interface.name != "lo")
        .flat_map(|interface| interface.addresses.iter().map(|own| own.address.clone()))
        .collect()
}

/// Templates and files of the cookbooks of one evaluation.
#[derive(Debug)]
pub struct Bundles<'a> {
    facts: &'a Facts,
    /// The facts in the form that templates want, made when the first one is rendered.
    node: Rc<OnceCell<template::Global>>,
    cookbooks: BTreeMap<String, BundleSources<'a>>,
}

#[derive(Debug)]
struct BundleSources<'a> {
    bundle: &'a Bundle,
    attributes: &'a Value,
    facts: &'a Facts,
    node: Rc<OnceCell<template::Global>>,
    renderer: Option<Renderer>,
}

impl<'a> Bundles<'a> {
    /// No cookbook yet; templates will see these facts.
    pub fn new(facts: &'a Facts) -> Self {
        Bundles { facts, node: Rc::default(), cookbooks: BTreeMap::new() }
    }

    /// Adds a cookbook, with the attributes as it sees them.
    pub fn insert(&mut self, cookbook: &str, bundle: &'a Bundle, attributes: &'a Value) {
        let (facts, node) = (self.facts, Rc::clone(&self.node));
        let sources = BundleSources { bundle, attributes, facts, node, renderer: None };
        self.cookbooks.insert(cookbook.to_owned(), sources);
    }
}

impl Library for Bundles<'_> {
    fn lend(&mut self, origin: &Origin, lower: &mut dyn FnMut(&mut dyn Sources)) {
        if let Some(sources) = self.cookbooks.get_mut(&origin.cookbook) {
            lower(sources);
        }
    }
}

impl BundleSources<'_> {
    fn read(&self, directory: &str, source: &str) -> Result<&[u8], ContractError> {
        self.bundle.get(&format!("{directory}/{source}")).ok_or_else(|| {
            let known =
                self.bundle.paths().filter_map(|path| path.strip_prefix(directory)?.strip_prefix('/'));
            ContractError::new(
                Code::NotFound,
                format!(
                    "the cookbook has no `{directory}/{}`{}",
                    source.escape_debug(),
                    did_you_mean(source, known)
                ),
            )
            .on("source")
        })
    }
}

impl Sources for BundleSources<'_> {
    fn render(&mut self, source: &str, variables: &Value) -> Result<String, ContractError> {
        let text = std::str::from_utf8(self.read("templates", source)?)
            .map_err(|_| ContractError::new(Code::Template, format!("`templates/{source}` is not UTF-8")))?
            .to_owned();
        let renderer = self.renderer.get_or_insert_with(|| {
            let node = self.node.get_or_init(|| template::global(self.facts));
            Renderer::new(node.clone(), template::global(self.attributes))
        });
        renderer
            .render(source, &text, variables)
            .map_err(|error| ContractError::new(Code::Template, error.to_string()).on("source"))
    }

    fn file(&mut self, source: &str) -> Result<Vec<u8>, ContractError> {
        Ok(self.read("files", source)?.to_vec())
    }

    fn files_below(&mut self, directory: &str) -> Result<Vec<(String, Vec<u8>)>, ContractError> {
        let prefix = format!("files/{directory}/");
        let files: Vec<(String, Vec<u8>)> = self
            .bundle
            .paths()
            .filter_map(|path| {
                Some((path.strip_prefix(&prefix)?.to_owned(), self.bundle.get(path)?.to_vec()))
            })
            .collect();
        if files.is_empty() {
            let message = format!("the cookbook has no file below `files/{}`", directory.escape_debug());
            return Err(ContractError::new(Code::NotFound, message).on("source"));
        }
        Ok(files)
    }
}
