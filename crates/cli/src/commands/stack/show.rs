//! `engine stack show`.

use std::fmt::Write as _;

use comfy_table::{Table, presets};
use engine_contract::visible;
use engine_manifest::Manifest;
use engine_model::{App, CookbookSource, Layer, LifecycleEvent, Name, RunRecord, StackLock};
use serde_json::{Value, json};

use super::rollout;
use crate::{
    commands::{
        self, instance,
        live::{self, Statuses},
        runs::{table, when},
    },
    errors::Failure,
    state::{ask, existing},
};

/// Runs that are shown; `engine runs list` has more.
const RUNS: u32 = 5;

/// What the store knows.
struct Live {
    statuses: Statuses,
    holder: Option<StackLock>,
    runs: Vec<RunRecord>,
}

/// Shows all that is known of a stack.
pub(super) fn show(stack: &str, as_json: bool, state: Option<&str>) -> Result<(), Failure> {
    let manifest = commands::unfinished_manifest(stack)?;
    let name = &manifest.stack.name;
    let (holder, runs) = match existing(&manifest, state)? {
        Some(store) => (ask(store.lock_of(name))?, ask(store.runs(name, RUNS))?),
        None => (None, Vec::new()),
    };
    let live = Live { statuses: live::statuses(&manifest, state)?, holder, runs };
    if as_json {
        anstream::println!("{:#}", json(&manifest, &live));
    } else {
        anstream::print!("{}", text(&manifest, &live));
    }
    Ok(())
}

/// Attributes are left out: an operator looks them up in the file, and a script has no use for them.
fn json(manifest: &Manifest, live: &Live) -> Value {
    let stack = &manifest.stack;
    let layers = stack.layers.iter().map(|layer| {
        json!({
            "name": layer.name,
            "description": layer.description,
            "after": layer.after,
            "run_lists": layer.run_lists,
            "rollout": layer.rollout,
            "rollout_of": layer.rollout_of,
        })
    });
    let instances = stack.instances.iter().map(|instance| {
        let record = live.statuses.get(&instance.name);
        json!({
            "name": instance.name,
            "layers": instance.layers,
            "host": instance::host(instance),
            "registered": instance.registered,
            "status": live::status(&live.statuses, &instance.name),
            "since_ms": record.map(|record| record.since_ms),
        })
    });
    let app = |app: &App| json!({"name": app.name, "description": app.description, "layers": app.layers});
    let cookbooks = stack.cookbooks.iter().map(|cookbook| {
        let CookbookSource::Path(path) = &cookbook.source;
        json!({"name": cookbook.name, "path": path})
    });
    json!({
        "name": stack.name,
        "path": manifest.path(),
        "description": stack.description,
        "layers": layers.collect::<Vec<_>>(),
        "instances": instances.collect::<Vec<_>>(),
        "apps": stack.apps.iter().map(app).collect::<Vec<_>>(),
        "cookbooks": cookbooks.collect::<Vec<_>>(),
        "held_by": live.holder,
        "runs": live.runs,
    })
}

fn text(manifest: &Manifest, live: &Live) -> String {
    let stack = &manifest.stack;
    let bold = anstyle::Style::new().bold();
    let mut text = format!("{bold}{}{bold:#}", stack.name);
    if !stack.description.is_empty() {
        let _ = write!(text, "  {}", visible::line(&stack.description));
    }
    let _ = writeln!(text, "\n  file  {}", manifest.path().display());
    if let Some(holder) = &live.holder {
        let owner = visible::line(&holder.owner);
        let _ = writeln!(text, "  held  by {owner} for {} since {}", holder.operation, when(holder.since_ms));
    }
    let mut section = |title: &str, lines: &str| {
        if !lines.is_empty() {
            let _ = write!(text, "\n{bold}{title}{bold:#}\n{lines}");
        }
    };
    section("layers", &stack.layers.iter().map(layer).collect::<String>());
    section("instances", &instances(manifest, &live.statuses));
    let apps = stack.apps.iter().map(|app| (&app.name, names(&app.layers)));
    section("apps", &pairs(&apps.collect::<Vec<_>>()));
    let cookbooks = stack.cookbooks.iter().map(|cookbook| {
        let CookbookSource::Path(path) = &cookbook.source;
        (&cookbook.name, visible::line(&path.display().to_string()).into_owned())
    });
    section("cookbooks", &pairs(&cookbooks.collect::<Vec<_>>()));
    if !live.runs.is_empty() {
        section("runs", &indented(&table(&live.runs)));
    }
    text
}

/// A layer, with a line for each event that has recipes.
fn layer(layer: &Layer) -> String {
    let mut text = format!("  {}", layer.name);
    if !layer.after.is_empty() {
        let _ = write!(text, ", after {}", names(&layer.after));
    }
    if !layer.description.is_empty() {
        let _ = write!(text, "  {}", visible::line(&layer.description));
    }
    text.push('\n');
    for event in LifecycleEvent::ALL {
        let recipes: Vec<String> = layer.run_list(event).iter().map(ToString::to_string).collect();
        if !recipes.is_empty() {
            let _ = writeln!(text, "    {event:10} {}", recipes.join(", "));
        }
    }
    let all = rollout(&layer.rollout).map(|words| ("rollout".to_owned(), words));
    let single = layer.rollout_of.iter();
    let single = single.filter_map(|(command, own)| Some((format!("rollout of {command}"), rollout(own)?)));
    for (label, words) in all.into_iter().chain(single) {
        let _ = writeln!(text, "    {label:10} {}", visible::line(&words));
    }
    text
}

fn instances(manifest: &Manifest, statuses: &Statuses) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["instance", "layers", "host", "status", "since"]);
    for instance in &manifest.stack.instances {
        let since = statuses.get(&instance.name).map(|record| when(record.since_ms)).unwrap_or_default();
        table.add_row([
            instance.name.to_string(),
            names(&instance.layers),
            visible::line(instance::host(instance)).into_owned(),
            live::status(statuses, &instance.name).to_string(),
            since,
        ]);
    }
    if table.is_empty() { String::new() } else { indented(&table) }
}

fn indented(table: &Table) -> String {
    table.trim_fmt().lines().fold(String::new(), |text, line| text + "  " + line.trim_end() + "\n")
}

fn pairs(rows: &[(&Name, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.as_str().len()).max().unwrap_or_default();
    rows.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{}", format!("  {name:width$}  {value}").trim_end());
        text
    })
}

fn names(names: &[Name]) -> String {
    names.iter().map(Name::as_str).collect::<Vec<_>>().join(", ")
}
