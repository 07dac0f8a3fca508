//! The instance's host name.

use engine_model::Command;

use super::{BuiltInResource, Situation};

pub(super) fn resources(situation: &Situation<'_>) -> Vec<BuiltInResource> {
    let switch = situation.stack.built_in.hostname;
    let wanted = situation.wants(switch) && (switch.is_some() || !situation.is_application_container());
    if situation.command != Command::Setup || !wanted {
        return Vec::new();
    }
    vec![BuiltInResource::new("hostname", "hostname").named(&situation.instance.hostname)]
}
