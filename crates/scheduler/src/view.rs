//! The stack as recipes see it at one event.

use std::collections::HashSet;

use engine_contract::node::{AppView, InstanceView, Node, StackView};
use engine_model::{App, Attributes, Command, Instance, Name, Stack};
use engine_protocol::Facts;

/// What the recipes of an instance see.
pub fn node(
    stack: &Stack,
    instance: &Instance,
    event: Command,
    online: &[Name],
    run_attributes: &Attributes,
    facts: &Facts,
) -> Node {
    // For each of many instances it is looked up whether each is online.
    let online: HashSet<&Name> = online.iter().collect();
    Node {
        facts: facts.clone(),
        attributes: serde_json::Value::Object(attributes(stack, instance, run_attributes).0),
        stack: StackView {
            name: stack.name.to_string(),
            event: event.name().to_owned(),
            this_instance: instance_view(instance),
            layers: stack.layers.iter().map(|layer| layer.name.to_string()).collect(),
            instances: stack
                .instances
                .iter()
                .filter(|instance| online.contains(&instance.name))
                .map(instance_view)
                .collect(),
            apps: stack.apps_of(instance).map(app_view).collect(),
        },
    }
}

/// Stack below layers (in stack-file order) below run. Cookbook defaults come below all of them
/// when a cookbook looks.
pub fn attributes(stack: &Stack, instance: &Instance, run: &Attributes) -> Attributes {
    let mut attributes = stack.attributes.clone();
    for layer in stack.layers_of(instance) {
        attributes.overlay(&layer.attributes);
    }
    attributes.overlay(run);
    attributes
}

fn instance_view(instance: &Instance) -> InstanceView {
    InstanceView {
        name: instance.name.to_string(),
        hostname: instance.hostname.clone(),
        address: instance.address.clone(),
        layers: instance.layers.iter().map(Name::to_string).collect(),
    }
}

fn app_view(app: &App) -> AppView {
    AppView {
        name: app.name.to_string(),
        layers: app.layers.iter().map(Name::to_string).collect(),
        attributes: serde_json::Value::Object(app.attributes.0.clone()),
    }
}
