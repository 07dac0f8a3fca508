//! What is printed.

use super::{Cell, ScaleArguments};
use crate::report::{Row, milliseconds, print_targets, ratio};

/// What a node may take of the controller's memory, in MiB.
const MEMORY: f64 = 1.5;

/// How much longer a node may take among ten times as many.
const GROWTH: f64 = 1.3;

/// What follows.
pub fn head(parallel: usize, arguments: &ScaleArguments) {
    let at_once = if parallel == 0 {
        "as many at once as by default".to_owned()
    } else {
        format!("{parallel} at once")
    };
    println!(
        "\nsetup of simulated nodes, {} files each, {} ms a batch, {at_once}",
        arguments.files, arguments.delay
    );
    println!(
        "{:>6} {:>9} {:>11} {:>11} {:>9} {:>9} {:>11}",
        "nodes", "wall s", "ms a node", "CPU s", "CPU/node", "peak MiB", "MiB a node"
    );
}

#[allow(clippy::cast_precision_loss, reason = "kibibytes of one process")]
/// The last cell, beside the first.
pub fn cell(cells: &[Cell]) {
    let (Some(first), Some(cell)) = (cells.first(), cells.last()) else { return };
    let memory = cell.memory_per_node(first).map_or("-".to_owned(), |memory| format!("{memory:.3}"));
    println!(
        "{:>6} {:>9.2} {:>11.2} {:>11.2} {:>9.2} {:>9.1} {memory:>11}",
        cell.nodes,
        cell.cost.wall.as_secs_f64(),
        milliseconds(cell.time_per_node()),
        cell.cost.cpu.as_secs_f64(),
        milliseconds(cell.cpu_per_node()),
        cell.cost.memory as f64 / 1024.0,
    );
}

/// The targets, and whether each is met.
pub fn targets(cells: &[Cell]) {
    let mut rows = Vec::new();
    for of in cells.chunk_by(|one, other| one.parallel == other.parallel) {
        let (Some(first), Some(last)) = (of.first(), of.last()) else { continue };
        let name = if last.parallel == 0 { "default".to_owned() } else { last.parallel.to_string() };
        let mut row = |what: String, found, target, unit| rows.push(Row { what, found, target, unit });
        if let Some(memory) = last.memory_per_node(first) {
            row(format!("{} nodes, parallel {name}, memory a node", last.nodes), memory, MEMORY, "MiB");
        }
        if let Some(tenth) = of.iter().find(|cell| cell.nodes * 10 == last.nodes) {
            let grown = ratio(last.time_per_node(), tenth.time_per_node());
            let what = format!("time a node, {} / {}, parallel {name}", last.nodes, tenth.nodes);
            row(what, grown, GROWTH, "");
        }
    }
    print_targets(&rows);
}

/// Whether no node takes more memory than it may.
pub fn memory_is_bounded(cells: &[Cell]) -> bool {
    let by_parallel = cells.chunk_by(|one, other| one.parallel == other.parallel);
    let mut taken = by_parallel.filter_map(|of| of.last()?.memory_per_node(of.first()?));
    taken.all(|memory| memory <= MEMORY)
}
