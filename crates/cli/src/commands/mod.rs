//! One module a command.

pub(crate) mod cache;
pub(crate) mod connection;
pub(crate) mod cookbook;
pub(crate) mod execution;
pub(crate) mod facts;
pub(crate) mod instance;
pub(crate) mod live;
pub(crate) mod manual;
pub(crate) mod plan;
pub(crate) mod resume;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod secret;
pub(crate) mod stack;
pub(crate) mod unlock;

use std::path::{Path, PathBuf};

use engine_manifest::{Diagnostic, Manifest};
use engine_model::{LifecycleEvent, RecipeName};
use engine_runtime::{Cache, EvaluationLimits, Runtime};
use engine_scheduler::Request;

use crate::{arguments::GlobalOptions, errors::Failure, paths};

/// Finds and reads a stack file. Its warnings go to the screen.
pub(crate) fn manifest(stack: &str) -> Result<Manifest, Failure> {
    Ok(told(engine_manifest::load(find(stack)?)?))
}

/// The same for looking at a stack and completing it: a layer may be without instances.
pub(crate) fn unfinished_manifest(stack: &str) -> Result<Manifest, Failure> {
    Ok(told(engine_manifest::load_unfinished(find(stack)?)?))
}

fn find(stack: &str) -> Result<PathBuf, Failure> {
    let here = std::env::current_dir()
        .map_err(|error| Failure::failed(format!("the working directory: {error}")))?;
    Ok(engine_manifest::find(stack, &here)?)
}

fn told(manifest: Manifest) -> Manifest {
    let warnings = manifest.warnings();
    if !warnings.is_empty() {
        anstream::eprintln!("{}", warnings.render(true).trim_end());
    }
    manifest
}

/// The cache, unless it cannot be used: then that is said, and everything is compiled.
pub(crate) fn open_cache(directory: &Path) -> Option<Cache> {
    match Cache::open(directory) {
        Ok(cache) => Some(cache),
        Err(error) => {
            let style = anstyle::AnsiColor::Yellow.on_default().bold();
            anstream::eprintln!("{style}warning{style:#}: cookbooks are compiled anew: {error}");
            None
        }
    }
}

/// A runtime with the stack's cookbooks, every recipe of its run lists among them.
pub(crate) fn load_cookbooks(
    global: &GlobalOptions,
    manifest: &Manifest,
    limits: EvaluationLimits,
) -> Result<Runtime, Failure> {
    let mut runtime = Runtime::new(limits).map_err(Failure::failed)?;
    let cache = open_cache(&paths::cache_directory(global)?);
    if let Err(errors) = runtime.load(&manifest.stack.cookbooks, cache.as_ref()) {
        let problems = errors
            .iter()
            .map(|error| {
                let diagnostic = Diagnostic::error(error.to_string());
                match manifest.span_of_cookbook_source(&error.cookbook) {
                    Some(span) => diagnostic.label(span, "this cookbook"),
                    None => diagnostic,
                }
            })
            .collect();
        return Err(manifest.diagnostics(problems).into());
    }
    check_recipes(manifest, &runtime)?;
    Ok(runtime)
}

/// Whether recipes that are asked for by name are there.
pub(crate) fn check_requested(request: &Request, runtime: &Runtime) -> Result<(), Failure> {
    for recipe in &request.recipes {
        if runtime.cookbook(recipe.cookbook.as_str()).is_none() {
            return Err(Failure::usage(format!("the stack has no cookbook `{}`", recipe.cookbook)));
        }
        if let Some((message, known)) = missing(recipe, runtime) {
            return Err(Failure::usage(message).hint(known));
        }
    }
    Ok(())
}

/// That a cookbook does not have a recipe, and what it has. Nothing if it has, or if there is no such cookbook.
fn missing(recipe: &RecipeName, runtime: &Runtime) -> Option<(String, String)> {
    let recipes = &runtime.cookbook(recipe.cookbook.as_str())?.package.metadata.recipes;
    if recipes.contains_key(recipe.recipe.as_str()) {
        return None;
    }
    let known: Vec<String> = recipes.keys().map(|name| format!("`{}::{name}`", recipe.cookbook)).collect();
    let message = format!("cookbook `{}` has no recipe `{}`", recipe.cookbook, recipe.recipe);
    Some((message, format!("it has {}", known.join(", "))))
}

fn check_recipes(manifest: &Manifest, runtime: &Runtime) -> Result<(), Failure> {
    let mut problems = Vec::new();
    for layer in &manifest.stack.layers {
        for event in LifecycleEvent::ALL {
            for (index, recipe) in layer.run_list(event).iter().enumerate() {
                let Some((message, known)) = missing(recipe, runtime) else { continue };
                let mut problem = Diagnostic::error(message).hint(known);
                if let Some(span) = manifest.span_of_recipe(&layer.name, event, index) {
                    problem = problem.label(span, "no such recipe");
                }
                problems.push(problem);
            }
        }
    }
    let hooks = manifest.stack.apps.iter().filter_map(|app| Some((app, &app.deployment.as_ref()?.hooks)));
    for (app, recipe) in hooks.flat_map(|(app, hooks)| hooks.recipes().map(move |recipe| (app, recipe))) {
        let Some((message, known)) = missing(recipe, runtime) else { continue };
        let mut problem = Diagnostic::error(message).hint(known);
        if let Some(span) = manifest.span_of_app(&app.name) {
            problem = problem.label(span, "a hook of this app");
        }
        problems.push(problem);
    }
    if problems.is_empty() { Ok(()) } else { Err(manifest.diagnostics(problems).into()) }
}
