//! Layers.

use std::{collections::BTreeMap, time::Duration};

use engine_model::{Layer, LifecycleEvent, RecipeName};

use super::{EmptyLayers, Validator, entries, text};
use crate::{
    read::{self, Field, List, Named},
    source::Diagnostic,
};

impl Validator<'_> {
    pub(super) fn layers(&mut self) -> Vec<Layer> {
        self.layers_must_not_wait_for_each_other();
        entries(&self.file.layers).filter_map(|entry| self.layer(entry)).collect()
    }

    fn layer(&mut self, entry: &Named<read::Layer>) -> Option<Layer> {
        self.must_have_an_instance(entry);
        let table = entry.table.value()?;
        let lists = [
            (LifecycleEvent::Setup, &table.setup),
            (LifecycleEvent::Configure, &table.configure),
            (LifecycleEvent::Deploy, &table.deploy),
            (LifecycleEvent::Undeploy, &table.undeploy),
            (LifecycleEvent::Shutdown, &table.shutdown),
        ];
        let mut run_lists = BTreeMap::new();
        for (event, list) in lists {
            let recipes = self.run_list(list);
            if recipes.is_empty() {
                continue;
            }
            if let (Some(name), Some(list)) = (&entry.name, list.value()) {
                let spans = list.items.iter().map(|item| item.span.clone()).collect();
                self.spans.recipes.insert((name.clone(), event), spans);
            }
            run_lists.insert(event, recipes);
        }
        let packages = self.packages(&table.packages);
        let after = self.after(entry);
        let (rollout, rollout_of) = self.rollout(&table.rollout);
        let name = entry.name.clone()?;
        self.spans.layers.insert(name.clone(), entry.span.clone());
        Some(Layer {
            name,
            description: text(&table.description),
            update_on_setup: table.update_on_setup.value().copied(),
            packages,
            run_lists,
            after,
            shutdown_timeout: table.shutdown_timeout.value().map(|seconds| Duration::from_secs(seconds.0)),
            rollout,
            rollout_of,
            attributes: table.attributes.value().cloned().unwrap_or_default().0,
        })
    }

    pub(super) fn run_list(&mut self, list: &Field<List<String>>) -> Vec<RecipeName> {
        let mut recipes = Vec::new();
        for item in list.value().into_iter().flat_map(|list| &list.items) {
            match item.value.parse::<RecipeName>() {
                Ok(recipe) => {
                    let cookbook = recipe.cookbook.as_str();
                    self.must_exist(
                        "cookbook",
                        "cookbooks",
                        &self.file.cookbooks,
                        cookbook,
                        &item.span,
                        || format!("recipe `{recipe}` is of a cookbook that the stack does not declare"),
                    );
                    recipes.push(recipe);
                }
                Err(_) if self.is_of_a_misnamed_cookbook(&item.value) => {}
                Err(error) => {
                    let problem = Diagnostic::error(format!("`{}` is not a recipe", item.value))
                        .label(item.span.clone(), error.source.to_string())
                        .hint("write `cookbook::recipe`, or `cookbook` for its recipe `default`");
                    self.problems.push(problem);
                }
            }
        }
        recipes
    }

    /// The cookbook's name has been refused where it is declared; nothing is to be added here.
    fn is_of_a_misnamed_cookbook(&self, recipe: &str) -> bool {
        let cookbook = recipe.split("::").next().unwrap_or(recipe);
        entries(&self.file.cookbooks).any(|entry| entry.name.is_none() && entry.key == cookbook)
    }

    fn must_have_an_instance(&mut self, layer: &Named<read::Layer>) {
        if self.file.instances.is_broken() {
            return;
        }
        let may_be_in = |instance: &read::Instance| match instance.layers.value() {
            Some(list) => !list.complete || list.items.iter().any(|item| item.value == layer.key),
            None => instance.layers.is_broken(),
        };
        let mut instances = entries(&self.file.instances);
        if instances.any(|instance| instance.table.value().is_none_or(may_be_in)) {
            return;
        }
        let kind = match self.empty_layers {
            EmptyLayers::Refused => Diagnostic::error,
            EmptyLayers::Allowed => Diagnostic::warning,
        };
        let problem = kind(format!("layer `{}` has no instance", layer.key))
            .label(layer.span.clone(), "no instance is in this layer")
            .hint(format!("add it to the `layers` of an instance, or remove `[layers.{}]`", layer.key));
        self.problems.push(problem);
    }
}
