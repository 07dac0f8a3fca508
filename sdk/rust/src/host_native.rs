//! The host of native tests: the engine's own collector.

use std::{
    cell::{RefCell, RefMut},
    collections::BTreeMap,
    rc::Rc,
};

use engine_contract::{
    Bundle, Bundles, Collector, ContractError, GuardDefinition, Metadata, Node, TypeDefinition, Value,
    collector::ResourceOrName, node::InstanceView,
};
use engine_protocol::{
    Collection, Facts, Grants, ResourceId,
    resource::{Common, Guard, Origin, Timing as ProtocolTiming},
};

pub(crate) use crate::testing::Level;
use crate::{App, Context, CustomResource, Error, Instance, Layer, Recipe, Result, Timing};

pub(crate) type GuardHandle = Guard;

impl From<ContractError> for Error {
    fn from(error: ContractError) -> Self {
        Error {
            code: error.code.name().to_owned(),
            resource: error.resource,
            property: error.property,
            message: error.message,
        }
    }
}

fn timing(timing: Timing) -> ProtocolTiming {
    match timing {
        Timing::Before => ProtocolTiming::Before,
        Timing::Immediately => ProtocolTiming::Immediately,
        Timing::Delayed => ProtocolTiming::Delayed,
    }
}

/// One evaluation.
#[derive(Debug)]
pub(crate) struct State {
    pub metadata: Metadata,
    pub bundle: Bundle,
    pub grants: Grants,
    pub node: Node,
    pub recipes: &'static [Recipe],
    pub resources: &'static [CustomResource],
    pub collector: Collector,
    pub recipe: String,
    pub ran: Vec<String>,
    pub foreign: Vec<String>,
    pub log: Vec<(Level, String)>,
    pub collection: Collection,
    pub checkpoints: Vec<usize>,
    /// What a checkpoint found; it ends the evaluation even if the recipe goes on.
    pub failed: Vec<Error>,
}

#[derive(Debug, Clone)]
pub(crate) struct Session(Rc<RefCell<State>>);

impl Session {
    pub(crate) fn new(state: State) -> Self {
        Session(Rc::new(RefCell::new(state)))
    }

