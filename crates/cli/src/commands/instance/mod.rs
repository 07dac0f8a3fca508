//! `engine instance`.

use std::{collections::BTreeMap, path::Path, process::ExitCode};

use comfy_table::{Table, presets};
use engine_manifest::Manifest;
use engine_model::{Connection, InstanceStatus, Name};
use engine_scheduler::ports::Store as _;
use engine_store::SqliteStore;
use serde_json::json;

use crate::{arguments::InstanceCommand, commands, errors::Failure, paths};

pub(crate) fn instance(command: &InstanceCommand) -> Result<ExitCode, Failure> {
    let InstanceCommand::List { stack, json, state } = command;
    let manifest = commands::manifest(stack)?;
    let statuses = statuses(&manifest, state.as_deref())?;
    let rows = manifest.stack.instances.iter().map(|instance| {
        let layers: Vec<String> = instance.layers.iter().map(Name::to_string).collect();
        let host = match &instance.connection {
            Connection::Ssh { host, .. } => host.clone(),
            Connection::Local => "(this machine)".to_owned(),
        };
        let status = statuses.get(&instance.name).copied().unwrap_or_default();
        (instance.name.to_string(), layers, host, status)
    });
    if *json {
        let rows: Vec<_> = rows
            .map(|(name, layers, host, status)| {
                json!({"name": name, "layers": layers, "host": host, "status": status})
            })
            .collect();
        anstream::println!("{:#}", serde_json::Value::Array(rows));
    } else {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(["instance", "layers", "host", "status"]);
        for (name, layers, host, status) in rows {
            table.add_row([name, layers.join(", "), host, status.to_string()]);
        }
        anstream::println!("{}", table.trim_fmt());
    }
    Ok(ExitCode::SUCCESS)
}

fn statuses(manifest: &Manifest, state: Option<&Path>) -> Result<BTreeMap<Name, InstanceStatus>, Failure> {
    let file = paths::state_file(state, manifest.path());
    if !file.exists() {
        return Ok(BTreeMap::new());
    }
    let store = SqliteStore::open(&file).map_err(Failure::failed)?;
    tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| Failure::failed(format!("the asynchronous runtime: {error}")))?
        .block_on(store.statuses(&manifest.stack.name))
        .map_err(Failure::failed)
}
