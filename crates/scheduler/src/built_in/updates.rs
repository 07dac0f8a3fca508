//! Pending updates: at setup unless the stack file says otherwise, and where they are asked for.

use engine_model::Command;

use super::{BuiltInResource, Situation};

pub(super) fn resources(situation: &Situation<'_>) -> Vec<BuiltInResource> {
    let Situation { stack, instance, command, .. } = *situation;
    let wanted = match command {
        Command::Setup => {
            stack.layers_of(instance).all(|layer| layer.update_on_setup.unwrap_or(stack.update_on_setup))
        }
        Command::UpdateDependencies => true,
        _ => false,
    };
    if wanted { vec![BuiltInResource::new("updates", "package_update")] } else { Vec::new() }
}
