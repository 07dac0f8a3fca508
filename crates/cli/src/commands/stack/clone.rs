//! `engine stack clone`.

use std::collections::BTreeMap;

use engine_manifest::{Edit, EditError};
use engine_model::Name;

use crate::{commands, errors::Failure};

/// Copies a stack file under a new name.
pub(super) fn clone(stack: &str, new: &Name, hosts: &[(Name, String)]) -> Result<(), Failure> {
    let manifest = commands::unfinished_manifest(stack)?;
    let mut by_instance = BTreeMap::new();
    for (instance, host) in hosts {
        if by_instance.insert(instance.clone(), host.clone()).is_some() {
            return Err(Failure::usage(format!("there are two hosts for instance `{instance}`")));
        }
    }
    let path = manifest.path().with_file_name(format!("{new}.toml"));
    let mut edit = Edit::of(&manifest)?;
    edit.clone_as(new, &by_instance).map_err(|error| match error {
        EditError::Missing(name) => {
            Failure::usage(format!("stack `{}` has no instance `{name}`", manifest.stack.name))
        }
        other => other.into(),
    })?;
    let copy = edit.finish(&path)?;
    engine_manifest::create(&path, manifest.path(), copy.source().text())?;
    anstream::println!("{}: stack `{new}`, a copy of `{}`", path.display(), manifest.stack.name);
    let stack = &copy.stack;
    let is_empty = |layer: &Name| stack.instances.iter().all(|instance| !instance.layers.contains(layer));
    let empty: Vec<&Name> =
        stack.layers.iter().map(|layer| &layer.name).filter(|layer| is_empty(layer)).collect();
    if !empty.is_empty() {
        anstream::println!("before it can be run, these layers need an instance:");
        for layer in empty {
            anstream::println!(
                "  engine instance register --stack {new} --layer {layer} --no-run --host HOST"
            );
        }
    }
    Ok(())
}