    pub(crate) fn state(&self) -> RefMut<'_, State> {
        self.0.borrow_mut()
    }

    /// Runs a recipe of the cookbook once.
    pub(crate) fn run(&self, name: &str) -> Result<()> {
        let recipes = self.state().recipes;
        let Some(recipe) = recipes.iter().find(|recipe| recipe.name == name) else {
            let known: Vec<&str> = recipes.iter().map(|recipe| recipe.name).collect();
            return Err(Error::new(
                "not-found",
                format!("the cookbook has no recipe `{name}`; it has {}", known.join(", ")),
            ));
        };
        if self.state().ran.iter().any(|ran| ran == name) {
            return Ok(());
        }
        self.state().ran.push(name.to_owned());
        let outer = std::mem::replace(&mut self.state().recipe, name.to_owned());
        let result = (recipe.run)(&mut Context::new(self.clone()));
        self.state().recipe = outer;
        result
    }

    /// Validates what was declared since the batch before.
    pub(crate) fn take_batch(&self) -> Result<(), Vec<Error>> {
        let state = &mut *self.state();
        let name = state.metadata.name.clone();
        let mut bundles = Bundles::new(&state.node.facts);
        bundles.insert(&name, &state.bundle, &state.node.attributes);
        let grants = BTreeMap::from([(name, state.grants.clone())]);
        match state.collector.take_batch(&mut bundles, &grants) {
            Ok(batch) => {
                state.collection.resources.extend(batch.resources);
                state.collection.grants = batch.grants;
                Ok(())
            }
            Err(errors) => Err(errors.into_iter().map(Into::into).collect()),
        }
    }

    pub(crate) fn declare(&self, kind: &'static str, identity: Option<Value>) -> Result<Handle> {
        let state = &mut *self.state();
        let definition = TypeDefinition::find(kind)
            .ok_or_else(|| Error::new("not-found", format!("there is no resource type `{kind}`")))?;
        let origin = Origin { cookbook: state.metadata.name.clone(), recipe: state.recipe.clone() };
        let id = state.collector.declare(&origin, definition, identity)?;
        Ok(Handle { session: self.clone(), id })
    }

    pub(crate) fn with_facts<T>(&self, get: impl FnOnce(&Facts) -> T) -> T {
        get(&self.state().node.facts)
    }

    pub(crate) fn attribute(&self, path: &str) -> Option<String> {
        let state = self.state();
        let all = &state.node.attributes;
        let found = if path.is_empty() {
            Some(all)
        } else {
            path.split('.').try_fold(all, |value, key| value.get(key))
        };
        found.map(ToString::to_string)
    }

    #[allow(clippy::unused_self)]
    fn guard(&self, name: &str, value: Value) -> Result<GuardHandle> {
        let definition = GuardDefinition::find(name)
            .ok_or_else(|| Error::new("not-found", format!("there is no guard `{name}`")))?;
        Ok(definition.make(value)?)
    }

    pub(crate) fn succeeds(&self, argv: &[String]) -> Result<GuardHandle> {
        self.guard("succeeds", Value::TextList(argv.to_vec()))
    }

    pub(crate) fn installed(&self, text: &str) -> Result<GuardHandle> {
        self.guard("installed", Value::Text(text.to_owned()))
    }

    pub(crate) fn exists(&self, text: &str) -> Result<GuardHandle> {
        self.guard("exists", Value::Text(text.to_owned()))
    }

    pub(crate) fn running(&self, text: &str) -> Result<GuardHandle> {
        self.guard("running", Value::Text(text.to_owned()))
    }

    pub(crate) fn enabled(&self, text: &str) -> Result<GuardHandle> {
        self.guard("enabled", Value::Text(text.to_owned()))
    }

    pub(crate) fn user_exists(&self, text: &str) -> Result<GuardHandle> {
        self.guard("user_exists", Value::Text(text.to_owned()))
    }

    pub(crate) fn group_exists(&self, text: &str) -> Result<GuardHandle> {
        self.guard("group_exists", Value::Text(text.to_owned()))
    }

    pub(crate) fn port_open(&self, text: &str) -> Result<GuardHandle> {
        self.guard("port_open", Value::Text(text.to_owned()))
    }

    pub(crate) fn url_answers(&self, text: &str) -> Result<GuardHandle> {
        self.guard("url_answers", Value::Text(text.to_owned()))
    }

    pub(crate) fn secret(&self, name: &str) -> Result<String> {
        let state = self.state();
        Ok(engine_contract::secrets::placeholder(name, &state.metadata.name, &state.grants)?)
    }

    pub(crate) fn log(&self, level: Level, message: &str) {
        self.state().log.push((level, message.to_owned()));
    }

    pub(crate) fn include_recipe(&self, name: &str) -> Result<()> {
        let (cookbook, recipe) = name.split_once("::").unwrap_or((name, "default"));
        if cookbook == self.state().metadata.name {
            return self.run(recipe);
        }
        self.state().foreign.push(format!("{cookbook}::{recipe}"));
        Ok(())
    }

    /// Declares a resource of the cookbook; one of another is noted, and answers nothing.
    pub(crate) fn custom_resource(&self, name: &str, properties: &str) -> Result<String> {
        let own = self.state().metadata.name.clone();
        match name.split_once("::") {
            Some((cookbook, resource)) if cookbook == own => self.declare_custom(resource, properties),
            Some(_) => {
                self.state().foreign.push(format!("{name} {properties}"));
                Ok("null".to_owned())
            }
            None => {
                let message = "a custom resource is named with its cookbook, as in `nginx::site`";
                Err(Error::new("invalid-value", message))
            }
        }
    }

    pub(crate) fn declare_custom(&self, name: &str, properties: &str) -> Result<String> {
        let unknown = || Error::new("not-found", format!("the cookbook has no resource `{name}`"));
        let resource = self.state().resources.iter().find(|resource| resource.name == name).copied();
        let described = self.state().metadata.resources.get(name).cloned();
        let (resource, described) = resource.zip(described).ok_or_else(unknown)?;
        let given = serde_json::from_str(properties)
            .map_err(|error| Error::new("invalid-value", format!("the properties: {error}")))?;
        let properties = described.complete(&given)?;
        let outer = std::mem::replace(&mut self.state().recipe, name.to_owned());
        let answer = (resource.declare)(&mut Context::new(self.clone()), properties);
        self.state().recipe = outer;
        Ok(answer?.to_string())
    }

    pub(crate) fn checkpoint(&self) -> Result<()> {
        match self.take_batch() {
            Ok(()) => {
                let mut state = self.state();
                let length = state.collection.resources.len();
                state.checkpoints.push(length);
                Ok(())
            }
            Err(errors) => {
                let first = errors.first().cloned();
                self.state().failed.extend(errors);
                Err(first.unwrap_or_else(|| Error::new("stopped", "the checkpoint was not reached")))
            }
        }
    }

    pub(crate) fn stack_name(&self) -> String {
        self.state().node.stack.name.clone()
    }

    pub(crate) fn stack_event(&self) -> String {
        self.state().node.stack.event.clone()
    }

    pub(crate) fn this_instance(&self) -> Instance {
        instance(&self.state().node.stack.this_instance)
    }

    pub(crate) fn layers(&self) -> Vec<Layer> {
        let names = self.state().node.stack.layers.clone();
        names.iter().filter_map(|name| self.layer(name)).collect()
    }

    pub(crate) fn layer(&self, name: &str) -> Option<Layer> {
        let stack = &self.state().node.stack;
        stack.layers.iter().find(|layer| *layer == name)?;
        let instances = stack.instances_of(name).map(|index| instance(&stack.instances[index])).collect();
        Some(Layer { name: name.to_owned(), instances })
    }

    pub(crate) fn instances(&self) -> Vec<Instance> {
        self.state().node.stack.instances.iter().map(instance).collect()
    }

    pub(crate) fn apps(&self) -> Vec<App> {
        let app = |view: &engine_contract::node::AppView| App {
            name: view.name.clone(),
            layers: view.layers.clone(),
            attributes: view.attributes.clone(),
        };
        self.state().node.stack.apps.iter().map(app).collect()
    }
}

