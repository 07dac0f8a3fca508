//! The host of a component: the functions of the WIT package.

#[allow(missing_docs, clippy::all, clippy::pedantic, unsafe_code, unsafe_op_in_unsafe_fn)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/0.2.0",
        world: "cookbook",
        pub_export_macro: true,
        export_macro_name: "export_cookbook",
        default_bindings_module: "engine_sdk::__private::bindings",
        runtime_path: "engine_sdk::__private::rt",
    });
}

/// What a cookbook with custom resources exports besides.
#[allow(missing_docs, clippy::all, clippy::pedantic, unsafe_code, unsafe_op_in_unsafe_fn)]
pub mod resource_bindings {
    wit_bindgen::generate!({
        inline: "package engine:sdk; world provider { export engine:cookbook/custom-resources@0.2.0; }",
        path: "../../wit/0.2.0",
        world: "engine:sdk/provider",
        with: { "engine:cookbook/types@0.2.0": super::bindings::engine::cookbook::types },
        pub_export_macro: true,
        export_macro_name: "export_custom_resources",
        default_bindings_module: "engine_sdk::__private::resource_bindings",
        runtime_path: "engine_sdk::__private::rt",
    });
}

use bindings::engine::cookbook::{
    attributes, common, evaluation, execute, files, groups, log, network, packages, secrets, services, stack,
    types, users,
};
pub(crate) use log::Level;

use crate::{App, Context, CustomResource, Error, Instance, Layer, Recipe, Result, Timing};

pub(crate) type GuardHandle = common::Guard;

impl From<types::Error> for Error {
    fn from(error: types::Error) -> Self {
        let some = |text: String| if text.is_empty() { None } else { Some(text) };
        Error {
            code: error.code,
            resource: some(error.resource),
            property: some(error.property),
            message: error.message,
        }
    }
}

impl From<Error> for types::Error {
    fn from(error: Error) -> Self {
        types::Error {
            code: error.code,
            resource: error.resource.unwrap_or_default(),
            property: error.property.unwrap_or_default(),
            message: error.message,
        }
    }
}

fn timing(timing: Timing) -> types::Timing {
    match timing {
        Timing::Before => types::Timing::Before,
        Timing::Immediately => types::Timing::Immediately,
        Timing::Delayed => types::Timing::Delayed,
    }
}

/// Else a panic would be a trap without a word.
fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| log::write(Level::Warn, &panic.to_string())));
}

/// Declares a custom resource of a cookbook: what the component exports besides.
pub fn declare(resources: &[CustomResource], name: &str, properties: &str) -> Result<String, types::Error> {
    tell_panics();
    let properties = serde_json::from_str(properties)
        .map_err(|error| Error::new("invalid-value", ["the properties: ", &error.to_string()].concat()))?;
    match resources.iter().find(|resource| resource.name == name) {
        Some(resource) => {
            let answer = (resource.declare)(&mut Context::new(Session), properties)?;
            Ok(answer.to_string())
        }
        None => {
            let message = ["the component has no resource `", name, "`"].concat();
            Err(Error::new("not-found", message).into())
        }
    }
}

/// Runs a recipe of a cookbook: what the component exports.
pub fn run(recipes: &[Recipe], name: &str) -> Result<(), types::Error> {
    tell_panics();
    match recipes.iter().find(|recipe| recipe.name == name) {
        Some(recipe) => (recipe.run)(&mut Context::new(Session)).map_err(Into::into),
        None => {
            let message = ["the component has no recipe `", name, "`"].concat();
            Err(Error::new("not-found", message).into())
        }
    }
}

/// There is one host, and it knows who calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Session;

impl Session {
    pub(crate) fn attribute(self, path: &str) -> Option<String> {
        attributes::json(path)
    }

    pub(crate) fn succeeds(self, argv: &[String]) -> Result<GuardHandle> {
        Ok(execute::succeeds(argv)?)
    }

    pub(crate) fn installed(self, text: &str) -> Result<GuardHandle> {
        Ok(packages::installed(text)?)
    }

    pub(crate) fn exists(self, text: &str) -> Result<GuardHandle> {
        Ok(files::exists(text)?)
    }

    pub(crate) fn running(self, text: &str) -> Result<GuardHandle> {
        Ok(services::running(text)?)
    }

    pub(crate) fn enabled(self, text: &str) -> Result<GuardHandle> {
        Ok(services::enabled(text)?)
    }

    pub(crate) fn user_exists(self, text: &str) -> Result<GuardHandle> {
        Ok(users::user_exists(text)?)
    }

    pub(crate) fn group_exists(self, text: &str) -> Result<GuardHandle> {
        Ok(groups::group_exists(text)?)
    }

