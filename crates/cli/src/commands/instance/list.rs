//! `engine instance list`.

use std::process::ExitCode;

use comfy_table::{Table, presets};
use engine_model::Name;
use serde_json::json;

use crate::{
    commands::{self, live},
    errors::Failure,
};

/// Lists the instances with their statuses.
pub(super) fn list(stack: &str, json: bool, state: Option<&str>) -> Result<ExitCode, Failure> {
    let manifest = commands::unfinished_manifest(stack)?;
    let statuses = live::statuses(&manifest, state)?;
    let rows = manifest.stack.instances.iter().map(|instance| {
        let layers: Vec<String> = instance.layers.iter().map(Name::to_string).collect();
        let status = live::status(&statuses, &instance.name);
        (instance.name.to_string(), layers, super::host(instance), status)
    });
    if json {
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
            table.add_row([name, layers.join(", "), host.to_owned(), status.to_string()]);
        }
        anstream::println!("{}", table.trim_fmt());
    }
    Ok(ExitCode::SUCCESS)
}