fn instance(view: &InstanceView) -> Instance {
    Instance {
        name: view.name.clone(),
        hostname: view.hostname.clone(),
        address: view.address.clone(),
        layers: view.layers.clone(),
    }
}

/// A declared resource.
#[derive(Debug)]
pub(crate) struct Handle {
    session: Session,
    id: ResourceId,
}

impl Handle {
    pub(crate) fn set(&self, property: &'static str, value: Value) -> Result<()> {
        Ok(self.session.state().collector.set(self.id, property, value)?)
    }

    pub(crate) fn action(&self, names: &[String]) -> Result<()> {
        Ok(self.session.state().collector.actions(self.id, names)?)
    }

    fn notify(&self, from: ResourceOrName, action: &str, to: ResourceOrName, when: Timing) -> Result<()> {
        Ok(self.session.state().collector.notify(from, action, to, timing(when), self.id)?)
    }

    pub(crate) fn notifies(&self, action: &str, target: &Handle, when: Timing) -> Result<()> {
        self.notify(ResourceOrName::Id(self.id), action, ResourceOrName::Id(target.id), when)
    }

    pub(crate) fn notifies_named(&self, action: &str, target: &str, when: Timing) -> Result<()> {
        self.notify(ResourceOrName::Id(self.id), action, ResourceOrName::Name(target), when)
    }

    pub(crate) fn subscribes(&self, action: &str, source: &Handle, when: Timing) -> Result<()> {
        self.notify(ResourceOrName::Id(source.id), action, ResourceOrName::Id(self.id), when)
    }

    pub(crate) fn subscribes_named(&self, action: &str, source: &str, when: Timing) -> Result<()> {
        self.notify(ResourceOrName::Name(source), action, ResourceOrName::Id(self.id), when)
    }

    pub(crate) fn only_if(&self, guard: &GuardHandle) -> Result<()> {
        Ok(self.session.state().collector.only_if(self.id, guard.clone())?)
    }

    pub(crate) fn not_if(&self, guard: &GuardHandle) -> Result<()> {
        Ok(self.session.state().collector.not_if(self.id, guard.clone())?)
    }

    fn common(&self, change: impl FnOnce(&mut Common)) -> Result<()> {
        Ok(self.session.state().collector.common(self.id, change)?)
    }

    pub(crate) fn retries(&self, times: u32) -> Result<()> {
        self.common(|common| common.retries = times)
    }

    pub(crate) fn retry_delay(&self, seconds: u32) -> Result<()> {
        self.common(|common| common.retry_delay_seconds = seconds)
    }

    pub(crate) fn sensitive(&self, sensitive: bool) -> Result<()> {
        self.common(|common| common.sensitive = sensitive)
    }

    pub(crate) fn ignore_failure(&self, ignore: bool) -> Result<()> {
        self.common(|common| common.ignore_failure = ignore)
    }

    pub(crate) fn timeout(&self, seconds: u32) -> Result<()> {
        self.common(|common| common.timeout_seconds = Some(seconds))
    }

    pub(crate) fn confirm(&self, confirm: bool) -> Result<()> {
        Ok(self.session.state().collector.confirm(self.id, confirm)?)
    }

    pub(crate) fn umask(&self, mask: &str) -> Result<()> {
        Ok(self.session.state().collector.umask(self.id, mask)?)
    }
}
