//! One module a command.

pub(crate) mod cache;
pub(crate) mod connection;
pub(crate) mod cookbook;
pub(crate) mod execution;
pub(crate) mod facts;
pub(crate) mod instance;
pub(crate) mod manual;
pub(crate) mod plan;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod stack;
pub(crate) mod unlock;

use std::path::{Path, PathBuf};

use engine_manifest::{Diagnostic, Manifest};
use engine_model::LifecycleEvent;
use engine_runtime::{Cache, EvaluationLimits, Runtime};

use crate::{arguments::GlobalOptions, errors::Failure, paths};

/// Finds and reads a stack file. Its warnings go to the screen.
pub(crate) fn manifest(stack: &str) -> Result<Manifest, Failure> {
    let here = std::env::current_dir()
        .map_err(|error| Failure::failed(format!("the working directory: {error}")))?;
    let path: PathBuf = engine_manifest::find(stack, &here)?;
    let manifest = engine_manifest::load(&path)?;
    let warnings = manifest.warnings();
    if !warnings.is_empty() {
        anstream::eprintln!("{}", warnings.render(true).trim_end());
    }
    Ok(manifest)
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

fn check_recipes(manifest: &Manifest, runtime: &Runtime) -> Result<(), Failure> {
    let mut problems = Vec::new();
    for layer in &manifest.stack.layers {
        for event in LifecycleEvent::ALL {
            for (index, recipe) in layer.run_list(event).iter().enumerate() {
                let Some(cookbook) = runtime.cookbook(recipe.cookbook.as_str()) else { continue };
                let recipes = &cookbook.package.metadata.recipes;
                if recipes.contains_key(recipe.recipe.as_str()) {
                    continue;
                }
                let known: Vec<String> =
                    recipes.keys().map(|name| format!("`{}::{name}`", recipe.cookbook)).collect();
                let mut problem = Diagnostic::error(format!(
                    "cookbook `{}` has no recipe `{}`",
                    recipe.cookbook, recipe.recipe
                ))
                .hint(format!("it has {}", known.join(", ")));
                if let Some(span) = manifest.span_of_recipe(&layer.name, event, index) {
                    problem = problem.label(span, "no such recipe");
                }
                problems.push(problem);
            }
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(manifest.diagnostics(problems).into()) }
}
