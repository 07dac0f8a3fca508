//! The cookbooks of a stack, loaded: read, checked against their grants, compiled and linked.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use engine_contract::{Package, PackageError};
use engine_model::{CookbookReference, CookbookSource, Name};
use engine_protocol::Grants;
use wasmtime::{
    Engine,
    component::{
        Component, ComponentExportIndex, InstancePre,
        types::{ComponentFunc, ComponentItem},
    },
};

use crate::{
    cache::Cache,
    compile,
    host::{self, Contract, State},
};

/// Largest component file, in bytes.
const MAXIMUM_COMPONENT_BYTES: u64 = 256 * 1024 * 1024;

/// A cookbook that is ready to run.
pub struct Cookbook {
    /// What it says of itself.
    pub package: Package,
    /// What it may do.
    pub grants: Grants,
    /// BLAKE3 of the file.
    pub digest: blake3::Hash,
    pub(crate) instance: InstancePre<State>,
    pub(crate) run: ComponentExportIndex,
    /// What declares its custom resources, if it has any.
    pub(crate) declare: Option<ComponentExportIndex>,
}

/// Why a cookbook cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[error("cookbook `{cookbook}` ({}): {kind}", .path.display())]
pub struct LoadError {
    /// The cookbook, as the stack file names it.
    pub cookbook: Name,
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub kind: LibraryError,
}

/// What is wrong with a cookbook's file.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// It cannot be read.
    #[error("{0}")]
    Read(#[from] std::io::Error),
    /// There is no component in the cookbook's directory.
    #[error("it is not built yet; run `engine cookbook build {}`", .0.display())]
    NotBuilt(PathBuf),
    /// It is larger than any cookbook should be.
    #[error("the file has {0} bytes; {MAXIMUM_COMPONENT_BYTES} are allowed")]
    TooLarge(u64),
    /// It is not a cookbook.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// It says that it is another.
    #[error("it says that its name is `{0}`; name it so in the stack file")]
    Name(String),
    /// It imports a capability of which nothing is granted.
    #[error(
        "it imports the capability `{capability}`, of which the stack file grants nothing; review what it asks for with `engine cookbook inspect`, then grant it under [cookbooks.{cookbook}.grants] as `{capability} = [...]`"
    )]
    NotGranted {
        /// The capability.
        capability: &'static str,
        /// The cookbook.
        cookbook: Name,
    },
    /// It imports something that engine does not have.
    #[error("it imports `{0}`, which engine does not offer")]
    UnknownImport(String),
    /// What runs its recipes is not there or not what it should be.
    #[error(
        "its `{0}` has no function `run: func(recipe: string) -> result<_, error>`; build it against engine's WIT files"
    )]
    Run(String),
    /// What declares its resources is not what it should be.
    #[error(
        "its `{0}` has no function `declare: func(resource: string, properties: string) -> result<string, error>`; build it against engine's WIT files"
    )]
    Declare(String),
    /// It does not compile or link.
    #[error("{0}")]
    Wasmtime(String),
}

/// Reads, checks and compiles one cookbook.
pub(crate) fn load(
    engine: &Engine,
    cache: Option<&Cache>,
    reference: &CookbookReference,
) -> Result<Cookbook, LoadError> {
    let CookbookSource::Path(place) = &reference.source;
    let error =
        |path: &Path, kind| LoadError { cookbook: reference.name.clone(), path: path.to_owned(), kind };
    let path = component_path(place, &reference.name).map_err(|kind| error(place, kind))?;
    load_file(engine, cache, reference, &path).map_err(|kind| error(&path, kind))
}

/// The component's file: the place itself, or what `engine cookbook build` left in the directory.
fn component_path(place: &Path, name: &Name) -> Result<PathBuf, LibraryError> {
    if !place.is_dir() {
        return Ok(place.to_owned());
    }
    let built = place.join("target").join(format!("{name}.wasm"));
    if built.is_file() { Ok(built) } else { Err(LibraryError::NotBuilt(place.to_owned())) }
}

