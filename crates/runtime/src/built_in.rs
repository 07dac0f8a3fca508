//! Declares what engine itself has to say, as if recipes of a cookbook `engine` had said it.

use engine_contract::{
    Collector, ContractError, TypeDefinition, collector::ResourceOrName, error::Code, metadata::BUILT_IN,
};
use engine_protocol::{ResourceId, resource::Origin};
use engine_scheduler::BuiltInResource;

/// Declares in order; who fails is named by recipe.
pub(crate) fn declare(
    collector: &mut Collector,
    resources: &[BuiltInResource],
) -> Result<(), (String, ContractError)> {
    resources.iter().try_for_each(|resource| {
        let origin = Origin { cookbook: BUILT_IN.to_owned(), recipe: resource.recipe.clone() };
        declare_one(collector, &origin, resource).map_err(|error| (origin.to_string(), error)).map(|_| ())
    })
}

fn declare_one(
    collector: &mut Collector,
    origin: &Origin,
    resource: &BuiltInResource,
) -> Result<ResourceId, ContractError> {
    let definition = TypeDefinition::find(&resource.kind).ok_or_else(|| {
        ContractError::new(Code::NotFound, format!("there is no resource type `{}`", resource.kind))
    })?;
    let id = collector.declare(origin, definition, resource.identity.clone())?;
    for (name, value) in &resource.properties {
        let property = definition.property(name).ok_or_else(|| {
            let place = resource.to_string();
            ContractError::new(Code::NotFound, "there is no such property").of(place).on(name)
        })?;
        collector.set(id, property.name, value.clone())?;
    }
    if !resource.actions.is_empty() {
        let names: Vec<String> = resource.actions.iter().map(|action| action.name().to_owned()).collect();
        collector.actions(id, &names)?;
    }
    if resource.sensitive {
        collector.common(id, |common| common.sensitive = true)?;
    }
    for guard in &resource.only_if {
        collector.only_if(id, guard.clone())?;
    }
    for guard in &resource.not_if {
        collector.not_if(id, guard.clone())?;
    }
    for other in &resource.notifies {
        let target = ResourceOrName::Name(&other.target);
        collector.notify(ResourceOrName::Id(id), other.action.name(), target, other.timing, id)?;
    }
    Ok(id)
}
