//! `engine stack graph`: a stack as a picture.

mod dot;
mod svg;
mod text;

#[cfg(test)]
mod tests;

use std::path::Path;

use engine_contract::visible;
use engine_manifest::Manifest;
use engine_model::{Instance, InstanceStatus, LifecycleEvent};

use crate::{
    arguments::GraphFormat,
    commands::{
        self,
        live::{self, Statuses},
    },
    errors::Failure,
};

/// What is drawn. Texts are fit for a line.
struct Graph {
    name: String,
    description: String,
    layers: Vec<Box>,
    /// Instances that wait in no layer.
    unassigned: Vec<Machine>,
}

/// A layer.
struct Box {
    name: String,
    description: String,
    /// Positions of the layers that are done before.
    after: Vec<usize>,
    /// Events that have recipes, with these.
    recipes: Vec<(LifecycleEvent, Vec<String>)>,
    machines: Vec<Machine>,
    apps: Vec<String>,
}

/// An instance.
struct Machine {
    name: String,
    status: InstanceStatus,
}

/// Draws a stack.
pub(super) fn graph(
    stack: &str,
    format: GraphFormat,
    output: Option<&Path>,
    state: Option<&str>,
) -> Result<(), Failure> {
    let manifest = commands::unfinished_manifest(stack)?;
    let graph = Graph::of(&manifest, &live::statuses(&manifest, state)?);
    let drawn = match format {
        GraphFormat::Text => text::draw(&graph),
        GraphFormat::Dot => dot::draw(&graph),
        GraphFormat::Svg => svg::draw(&graph)?,
    };
    match output {
        None => anstream::print!("{drawn}"),
        Some(path) => std::fs::write(path, drawn)
            .map_err(|error| Failure::failed(format!("the picture {}: {error}", path.display())))?,
    }
    Ok(())
}

impl Graph {
    fn of(manifest: &Manifest, statuses: &Statuses) -> Self {
        let stack = &manifest.stack;
        let machine = |instance: &Instance| Machine {
            name: instance.name.to_string(),
            status: live::status(statuses, &instance.name),
        };
        let layers = stack.layers.iter().map(|layer| Box {
            name: layer.name.to_string(),
            description: visible::line(&layer.description).into_owned(),
            after: (0..stack.layers.len())
                .filter(|position| layer.after.contains(&stack.layers[*position].name))
                .collect(),
            recipes: LifecycleEvent::ALL
                .into_iter()
                .map(|event| (event, layer.run_list(event).iter().map(ToString::to_string).collect()))
                .filter(|(_, recipes): &(_, Vec<String>)| !recipes.is_empty())
                .collect(),
            machines: (stack.instances.iter())
                .filter(|instance| instance.layers.contains(&layer.name))
                .map(machine)
                .collect(),
            apps: (stack.apps.iter())
                .filter(|app| app.layers.contains(&layer.name))
                .map(|app| app.name.to_string())
                .collect(),
        });
        Graph {
            name: stack.name.to_string(),
            description: visible::line(&stack.description).into_owned(),
            layers: layers.collect(),
            unassigned: (stack.instances.iter())
                .filter(|instance| instance.layers.is_empty())
                .map(machine)
                .collect(),
        }
    }

    /// The names of the layers that are done before one.
    fn before(&self, layer: &Box) -> Vec<&str> {
        layer.after.iter().map(|position| self.layers[*position].name.as_str()).collect()
    }
}
