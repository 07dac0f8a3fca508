//! `engine cache`.

use std::{process::ExitCode, time::Duration};

use comfy_table::{Table, presets};
use engine_runtime::{Cache, CacheEntry, EntryState, EvaluationLimits, Runtime};
use serde_json::json;

use crate::{
    arguments::{CacheCommand, GlobalOptions},
    errors::{FAILED, Failure, error},
    paths,
};

pub(crate) fn cache(global: &GlobalOptions, command: &CacheCommand) -> Result<ExitCode, Failure> {
    let cache = Cache::open(&paths::cache_directory(global)?).map_err(Failure::failed)?;
    let runtime = Runtime::new(EvaluationLimits::default()).map_err(Failure::failed)?;
    let entries = cache.entries(&runtime).map_err(Failure::failed)?;
    match command {
        CacheCommand::List { json } => list(&entries, *json),
        CacheCommand::Verify => return Ok(verify(&cache, &entries)),
        CacheCommand::Prune { older_than, all } => {
            let doomed = |entry: &&CacheEntry| match older_than {
                _ if *all => true,
                Some(days) => entry.age() > Duration::from_secs(days.saturating_mul(24 * 60 * 60)),
                None => !entry.compatible || cache.verify(entry) == EntryState::Tampered,
            };
            let doomed: Vec<&CacheEntry> = entries.iter().filter(doomed).collect();
            doomed.iter().try_for_each(|entry| cache.remove(entry)).map_err(Failure::failed)?;
            let bytes: u64 = doomed.iter().map(|entry| entry.bytes).sum();
            anstream::println!("removed {} of {} entries, {} KiB", doomed.len(), entries.len(), bytes / 1024);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(entries: &[CacheEntry], as_json: bool) {
    if as_json {
        let rows: Vec<_> = entries
            .iter()
            .map(|entry| {
                json!({
                    "component": entry.component,
                    "compatible": entry.compatible,
                    "bytes": entry.bytes,
                    "age_seconds": entry.age().as_secs(),
                })
            })
            .collect();
        anstream::println!("{:#}", serde_json::Value::Array(rows));
        return;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["component", "size", "usable"]);
    for entry in entries {
        let usable = if entry.compatible { "yes" } else { "no, of another version" };
        table.add_row([
            entry.component[..16].to_owned(),
            format!("{} KiB", entry.bytes / 1024),
            usable.to_owned(),
        ]);
    }
    anstream::println!("{}", table.trim_fmt());
}

fn verify(cache: &Cache, entries: &[CacheEntry]) -> ExitCode {
    let tampered: Vec<&CacheEntry> =
        entries.iter().filter(|entry| cache.verify(entry) == EntryState::Tampered).collect();
    for entry in &tampered {
        error(&format!("the compiled code of {} was tampered with; it is never loaded", entry.component));
    }
    anstream::println!("{} of {} entries are intact", entries.len() - tampered.len(), entries.len());
    if tampered.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
}