    pub(crate) fn port_open(self, text: &str) -> Result<GuardHandle> {
        Ok(network::port_open(text)?)
    }

    pub(crate) fn url_answers(self, text: &str) -> Result<GuardHandle> {
        Ok(network::url_answers(text)?)
    }

    pub(crate) fn secret(self, name: &str) -> Result<String> {
        Ok(secrets::placeholder(name)?)
    }

    pub(crate) fn log(self, level: Level, message: &str) {
        log::write(level, message);
    }

    pub(crate) fn include_recipe(self, name: &str) -> Result<()> {
        Ok(evaluation::include_recipe(name)?)
    }

    pub(crate) fn custom_resource(self, name: &str, properties: &str) -> Result<String> {
        Ok(evaluation::custom_resource(name, properties)?)
    }

    pub(crate) fn checkpoint(self) -> Result<()> {
        Ok(evaluation::checkpoint()?)
    }

    pub(crate) fn stack_name(self) -> String {
        stack::name()
    }

    pub(crate) fn stack_event(self) -> String {
        stack::event()
    }

    pub(crate) fn this_instance(self) -> Instance {
        instance(&stack::this_instance())
    }

    pub(crate) fn layers(self) -> Vec<Layer> {
        stack::layers().iter().map(layer).collect()
    }

    pub(crate) fn layer(self, name: &str) -> Option<Layer> {
        stack::layers().iter().find(|layer| layer.name() == name).map(layer)
    }

    pub(crate) fn instances(self) -> Vec<Instance> {
        stack::instances().iter().map(instance).collect()
    }

    pub(crate) fn apps(self) -> Vec<App> {
        stack::apps().iter().map(app).collect()
    }
}

fn instance(handle: &stack::Instance) -> Instance {
    Instance {
        name: handle.name(),
        hostname: handle.hostname(),
        address: handle.address(),
        layers: handle.layers(),
    }
}

fn layer(handle: &stack::Layer) -> Layer {
    Layer { name: handle.name(), instances: handle.instances().iter().map(instance).collect() }
}

fn app(handle: &stack::App) -> App {
    App {
        name: handle.name(),
        layers: handle.layers(),
        attributes: serde_json::from_str(&handle.attributes()).unwrap_or_default(),
    }
}

/// A declared resource.
#[derive(Debug)]
pub(crate) struct Handle(common::Declaration);

impl Handle {
    pub(crate) fn new(declaration: common::Declaration) -> Self {
        Handle(declaration)
    }

    pub(crate) fn action(&self, names: &[String]) -> Result<()> {
        Ok(self.0.action(names)?)
    }

    pub(crate) fn notifies(&self, action: &str, target: &Handle, when: Timing) -> Result<()> {
        Ok(self.0.notifies(action, &target.0, timing(when))?)
    }

    pub(crate) fn notifies_named(&self, action: &str, target: &str, when: Timing) -> Result<()> {
        Ok(self.0.notifies_named(action, target, timing(when))?)
    }

    pub(crate) fn subscribes(&self, action: &str, source: &Handle, when: Timing) -> Result<()> {
        Ok(self.0.subscribes(action, &source.0, timing(when))?)
    }

    pub(crate) fn subscribes_named(&self, action: &str, source: &str, when: Timing) -> Result<()> {
        Ok(self.0.subscribes_named(action, source, timing(when))?)
    }

    pub(crate) fn only_if(&self, guard: &GuardHandle) -> Result<()> {
        Ok(self.0.only_if(guard)?)
    }

    pub(crate) fn not_if(&self, guard: &GuardHandle) -> Result<()> {
        Ok(self.0.not_if(guard)?)
    }

    pub(crate) fn retries(&self, times: u32) -> Result<()> {
        Ok(self.0.retries(times)?)
    }

    pub(crate) fn retry_delay(&self, seconds: u32) -> Result<()> {
        Ok(self.0.retry_delay(seconds)?)
    }

    pub(crate) fn sensitive(&self, sensitive: bool) -> Result<()> {
        Ok(self.0.sensitive(sensitive)?)
    }

    pub(crate) fn ignore_failure(&self, ignore: bool) -> Result<()> {
        Ok(self.0.ignore_failure(ignore)?)
    }

    pub(crate) fn confirm(&self, confirm: bool) -> Result<()> {
        Ok(self.0.confirm(confirm)?)
    }

    pub(crate) fn timeout(&self, seconds: u32) -> Result<()> {
        Ok(self.0.timeout(seconds)?)
    }

    pub(crate) fn umask(&self, mask: &str) -> Result<()> {
        Ok(self.0.umask(mask)?)
    }
}
