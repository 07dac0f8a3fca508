//! What is printed.

use std::{fs, time::Duration};

use crate::{
    evaluate::Evaluation,
    lifecycle::Cell,
    measure::{Cost, median},
};

/// Everything that was measured.
#[derive(Default)]
pub struct Results {
    /// Evaluation alone.
    pub evaluation: Option<Evaluation>,
    /// From the start to the first connection, middle and best.
    pub first_packet: Option<(Duration, Duration)>,
    /// Runs on hosts.
    pub cells: Vec<Cell>,
}

/// Says what else goes on on this machine.
pub fn machine(when: &str) {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    println!("{when}: {cores} cores, load {load}");
}

fn wall(costs: &[Cost]) -> Duration {
    median(costs.iter().map(|cost| cost.wall)).unwrap_or_default()
}

fn best(costs: &[Cost]) -> Duration {
    costs.iter().map(|cost| cost.wall).min().unwrap_or_default()
}

fn cpu(costs: &[Cost]) -> Duration {
    median(costs.iter().map(|cost| cost.cpu)).unwrap_or_default()
}

#[allow(clippy::cast_precision_loss, reason = "kibibytes of one process")]
fn memory(costs: &[Cost]) -> f64 {
    costs.iter().map(|cost| cost.memory).max().unwrap_or_default() as f64 / 1024.0
}

/// As a number.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// One of the other.
pub fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64().max(f64::EPSILON)
}

/// A cell, as soon as it is measured.
pub fn cell(cell: &Cell) {
    println!("\n{} hosts x {} files", cell.hosts, cell.files);
    machine("after it");
    println!(
        "{:<15} {:>5} {:>9} {:>9} {:>8} {:>8} {:>13} {:>11} {:>12}",
        "", "times", "best ms", "median", "CPU ms", "RSS MiB", "/ handshake", "/ OpenSSH", "CPU / handsh."
    );
    let bare = &cell.handshake;
    let line = |name: &str, costs: &[Cost], openssh: Option<&[Cost]>| {
        let beside =
            openssh.map_or("-".to_owned(), |other| format!("{:.2}", ratio(wall(costs), wall(other))));
        println!(
            "{name:<15} {:>5} {:>9.1} {:>9.1} {:>8.1} {:>8.1} {:>13.2} {beside:>11} {:>12.2}",
            costs.len(),
            milliseconds(best(costs)),
            milliseconds(wall(costs)),
            milliseconds(cpu(costs)),
            memory(costs),
            ratio(wall(costs), wall(bare)),
            ratio(cpu(costs), cpu(bare)),
        );
    };
    line("handshake", bare, None);
    line("OpenSSH cold", &cell.cold.openssh, None);
    line("engine cold", &cell.cold.engine, Some(&cell.cold.openssh));
    line("OpenSSH warm", &cell.warm.openssh, None);
    line("engine warm", &cell.warm.engine, Some(&cell.warm.openssh));
}

/// A target and what was found.
pub struct Row {
    /// Of what.
    pub what: String,
    /// What was found.
    pub found: f64,
    /// What it may be at the most.
    pub target: f64,
    /// In what; empty for a number.
    pub unit: &'static str,
}

/// Prints targets, and whether each is met.
pub fn print_targets(rows: &[Row]) {
    println!("\n{:<44} {:>10} {:>10}", "target", "found", "at most");
    for Row { what, found, target, unit } in rows {
        let verdict = if found <= target { "pass" } else { "miss" };
        println!("{what:<44} {found:>10.2} {target:>10.2} {unit:<4} {verdict}");
    }
}

impl Results {
    /// The whole, and the targets at the end.
    pub fn print(&self) {
        if let Some(Evaluation { start, compile, load, node: (middle, best) }) = &self.evaluation {
            println!("\nevaluation");
            println!("runtime set up      {:>9.2} ms", milliseconds(*start));
            println!("cookbook compiled   {:>9.2} ms", milliseconds(*compile));
            println!("cookbook from cache {:>9.2} ms", milliseconds(*load));
            println!(
                "50 resources        {:>9.0} µs a node, best {:.0} µs",
                milliseconds(*middle) * 1000.0,
                milliseconds(*best) * 1000.0
            );
        }
        if let Some((middle, best)) = self.first_packet {
            println!(
                "\nfirst packet of `engine plan` after {:.1} ms, best {:.1} ms",
                milliseconds(middle),
                milliseconds(best)
            );
        }
        print_targets(&self.rows());
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut row = |what: String, found, target, unit| rows.push(Row { what, found, target, unit });
        for cell in &self.cells {
            let Cell { hosts, files, handshake, cold, warm } = cell;
            // Targets are set for the largest cell; the others are measured to see what grows with what.
            if self.cells.iter().any(|other| (other.hosts, other.files) > (*hosts, *files)) {
                continue;
            }
            let of = format!("{hosts} x {files}");
            row(format!("{of} warm, wall / handshake"), ratio(wall(&warm.engine), wall(handshake)), 2.0, "");
            row(format!("{of} cold, wall / handshake"), ratio(wall(&cold.engine), wall(handshake)), 4.0, "");
            row(format!("{of} warm, CPU / handshake"), ratio(cpu(&warm.engine), cpu(handshake)), 2.0, "");
            #[allow(clippy::cast_precision_loss, reason = "a few hosts")]
            let allowed = 64.0 + *hosts as f64;
            let most = memory(&warm.engine).max(memory(&cold.engine));
            row(format!("{of} peak memory of the controller"), most, allowed, "MiB");
        }
        if let Some(evaluation) = &self.evaluation {
            row("evaluating 50 resources".to_owned(), milliseconds(evaluation.node.0), 1.0, "ms");
        }
        if let Some((middle, _)) = self.first_packet {
            row("start to first packet".to_owned(), milliseconds(middle), 60.0, "ms");
        }
        rows
    }
}
