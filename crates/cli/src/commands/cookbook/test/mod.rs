//! `engine cookbook test`: recipes of any language with made-up facts, and what they declare compared with what they
//! declared when somebody looked at it.

mod case;

use std::{
    fmt::Write as _,
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;
use engine_contract::{Node, render::render, visible};
use engine_model::RecipeName;
use engine_protocol::{Collection, frame};
use engine_runtime::{Cache, EvaluationLimits, Runtime};
use engine_scheduler::ports::{Checkpoint, EvaluateFailure, EvaluateRequest, EvaluationObserver, LogLevel};
use serde_json::json;
use similar::TextDiff;

use self::case::Case;
use super::{build, source};
use crate::{
    arguments::{GlobalOptions, TestArguments},
    commands::open_cache,
    errors::{self, FAILED, Failure},
    paths,
};

/// What came of a case.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It declares what it declared.
    Passed,
    /// The snapshot was written.
    Updated,
    /// It does not, or something else is wrong.
    Failed(String),
}

/// What the recipes of a case declared and said.
#[derive(Debug, PartialEq)]
struct Evaluated {
    text: String,
    collections: Vec<Collection>,
    failed: bool,
}

pub(super) fn test(global: &GlobalOptions, arguments: &TestArguments) -> Result<ExitCode, Failure> {
    let directory = &arguments.directory;
    let metadata = source::metadata(directory)?;
    let cases = case::cases(directory, &metadata, &arguments.cases)?;
    if cases.is_empty() {
        return Err(Failure::usage(format!("{} has no case", directory.join("tests").display()))
            .hint("write one, as `engine cookbook test --help` shows"));
    }
    if !arguments.no_build {
        build::build(directory).with_context(|| format!("cookbook {}", directory.display()))?;
    }
    let cache = open_cache(&paths::cache_directory(global)?);
    let mut report = Vec::new();
    let mut failed = 0;
    for case in &cases {
        let evaluated = evaluate(case, cache.as_ref())?;
        let verdict = judge(case, &evaluated, arguments.update)?;
        failed += usize::from(matches!(verdict, Verdict::Failed(_)));
        if arguments.json {
            report.push(json!({
                "case": case.name,
                "passed": !matches!(verdict, Verdict::Failed(_)),
                "failed_as_it_must": case.fails && evaluated.failed,
                "digest": digest(&evaluated.collections),
                "collections": evaluated.collections,
            }));
        } else {
            show(&metadata.name, case, &verdict);
        }
    }
    if arguments.json {
        anstream::println!("{:#}", serde_json::Value::Array(report));
    } else {
        anstream::println!("{} passed, {failed} failed", cases.len() - failed);
    }
    if failed == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    errors::hint(&format!(
        "if that is right, `engine cookbook test {} --update` writes the snapshots",
        directory.display()
    ));
    Ok(ExitCode::from(FAILED))
}

/// BLAKE3 of what would go to a node.
fn digest(collections: &[Collection]) -> Option<String> {
    let encoded: Result<Vec<Vec<u8>>, _> = collections.iter().map(frame::encode).collect();
    encoded.ok().map(|encoded| engine_runtime::digest(&encoded.concat()))
}

fn show(cookbook: &str, case: &Case, verdict: &Verdict) {
    let (style, word, text) = match verdict {
        Verdict::Passed => (anstyle::AnsiColor::Green, "ok     ", ""),
        Verdict::Updated => (anstyle::AnsiColor::Yellow, "updated", ""),
        Verdict::Failed(problem) => (anstyle::AnsiColor::Red, "FAILED ", problem.as_str()),
    };
    let style = style.on_default().bold();
    anstream::println!("{style}{word}{style:#} {cookbook} {}", case.name);
    for line in text.lines() {
        anstream::println!("        {}", visible::line(line));
    }
}

fn judge(case: &Case, evaluated: &Evaluated, update: bool) -> anyhow::Result<Verdict> {
    if evaluated.failed && !case.fails {
        return Ok(Verdict::Failed(evaluated.text.clone()));
    }
    if case.fails && !evaluated.failed {
        return Ok(Verdict::Failed(format!("it must fail, and declares this:\n{}", evaluated.text)));
    }
    let known = read(&case.snapshot)?;
    if known.as_deref() == Some(&evaluated.text) {
        return Ok(Verdict::Passed);
    }
    if update {
        std::fs::write(&case.snapshot, &evaluated.text)
            .with_context(|| case.snapshot.display().to_string())?;
        return Ok(Verdict::Updated);
    }
    let known = known.unwrap_or_default();
    let diff = TextDiff::from_lines(&known, &evaluated.text);
    let diff = diff.unified_diff().context_radius(3).header("snapshot", "declared now").to_string();
    Ok(Verdict::Failed(diff))
}

fn read(path: &Path) -> anyhow::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// Evaluates twice: what a recipe declares may depend on nothing but what it sees.
fn evaluate(case: &Case, cache: Option<&Cache>) -> Result<Evaluated, Failure> {
    let mut runtime = Runtime::new(EvaluationLimits::default()).map_err(Failure::failed)?;
    if let Err(errors) = runtime.load(&case.cookbooks, cache) {
        let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
        return Err(Failure::failed(all.join("\n")));
    }
    let first = evaluate_once(&runtime, case);
    if first == evaluate_once(&runtime, case) {
        return Ok(first);
    }
    let problem = "it declares something else each time; a recipe may depend on nothing but what it sees\n";
    Ok(Evaluated { text: problem.to_owned(), collections: Vec::new(), failed: true })
}

fn evaluate_once(runtime: &Runtime, case: &Case) -> Evaluated {
    let request = EvaluateRequest {
        built_in: Vec::new(),
        run_list: case.run_list.clone(),
        node: Node { ..case.node.clone() },
    };
    let observed = Observed { node: case.node.clone(), seen: Arc::default() };
    let seen = Arc::clone(&observed.seen);
    let result = runtime.evaluate_blocking(request, Box::new(observed));
    let mut seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    let failed = result.is_err();
    match result {
        Ok(collection) => {
            seen.text.push_str(&render(&collection));
            seen.collections.push(collection);
        }
        Err(failure) => seen.fails(&failure),
    }
    Evaluated { text: seen.text, collections: seen.collections, failed }
}

/// Writes down what happens; checkpoints are passed, and change nothing that a recipe sees.
struct Observed {
    node: Node,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    text: String,
    collections: Vec<Collection>,
}

impl Seen {
    fn fails(&mut self, failure: &EvaluateFailure) {
        let recipe = failure.recipe.as_deref().map(|recipe| format!("{recipe}: ")).unwrap_or_default();
        let _ = writeln!(self.text, "fails: {recipe}{}", failure.message);
        for detail in &failure.details {
            let _ = writeln!(self.text, "  {detail}");
        }
    }
}

impl EvaluationObserver for Observed {
    fn log(&mut self, recipe: &RecipeName, level: LogLevel, message: &str) {
        let level = format!("{level:?}").to_lowercase();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(seen.text, "{level} of {recipe}: {message}");
    }

    fn checkpoint(&mut self, batch: Collection) -> Checkpoint {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.text.push_str(&render(&batch));
        seen.text.push_str("checkpoint\n");
        seen.collections.push(batch);
        Checkpoint::Reached(Box::new(self.node.facts.clone()))
    }
}
