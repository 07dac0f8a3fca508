//! Packages that the stack file lists: those of the stack, then those of the instance's layers.

use engine_contract::Value;
use engine_model::{Command, ListedPackage};

use super::{BuiltInResource, Situation};

pub(super) fn resources(situation: &Situation<'_>) -> Vec<BuiltInResource> {
    let wanted = match situation.command {
        Command::Setup => situation.stack.built_in.packages,
        Command::InstallDependencies | Command::UpdateDependencies => true,
        _ => false,
    };
    if !wanted {
        return Vec::new();
    }
    let packages = listed(situation);
    let install = |names: Vec<String>| BuiltInResource::new("packages", "package").listing(names);
    let names: Vec<String> = packages
        .iter()
        .filter(|package| package.version.is_none())
        .map(|package| package.name.clone())
        .collect();
    let mut resources: Vec<BuiltInResource> = Vec::new();
    if !names.is_empty() {
        resources.push(install(names));
    }
    for package in packages {
        if let Some(version) = &package.version {
            let version = Value::Text(version.clone());
            resources.push(install(vec![package.name.clone()]).with("version", version));
        }
    }
    resources
}

/// Each package once. As with attributes, a layer stands above the stack, and a later layer above an earlier one.
fn listed<'a>(situation: &Situation<'a>) -> Vec<&'a ListedPackage> {
    let Situation { stack, instance, .. } = *situation;
    let of_layers = stack.layers_of(instance).flat_map(|layer| &layer.packages);
    let mut listed: Vec<&ListedPackage> = Vec::new();
    for package in stack.packages.iter().chain(of_layers) {
        match listed.iter_mut().find(|other| other.name == package.name) {
            Some(other) => *other = package,
            None => listed.push(package),
        }
    }
    listed
}
