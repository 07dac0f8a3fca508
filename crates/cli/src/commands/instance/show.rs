//! `engine instance show`.

use std::{fmt::Write as _, process::ExitCode};

use comfy_table::{CellAlignment, Table, presets};
use engine_contract::visible;
use engine_model::{Connection, Instance, Name, StatusRecord};
use engine_scheduler::ports::NodeRunRecord;
use serde_json::json;

use crate::{
    arguments::ShowArguments,
    commands::{
        self, live,
        runs::{took, when},
    },
    errors::Failure,
    state::{ask, existing},
};

/// Runs that are shown: OpsWorks kept as many commands an instance.
const RUNS: u32 = 30;

/// Shows all that is known of an instance.
pub(super) fn show(arguments: &ShowArguments) -> Result<ExitCode, Failure> {
    let manifest = commands::unfinished_manifest(&arguments.stack)?;
    let instance = super::find(&manifest, &arguments.instance)?;
    let state = arguments.state.given();
    let record = live::statuses(&manifest, state)?.get(&instance.name).copied();
    let runs = match existing(&manifest, state)? {
        Some(store) => ask(store.node_runs(&manifest.stack.name, &instance.name, RUNS))?,
        None => Vec::new(),
    };
    if arguments.json {
        anstream::println!("{:#}", as_json(instance, record, &runs));
    } else {
        anstream::print!("{}", text(instance, record, &runs));
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json(instance: &Instance, record: Option<StatusRecord>, runs: &[NodeRunRecord]) -> serde_json::Value {
    json!({
        "name": instance.name,
        "layers": instance.layers,
        "connection": instance.connection,
        "address": instance.address,
        "hostname": instance.hostname,
        "registered": instance.registered,
        "status": record.map(|record| record.status).unwrap_or_default(),
        "since_ms": record.map(|record| record.since_ms),
        "runs": runs,
    })
}

fn text(instance: &Instance, record: Option<StatusRecord>, runs: &[NodeRunRecord]) -> String {
    let bold = anstyle::Style::new().bold();
    let layers: Vec<&str> = instance.layers.iter().map(Name::as_str).collect();
    let rows = [
        ("layers", if layers.is_empty() { "none".to_owned() } else { layers.join(", ") }),
        ("reached", reached(&instance.connection)),
        ("address", instance.address.clone()),
        ("host name", instance.hostname.clone()),
        ("registered", if instance.registered { "yes" } else { "no" }.to_owned()),
        ("status", status(record)),
    ];
    let mut text = format!("{bold}{}{bold:#}\n", instance.name);
    for (label, value) in rows {
        let _ = writeln!(text, "  {label:12} {}", visible::line(&value));
    }
    if runs.is_empty() {
        return text;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "run",
        "command",
        "result",
        "changed",
        "up to date",
        "failed",
        "ended",
        "took",
    ]);
    for part in runs {
        table.add_row([
            part.run.id.to_string(),
            part.run.run.command.to_string(),
            part.result.word().to_owned(),
            part.counts.changed.to_string(),
            part.counts.up_to_date.to_string(),
            part.counts.failed.to_string(),
            when(part.ended_ms),
            took(part.duration_ms),
        ]);
    }
    for column in [3, 4, 5, 7] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let _ = writeln!(text, "\n{}", table.trim_fmt());
    text
}

fn status(record: Option<StatusRecord>) -> String {
    record.map_or_else(
        || "pending: it was never set up".to_owned(),
        |record| format!("{} since {}", record.status, when(record.since_ms)),
    )
}

fn reached(connection: &Connection) -> String {
    match connection {
        Connection::Local => "this machine".to_owned(),
        Connection::Ssh { host, user, port, identity_file } => {
            let user = user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
            let port = port.map(|port| format!(", port {port}")).unwrap_or_default();
            let key =
                identity_file.as_ref().map(|key| format!(", key {}", key.display())).unwrap_or_default();
            format!("ssh {user}{host}{port}{key}")
        }
    }
}
