//! The table at the end of a run.

use std::fmt::Write as _;

use anstyle::AnsiColor;
use comfy_table::{CellAlignment, Table, presets};
use engine_contract::visible;
use engine_protocol::Mode;
use engine_scheduler::{NodeResult, RunSummary};

/// The table, with the errors of the hosts that failed below, and one line on all.
pub(crate) fn text(summary: &RunSummary, mode: Mode) -> String {
    let changed = if mode == Mode::Plan { "would change" } else { "changed" };
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "host",
        "result",
        changed,
        "up to date",
        "skipped",
        "failed",
        "unknown",
        "time",
    ]);
    for node in &summary.nodes {
        let counts = node.counts;
        table.add_row([
            node.instance.to_string(),
            node.result.word().to_owned(),
            counts.changed.to_string(),
            counts.up_to_date.to_string(),
            counts.skipped.to_string(),
            counts.failed.to_string(),
            counts.unknown.to_string(),
            seconds(node.duration_ms),
        ]);
    }
    for column in 2..8 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = format!("\n{}\n\n", table.trim_fmt());
    // Writing to a `String` cannot fail.
    for node in &summary.nodes {
        if let Some(error) = error(&node.result) {
            let style = AnsiColor::Red.on_default().bold();
            let error = visible::lines(error).replace('\n', "\n  ");
            let _ = writeln!(text, "{style}{}{style:#}: {error}", node.instance);
        }
    }
    let failed = summary.nodes.iter().filter(|node| !node.result.is_success()).count();
    let counts = summary.counts();
    let end = if summary.stack_lost {
        "stopped, because the stack is not held any more".to_owned()
    } else if summary.stopped {
        "stopped by the operator".to_owned()
    } else if failed > 0 {
        format!("{failed} of {} failed", hosts(summary.nodes.len()))
    } else {
        end_of_success(summary)
    };
    let _ = writeln!(
        text,
        "{end}; {} {changed}, {} up to date, in {}",
        counts.changed,
        counts.up_to_date,
        seconds(summary.duration_ms)
    );
    text
}

/// Who was left out was not done, so it is not among those that are ok.
fn end_of_success(summary: &RunSummary) -> String {
    let ok = summary.nodes.iter().filter(|node| node.result == NodeResult::Successful).count();
    match summary.nodes.len() - ok {
        0 => format!("{} ok", hosts(ok)),
        left_out if ok == 0 => format!("nobody was reached: {} left out", hosts(left_out)),
        left_out => format!("{} ok, {left_out} left out", hosts(ok)),
    }
}

fn hosts(count: usize) -> String {
    if count == 1 { "1 host".to_owned() } else { format!("{count} hosts") }
}

fn error(result: &NodeResult) -> Option<&str> {
    match result {
        NodeResult::Failed { error }
        | NodeResult::EvaluationFailed { error }
        | NodeResult::Unreachable { error }
        | NodeResult::Refused { error }
        | NodeResult::ConnectionLost { error } => Some(error),
        NodeResult::NotTried { reason } => Some(reason),
        NodeResult::Successful | NodeResult::LeftOut { .. } | NodeResult::Stopped { .. } => None,
    }
}

#[allow(clippy::cast_precision_loss)] // A run of 285,000 years would be off by a millisecond.
fn seconds(milliseconds: u64) -> String {
    format!("{:.1} s", milliseconds as f64 / 1000.0)
}
