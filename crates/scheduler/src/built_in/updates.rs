//! Pending updates: at setup unless the stack file says otherwise, and where they are asked for.

use engine_contract::Value;
use engine_model::Command;
use engine_protocol::Action;

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

/// A reboot behind the updates, where the operator allows it: what OpsWorks' `update_dependencies` did with
/// `allow_reboot`.
pub(super) fn reboot(situation: &Situation<'_>) -> Vec<BuiltInResource> {
    if !situation.allow_reboot || situation.command != Command::UpdateDependencies {
        return Vec::new();
    }
    let reboot = BuiltInResource::new("updates", "reboot").named("updates");
    let reboot = reboot.with("reason", Value::Text("packages need it".to_owned()));
    vec![reboot.with("if_needed", Value::Boolean(true)).action(Action::RequestReboot)]
}
