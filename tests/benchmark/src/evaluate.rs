//! Evaluation alone, in this process: no host, no network.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, ensure};
use engine_contract::Node;
use engine_model::{CookbookReference, CookbookSource, RecipeName};
use engine_protocol::{Collection, Facts, Grants};
use engine_runtime::{Cache, EvaluationLimits, Runtime};
use engine_scheduler::ports::{Checkpoint, EvaluateRequest, EvaluationObserver, LogLevel};
use serde_json::json;

use crate::measure::median;

/// How often each is measured.
const COMPILATIONS: usize = 3;
const LOADS: usize = 20;
const EVALUATIONS: usize = 500;
/// Resources of a node: a directory and files in it.
const RESOURCES: usize = 50;

/// What evaluation costs.
pub struct Evaluation {
    /// Setting up the runtime, which reserves address space.
    pub start: Duration,
    /// Loading the cookbook when its code is not in the cache.
    pub compile: Duration,
    /// Loading it when it is.
    pub load: Duration,
    /// One node with [`RESOURCES`], middle and best.
    pub node: (Duration, Duration),
}

struct Deaf;

impl EvaluationObserver for Deaf {
    fn log(&mut self, _: &RecipeName, _: LogLevel, _: &str) {}

    fn checkpoint(&mut self, _: Collection) -> Checkpoint {
        Checkpoint::Unknown
    }
}

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("{error}")
}

fn timed<T>(what: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(Duration, T)> {
    let start = Instant::now();
    let value = what()?;
    Ok((start.elapsed(), value))
}

/// A runtime with the cookbook, and how long its two parts took.
fn load(reference: &CookbookReference, cache: &Cache) -> anyhow::Result<(Duration, Duration, Runtime)> {
    let (start, mut runtime) = timed(|| Runtime::new(EvaluationLimits::default()).map_err(failed))?;
    let (load, ()) = timed(|| {
        runtime
            .load(std::slice::from_ref(reference), Some(cache))
            .map_err(|errors| anyhow!("{}", errors.iter().map(ToString::to_string).collect::<String>()))
    })?;
    Ok((start, load, runtime))
}

/// Measures all of it.
pub fn measure(cookbook: &Path) -> anyhow::Result<Evaluation> {
    let directory = tempfile::tempdir()?;
    let grants = Grants { files: vec!["/srv/benchmark/**".to_owned()], ..Grants::default() };
    let name = "benchmark".parse().map_err(failed)?;
    let reference = CookbookReference { name, source: CookbookSource::Path(cookbook.to_owned()), grants };

    let (mut starts, mut compilations, mut loads) = (Vec::new(), Vec::new(), Vec::new());
    let open = |number: usize| Cache::open(&directory.path().join(number.to_string())).map_err(failed);
    for number in 0..COMPILATIONS {
        let (start, compile, _) = load(&reference, &open(number)?)?;
        starts.push(start);
        compilations.push(compile);
    }
    let cache = open(0)?;
    let mut runtime = None;
    for _ in 0..LOADS {
        let (start, load, loaded) = load(&reference, &cache)?;
        starts.push(start);
        loads.push(load);
        runtime = Some(loaded);
    }
    let runtime = runtime.context("nothing was loaded")?;

    let mut nodes = Vec::with_capacity(EVALUATIONS);
    for _ in 0..EVALUATIONS {
        let request = EvaluateRequest {
            built_in: Vec::new(),
            run_list: vec!["benchmark::files".parse().map_err(failed)?],
            node: Node {
                facts: Facts { hostname: "app-1".to_owned(), ..Facts::default() },
                attributes: json!({"benchmark": {"files": RESOURCES - 1}}),
                ..Node::default()
            },
        };
        let (time, collection) =
            timed(|| runtime.evaluate_blocking(request, Box::new(Deaf)).map_err(failed))?;
        ensure!(collection.resources.len() == RESOURCES, "{} resources", collection.resources.len());
        nodes.push(time);
    }
    let best = nodes.iter().copied().min().unwrap_or_default();
    let middle = |values: Vec<Duration>| median(values).unwrap_or_default();
    Ok(Evaluation {
        start: middle(starts),
        compile: middle(compilations),
        load: middle(loads),
        node: (middle(nodes), best),
    })
}
