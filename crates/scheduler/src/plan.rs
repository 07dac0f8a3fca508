//! What a run does on which instance, worked out before anything happens.
//!
//! The order is that of AWS OpsWorks Stacks: setup installs updates, runs the setup recipes, then
//! deploys the apps of the instance's layers; the instance is online; then all online instances
//! configure. Across the layers of one instance the order is the stack file's. What engine itself
//! declares before the recipes depends on the node, so [`built_in`](crate::built_in) says it later.

use std::collections::BTreeMap;

use engine_model::{App, Command, Instance, InstanceStatus, Name, RecipeName, Stack};
use serde::{Deserialize, Serialize};

use crate::app_steps::{self, AppStage};

/// What an operator asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// What to do.
    pub command: Command,
    /// Only instances of these layers; all if empty.
    pub layers: Vec<Name>,
    /// Only these instances; all if empty.
    pub instances: Vec<Name>,
    /// Only these apps, where the command is about apps; all if empty.
    pub apps: Vec<Name>,
    /// The recipes, where the command is [`Command::ExecuteRecipes`].
    pub recipes: Vec<RecipeName>,
    /// Whether a deployment runs the command of apps that migrates.
    pub migrate: bool,
    /// The release to go back to, where the command is [`Command::Rollback`]; the one before the current if none.
    pub release: Option<String>,
    /// Whether undeploy takes what releases share as well.
    pub shared: bool,
}

impl Request {
    /// Asks for a command on the whole stack.
    pub fn new(command: Command) -> Self {
        Request {
            command,
            layers: Vec::new(),
            instances: Vec::new(),
            apps: Vec::new(),
            recipes: Vec::new(),
            migrate: false,
            release: None,
            shared: false,
        }
    }
}

/// The steps of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunPlan {
    /// What was asked for.
    pub command: Command,
    /// First, independently of each other. Empty when configure itself was triggered.
    pub primary: Vec<NodePlan>,
    /// Then, with one view of who is online: configure, on those that are online by that time.
    pub reaction: Vec<NodePlan>,
}

/// What one instance does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodePlan {
    /// The instance.
    pub instance: Name,
    /// In this order; a failure ends the node's part.
    pub steps: Vec<Step>,
}

/// One event, or one command that is none, on one instance: what engine itself declares, then the recipes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The event, or the command.
    pub event: Command,
    /// What is done with an app, if the step is one of an app.
    pub stage: Option<AppStage>,
    /// The recipes of the instance's layers, in order; a recipe that stands twice runs once. Those of a hook in a step
    /// of an app.
    pub run_list: Vec<RecipeName>,
}

/// Why a request makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// There is no such layer.
    #[error("stack `{stack}` has no layer `{name}`; its layers are {known}")]
    UnknownLayer {
        /// The stack.
        stack: Name,
        /// The name.
        name: Name,
        /// What there is.
        known: String,
    },
    /// There is no such instance.
    #[error("stack `{stack}` has no instance `{name}`; its instances are {known}")]
    UnknownInstance {
        /// The stack.
        stack: Name,
        /// The name.
        name: Name,
        /// What there is.
        known: String,
    },
    /// There is no such app.
    #[error("stack `{stack}` has no app `{name}`; its apps are {known}")]
    UnknownApp {
        /// The stack.
        stack: Name,
        /// The name.
        name: Name,
        /// What there is.
        known: String,
    },
    /// The app has no source, so there is nothing that engine itself could do with it.
    #[error("app `{name}` has no `source` in the stack file, so {command} has nothing to work on")]
    NoSource {
        /// The app.
        name: Name,
        /// What was asked for.
        command: Command,
    },
    /// No instance is in all that was asked for.
    #[error("no instance of stack `{stack}` is selected")]
    NobodySelected {
        /// The stack.
        stack: Name,
    },
    /// No instance is left to do anything on.
    #[error("no instance of stack `{stack}` takes part in {command}: {reason}")]
    Nobody {
        /// The stack.
        stack: Name,
        /// What was asked for.
        command: Command,
        /// Why.
        reason: &'static str,
    },
}

/// Works out a run.
pub fn plan(
    stack: &Stack,
    statuses: &BTreeMap<Name, InstanceStatus>,
    request: &Request,
) -> Result<RunPlan, PlanError> {
    check_apps(stack, request)?;
    let selected = select(stack, &request.layers, &request.instances)?;
    let status = |instance: &Instance| statuses.get(&instance.name).copied().unwrap_or_default();
    // Those that were lost are tried again: who answers is online again.
    let serving = |instance: &Instance| {
        matches!(status(instance), InstanceStatus::Online | InstanceStatus::ConnectionLost)
    };
    let selected: Vec<&Instance> =
        selected.into_iter().filter(|instance| !instance.layers.is_empty()).collect();
    let is_selected = |instance: &Instance| selected.iter().any(|other| other.name == instance.name);
    let primary_on = |takes_part: &dyn Fn(&Instance) -> bool| -> Vec<NodePlan> {
        let instances = selected.iter().filter(|instance| takes_part(instance));
        instances.map(|instance| node_plan(instance, steps(stack, instance, request))).collect()
    };
    let configure_on = |takes_part: &dyn Fn(&Instance) -> bool| -> Vec<NodePlan> {
        let instances = stack.instances.iter().filter(|instance| !instance.layers.is_empty());
        let instances = instances.filter(|instance| takes_part(instance));
        let configure = |instance: &Instance| vec![step(stack, instance, Command::Configure)];
        instances.map(|instance| node_plan(instance, configure(instance))).collect()
    };
    let (primary, reaction) = match request.command {
        Command::Setup => {
            (primary_on(&|_| true), configure_on(&|instance| serving(instance) || is_selected(instance)))
        }
        Command::Configure => {
            (Vec::new(), configure_on(&|instance| serving(instance) && is_selected(instance)))
        }
        Command::Shutdown => (
            // One that was interrupted is taken up again.
            primary_on(&|instance| serving(instance) || status(instance) == InstanceStatus::ShuttingDown),
            configure_on(&|instance| serving(instance) && !is_selected(instance)),
        ),
        command if command.is_about_apps() => (
            primary_on(&|instance| serving(instance) && apps(stack, instance, request).next().is_some()),
            Vec::new(),
        ),
        _ => (primary_on(&serving), Vec::new()),
    };
    let nobody = if request.command == Command::Configure { reaction.is_empty() } else { primary.is_empty() };
    if nobody {
        let reason = if selected.is_empty() {
            "no instance that is assigned to a layer is selected"
        } else if request.command.is_about_apps() {
            "none that is selected is online and in a layer of an app that is asked for"
        } else {
            "none that is selected is online; run setup first"
        };
        return Err(PlanError::Nobody { stack: stack.name.clone(), command: request.command, reason });
    }
    Ok(RunPlan { command: request.command, primary, reaction })
}

