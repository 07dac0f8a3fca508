//! What a run does on which instance, worked out before anything happens.
//!
//! The order is that of AWS OpsWorks Stacks: setup installs updates, runs the setup recipes, then
//! deploys the apps of the instance's layers; the instance is online; then all online instances
//! configure. Across the layers of one instance the order is the stack file's.

use std::collections::BTreeMap;

use engine_model::{Instance, InstanceStatus, LifecycleEvent, Name, RecipeName, Stack};

/// What an operator asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The event.
    pub event: LifecycleEvent,
    /// Only instances of these layers; all if empty.
    pub layers: Vec<Name>,
    /// Only these instances; all if empty.
    pub instances: Vec<Name>,
}

/// The steps of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunPlan {
    /// What was triggered.
    pub event: LifecycleEvent,
    /// First, independently of each other. Empty when configure itself was triggered.
    pub primary: Vec<NodePlan>,
    /// Then, with one view of who is online: configure, on those that are online by that time.
    pub reaction: Vec<NodePlan>,
}

/// What one instance does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodePlan {
    /// The instance.
    pub instance: Name,
    /// In this order; a failure ends the node's part.
    pub steps: Vec<Step>,
}

/// One event on one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The event.
    pub event: LifecycleEvent,
    /// What engine itself declares before the recipes.
    pub built_in: Vec<BuiltIn>,
    /// The recipes of the instance's layers, in order; a recipe that stands twice runs once.
    pub run_list: Vec<RecipeName>,
}

/// Something that engine does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuiltIn {
    /// Install all pending updates.
    PackageUpdate,
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
    /// No instance is in all that was asked for.
    #[error("no instance of stack `{stack}` is selected")]
    NobodySelected {
        /// The stack.
        stack: Name,
    },
    /// No instance is left to do anything on.
    #[error("no instance of stack `{stack}` takes part in {event}: {reason}")]
    Nobody {
        /// The stack.
        stack: Name,
        /// The event.
        event: LifecycleEvent,
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
    let selected = select(stack, &request.layers, &request.instances)?;
    let status = |instance: &Instance| statuses.get(&instance.name).copied().unwrap_or_default();
    // Those that were lost are tried again: who answers is online again.
    let serving = |instance: &Instance| {
        matches!(status(instance), InstanceStatus::Online | InstanceStatus::ConnectionLost)
    };
    let selected: Vec<&Instance> =
        selected.into_iter().filter(|instance| !instance.layers.is_empty()).collect();
    let primary_of = |instance: &Instance| NodePlan {
        instance: instance.name.clone(),
        steps: steps(stack, instance, request.event),
    };
    let configure_of = |instance: &Instance| NodePlan {
        instance: instance.name.clone(),
        steps: vec![step(stack, instance, LifecycleEvent::Configure)],
    };
    let all_serving =
        || stack.instances.iter().filter(|instance| !instance.layers.is_empty() && serving(instance));
    let (primary, reaction): (Vec<NodePlan>, Vec<NodePlan>) = match request.event {
        LifecycleEvent::Setup => {
            let reacts = |instance: &&Instance| {
                !instance.layers.is_empty()
                    && (serving(instance) || selected.iter().any(|other| other.name == instance.name))
            };
            (
                selected.iter().map(|instance| primary_of(instance)).collect(),
                stack.instances.iter().filter(reacts).map(configure_of).collect(),
            )
        }
        LifecycleEvent::Configure => {
            let reaction = selected
                .iter()
                .filter(|instance| serving(instance))
                .map(|instance| configure_of(instance))
                .collect();
            (Vec::new(), reaction)
        }
        LifecycleEvent::Deploy | LifecycleEvent::Undeploy => (
            selected
                .iter()
                .filter(|instance| serving(instance) && stack.apps_of(instance).next().is_some())
                .map(|instance| primary_of(instance))
                .collect(),
            Vec::new(),
        ),
        LifecycleEvent::Shutdown => (
            selected
                .iter()
                // One that was interrupted is taken up again.
                .filter(|instance| serving(instance) || status(instance) == InstanceStatus::ShuttingDown)
                .map(|instance| primary_of(instance))
                .collect(),
            all_serving()
                .filter(|instance| selected.iter().all(|other| other.name != instance.name))
                .map(configure_of)
                .collect(),
        ),
    };
    let nobody =
        if request.event == LifecycleEvent::Configure { reaction.is_empty() } else { primary.is_empty() };
    if nobody {
        let reason = if selected.is_empty() {
            "no instance that is assigned to a layer is selected"
        } else if matches!(request.event, LifecycleEvent::Deploy | LifecycleEvent::Undeploy) {
            "none that is selected is online and in a layer of an app"
        } else {
            "none that is selected is online; run setup first"
        };
        return Err(PlanError::Nobody { stack: stack.name.clone(), event: request.event, reason });
    }
    Ok(RunPlan { event: request.event, primary, reaction })
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

fn check_names(stack: &Stack, layers: &[Name], instances: &[Name]) -> Result<(), PlanError> {
    let list = |names: &mut dyn Iterator<Item = &Name>| {
        names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
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

fn steps(stack: &Stack, instance: &Instance, event: LifecycleEvent) -> Vec<Step> {
    let mut steps = vec![step(stack, instance, event)];
    if event == LifecycleEvent::Setup && stack.apps_of(instance).next().is_some() {
        steps.push(step(stack, instance, LifecycleEvent::Deploy));
    }
    steps
}

fn step(stack: &Stack, instance: &Instance, event: LifecycleEvent) -> Step {
    let mut run_list: Vec<RecipeName> = Vec::new();
    for recipe in stack.layers_of(instance).flat_map(|layer| layer.run_list(event)) {
        if !run_list.contains(recipe) {
            run_list.push(recipe.clone());
        }
    }
    let updates = event == LifecycleEvent::Setup
        && stack.layers_of(instance).all(|layer| layer.update_on_setup.unwrap_or(stack.update_on_setup));
    let built_in = if updates { vec![BuiltIn::PackageUpdate] } else { Vec::new() };
    Step { event, built_in, run_list }
}

#[cfg(test)]
mod tests;
