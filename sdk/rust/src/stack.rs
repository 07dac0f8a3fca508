//! The stack around the node.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Result, context::from_text, host::Session};

/// The stack as it is at this event; [`Context::stack`](crate::Context::stack) gives it.
///
/// ```
/// # use engine_sdk::prelude::*;
/// # fn recipe(ctx: &mut Context) -> Result<()> {
/// let stack = ctx.stack();
/// let backends = stack.layer("app").map(|layer| layer.instances).unwrap_or_default();
/// ctx.template("/etc/haproxy/haproxy.cfg")
///     .source("haproxy.cfg")
///     .variables(&json!({"backends": backends, "stack": stack.name()}))
///     .declare()?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Stack(pub(crate) Session);

/// A machine of the stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Instance {
    /// Name in the stack file.
    pub name: String,
    /// Host name.
    pub hostname: String,
    /// Address that other instances reach it at.
    pub address: String,
    /// Names of its layers, in stack-file order.
    pub layers: Vec<String>,
}

/// Machines with one job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Layer {
    /// Name in the stack file.
    pub name: String,
    /// Its online instances, in stack-file order.
    pub instances: Vec<Instance>,
}

/// Something that is deployed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct App {
    /// Name in the stack file.
    pub name: String,
    /// Names of the layers that serve it.
    pub layers: Vec<String>,
    /// Its attributes, an object.
    pub attributes: Value,
}

impl App {
    /// The attribute at a dotted path; `None` if there is nothing.
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// for app in ctx.stack().apps() {
    ///     let port: u16 = app.attribute("http.port")?.unwrap_or(80);
    /// #   let _ = port;
    /// }
    /// # Ok(()) }
    /// ```
    pub fn attribute<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        let found = path.split('.').try_fold(&self.attributes, |value, key| value.get(key));
        match found {
            None | Some(Value::Null) => Ok(None),
            // By way of text, as other attributes come: one deserializer in the component, not two.
            Some(value) => from_text(path, &value.to_string()).map(Some),
        }
    }
}

impl Stack {
    /// Name of the stack.
    pub fn name(&self) -> String {
        self.0.stack_name()
    }

    /// The lifecycle event: `setup`, `configure`, `deploy`, `undeploy` or `shutdown`; or a command that triggers
    /// none, such as `execute-recipes`.
    pub fn event(&self) -> String {
        self.0.stack_event()
    }

    /// The instance that this evaluation is for. During its setup it is not among the online ones.
    pub fn this_instance(&self) -> Instance {
        self.0.this_instance()
    }

    /// All layers, in stack-file order.
    pub fn layers(&self) -> Vec<Layer> {
        self.0.layers()
    }

    /// The layer of that name.
    pub fn layer(&self, name: &str) -> Option<Layer> {
        self.0.layer(name)
    }

    /// All online instances, in stack-file order.
    pub fn instances(&self) -> Vec<Instance> {
        self.0.instances()
    }

    /// At deploy and undeploy the apps concerned; else the apps of this instance's layers.
    pub fn apps(&self) -> Vec<App> {
        self.0.apps()
    }
}