fn node_plan(instance: &Instance, steps: Vec<Step>) -> NodePlan {
    NodePlan { instance: instance.name.clone(), steps }
}

/// The apps of an instance that a request is about.
fn apps<'a>(stack: &'a Stack, instance: &'a Instance, request: &'a Request) -> impl Iterator<Item = &'a App> {
    let asked_for = |app: &&App| request.apps.is_empty() || request.apps.contains(&app.name);
    stack.apps_of(instance).filter(asked_for)
}

fn check_apps(stack: &Stack, request: &Request) -> Result<(), PlanError> {
    for name in &request.apps {
        if stack.apps.iter().all(|app| app.name != *name) {
            let known = list(&mut stack.apps.iter().map(|app| &app.name));
            return Err(PlanError::UnknownApp { stack: stack.name.clone(), name: name.clone(), known });
        }
    }
    let command = request.command;
    let without = stack.apps.iter().find(|app| request.apps.contains(&app.name) && app.deployment.is_none());
    match without {
        // Recipes may do something with it.
        Some(app) if command.is_about_apps() && command.event().is_none() => {
            return Err(PlanError::NoSource { name: app.name.clone(), command });
        }
        _ => {}
    }
    Ok(())
}

/// The instances that an operator asks for: of these layers and of these names, where there are any.
pub(crate) fn select<'a>(
    stack: &'a Stack,
    layers: &[Name],
    instances: &[Name],
) -> Result<Vec<&'a Instance>, PlanError> {
    check_names(stack, layers, instances)?;
    let is_selected = |instance: &&Instance| {
        (layers.is_empty() || instance.layers.iter().any(|layer| layers.contains(layer)))
            && (instances.is_empty() || instances.contains(&instance.name))
    };
    Ok(stack.instances.iter().filter(is_selected).collect())
}

fn list(names: &mut dyn Iterator<Item = &Name>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn check_names(stack: &Stack, layers: &[Name], instances: &[Name]) -> Result<(), PlanError> {
    for name in layers {
        if stack.layer(name).is_none() {
            let known = list(&mut stack.layers.iter().map(|layer| &layer.name));
            return Err(PlanError::UnknownLayer { stack: stack.name.clone(), name: name.clone(), known });
        }
    }
    for name in instances {
        if stack.instance(name).is_none() {
            let known = list(&mut stack.instances.iter().map(|instance| &instance.name));
            return Err(PlanError::UnknownInstance { stack: stack.name.clone(), name: name.clone(), known });
        }
    }
    Ok(())
}

/// Releases are put in place before the recipes of deploy run, and taken away after those of undeploy.
fn steps(stack: &Stack, instance: &Instance, request: &Request) -> Vec<Step> {
    let own = step(stack, instance, request.command);
    let apps = || apps(stack, instance, request);
    match request.command {
        Command::ExecuteRecipes => vec![Step { run_list: once(&mut request.recipes.iter()), ..own }],
        Command::Setup if stack.apps_of(instance).next().is_some() => {
            let mut steps = vec![own];
            steps.extend(stack.apps_of(instance).flat_map(|app| app_steps::deploy(app, request.migrate)));
            steps.push(step(stack, instance, Command::Deploy));
            steps
        }
        Command::Deploy => {
            apps().flat_map(|app| app_steps::deploy(app, request.migrate)).chain([own]).collect()
        }
        Command::Undeploy => {
            let releases = apps().flat_map(|app| app_steps::undeploy(app, request.shared));
            [own].into_iter().chain(releases).collect()
        }
        Command::Rollback => {
            apps().flat_map(|app| app_steps::rollback(app, request.release.as_deref())).collect()
        }
        Command::Start | Command::Stop | Command::Restart => {
            apps().flat_map(|app| app_steps::processes(app, request.command)).collect()
        }
        _ => vec![own],
    }
}

fn step(stack: &Stack, instance: &Instance, command: Command) -> Step {
    let run_list = command.event().map_or_else(Vec::new, |event| {
        once(&mut stack.layers_of(instance).flat_map(|layer| layer.run_list(event)))
    });
    Step { event: command, stage: None, run_list }
}

/// A run list in which every recipe stands once, where it stood first.
fn once(recipes: &mut dyn Iterator<Item = &RecipeName>) -> Vec<RecipeName> {
    let mut run_list: Vec<RecipeName> = Vec::new();
    for recipe in recipes {
        if !run_list.contains(recipe) {
            run_list.push(recipe.clone());
        }
    }
    run_list
}

#[cfg(test)]
mod tests;
