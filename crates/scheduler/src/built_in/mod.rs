//! What engine declares by itself, before the recipes of an event: what OpsWorks did with its built-in recipes.
//!
//! Pure: the stack file, the event, who is online and what the node is go in, resources come out. They are
//! declared, planned and applied as if a recipe of a cookbook `engine` had declared them. One file a topic.

use std::fmt;

use engine_contract::Value;
use engine_model::{Command, Instance, Name, Stack};
use engine_protocol::{
    Action, Facts,
    resource::{Guard, Timing},
};

mod hostname;
mod hosts;
mod packages;
mod rules;
mod time_sync;
mod updates;
mod users;

/// What built-in resources are worked out from.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The stack.
    pub stack: &'a Stack,
    /// The instance that they are for.
    pub instance: &'a Instance,
    /// The event, or the command.
    pub command: Command,
    /// Who is online by now, the instance itself only if it is.
    pub online: &'a [Name],
    /// What the node is.
    pub facts: &'a Facts,
    /// Whether updates may reboot it.
    pub allow_reboot: bool,
}

/// What engine declares, in order.
pub fn resources(situation: &Situation<'_>) -> Vec<BuiltInResource> {
    let topics = [
        updates::resources,
        hostname::resources,
        hosts::resources,
        time_sync::resources,
        users::resources,
        packages::resources,
        updates::reboot,
    ];
    topics.iter().flat_map(|resources| resources(situation)).collect()
}

/// A resource that engine declares by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltInResource {
    /// The recipe of the cookbook `engine` that it is said to come from: its topic, for example `users`.
    pub recipe: String,
    /// The resource's type in Chef's spelling, for example `user`.
    pub kind: String,
    /// What names it among its type, where something does.
    pub identity: Option<Value>,
    /// Its properties, by name.
    pub properties: Vec<(String, Value)>,
    /// What shall be done, in order; the type's default where empty.
    pub actions: Vec<Action>,
    /// Whether to never show content, arguments or output.
    pub sensitive: bool,
    /// All must hold, or it is skipped.
    pub only_if: Vec<Guard>,
    /// None may hold, or it is skipped.
    pub not_if: Vec<Guard>,
    /// Whom to tell when it changed.
    pub notifies: Vec<BuiltInNotification>,
}

/// Whom a built-in resource tells when it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltInNotification {
    /// What the other shall do.
    pub action: Action,
    /// The other in Chef's form, for example `service[ssh]`; it may be declared later, or by a recipe.
    pub target: String,
    /// When.
    pub timing: Timing,
}

impl fmt::Display for BuiltInResource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.identity {
            Some(Value::Text(name)) => write!(formatter, "{}[{name}]", self.kind),
            Some(Value::TextList(names)) => write!(formatter, "{}[{}]", self.kind, names.join(", ")),
            _ => formatter.write_str(&self.kind),
        }
    }
}

impl BuiltInResource {
    /// A resource of a type, without a name of its own, with its default action.
    pub fn new(recipe: &str, kind: &str) -> Self {
        BuiltInResource {
            recipe: recipe.to_owned(),
            kind: kind.to_owned(),
            identity: None,
            properties: Vec::new(),
            actions: Vec::new(),
            sensitive: false,
            only_if: Vec::new(),
            not_if: Vec::new(),
            notifies: Vec::new(),
        }
    }

    /// Names it.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.identity = Some(Value::Text(name.to_owned()));
        self
    }

    /// Names it by several texts, such as packages.
    #[must_use]
    pub fn listing(mut self, names: Vec<String>) -> Self {
        self.identity = Some(Value::TextList(names));
        self
    }

    /// Sets a property.
    #[must_use]
    pub fn with(mut self, property: &str, value: Value) -> Self {
        self.properties.push((property.to_owned(), value));
        self
    }

    /// Adds an action to those that shall be done.
    #[must_use]
    pub fn action(mut self, action: Action) -> Self {
        self.actions.push(action);
        self
    }

    /// Adds a guard that must hold.
    #[must_use]
    pub fn only_if(mut self, guard: Guard) -> Self {
        self.only_if.push(guard);
        self
    }

    /// Adds a guard that must not hold.
    #[must_use]
    pub fn not_if(mut self, guard: Guard) -> Self {
        self.not_if.push(guard);
        self
    }

    /// Tells another when it changed.
    #[must_use]
    pub fn notify(mut self, action: Action, target: &str, timing: Timing) -> Self {
        self.notifies.push(BuiltInNotification { action, target: target.to_owned(), timing });
        self
    }
}

#[cfg(test)]
mod tests;