fn load_file(
    engine: &Engine,
    cache: Option<&Cache>,
    reference: &CookbookReference,
    path: &Path,
) -> Result<Cookbook, LibraryError> {
    let length = std::fs::metadata(path)?.len();
    if length > MAXIMUM_COMPONENT_BYTES {
        return Err(LibraryError::TooLarge(length));
    }
    let bytes = std::fs::read(path)?;
    let package = engine_contract::package::read(&bytes)?;
    if package.metadata.name != reference.name.as_str() {
        return Err(LibraryError::Name(package.metadata.name));
    }
    let contract = Contract { version: &package.wit };
    let granted = reference.grants.capabilities();
    if let Some(capability) =
        package.imported_capabilities().into_iter().find(|capability| !granted.contains(capability))
    {
        return Err(LibraryError::NotGranted { capability, cookbook: reference.name.clone() });
    }
    if let Some(unknown) = package.imports.iter().find(|import| !contract.is_offered(import)) {
        return Err(LibraryError::UnknownImport(unknown.clone()));
    }
    let digest = blake3::hash(&bytes);
    let component = compiled(engine, cache, &digest, &bytes)?;
    let wasi = package.imports.iter().any(|import| import.starts_with("wasi:"));
    let linker = contract.linker(engine, &granted, wasi).map_err(|error| wasmtime_error(&error))?;
    let instance = linker.instantiate_pre(&component).map_err(|error| wasmtime_error(&error))?;
    let recipes = contract.interface("recipes");
    let run = function(&component, &recipes, "run", host::is_run).ok_or(LibraryError::Run(recipes))?;
    let mut declare = None;
    if !package.metadata.resources.is_empty() {
        let resources = contract.interface("custom-resources");
        let found = function(&component, &resources, "declare", host::is_declare);
        declare = Some(found.ok_or(LibraryError::Declare(resources))?);
    }
    let grants = reference.grants.clone();
    Ok(Cookbook { package, grants, digest, instance, run, declare })
}

/// A function that a component exports, if it is of the right type.
fn function(
    component: &Component,
    interface: &str,
    name: &str,
    is_right: fn(&ComponentFunc) -> bool,
) -> Option<ComponentExportIndex> {
    let (_, interface) = component.get_export(None, interface)?;
    match component.get_export(Some(&interface), name)? {
        (ComponentItem::ComponentFunc(function), index) if is_right(&function) => Some(index),
        _ => None,
    }
}

fn compiled(
    engine: &Engine,
    cache: Option<&Cache>,
    digest: &blake3::Hash,
    bytes: &[u8],
) -> Result<Component, LibraryError> {
    if let Some(component) = cache.and_then(|cache| cache.load(engine, digest)) {
        return Ok(component);
    }
    let component = compile::compile(engine, bytes).map_err(|error| wasmtime_error(&error))?;
    if let Some(cache) = cache {
        cache.store(engine, digest, &component);
    }
    Ok(component)
}

fn wasmtime_error(error: &wasmtime::Error) -> LibraryError {
    let all = format!("{error:#}");
    if all.contains("pooling allocator") {
        return LibraryError::Wasmtime(format!(
            "it needs more than a cookbook may have: {}",
            error.root_cause()
        ));
    }
    LibraryError::Wasmtime(all)
}

/// All cookbooks of a stack, by name. Loaded in parallel: compiling is the slow part.
pub(crate) fn load_all(
    engine: &Engine,
    cache: Option<&Cache>,
    references: &[CookbookReference],
) -> Result<BTreeMap<String, Cookbook>, Vec<LoadError>> {
    let results: Vec<_> = std::thread::scope(|scope| {
        let tasks: Vec<_> = references
            .iter()
            .map(|reference| {
                scope.spawn(move || (reference.name.to_string(), load(engine, cache, reference)))
            })
            .collect();
        tasks
            .into_iter()
            .map(|task| task.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let mut cookbooks = BTreeMap::new();
    let mut errors = Vec::new();
    for (name, result) in results {
        match result {
            Ok(cookbook) => drop(cookbooks.insert(name, cookbook)),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(cookbooks) } else { Err(errors) }
}
