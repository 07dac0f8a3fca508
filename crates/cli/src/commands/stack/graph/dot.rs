//! A stack in the language of Graphviz.

use std::fmt::Write as _;

use super::{Graph, Machine};

/// Draws it.
pub(super) fn draw(graph: &Graph) -> String {
    let mut text = format!("digraph {} {{\n", quoted(&graph.name));
    text.push_str("  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n");
    let title = [graph.name.as_str(), &graph.description].join("\n");
    let _ = writeln!(text, "  label={}; labelloc=t; fontname=\"sans-serif\";", quoted(title.trim_end()));
    for layer in &graph.layers {
        let mut lines = vec![layer.name.clone()];
        lines.extend(layer.recipes.iter().map(|(event, recipes)| format!("{event}: {}", recipes.join(", "))));
        if !layer.apps.is_empty() {
            lines.push(format!("apps: {}", layer.apps.join(", ")));
        }
        lines.extend(layer.machines.iter().map(machine));
        let _ = writeln!(text, "  {} [label={}];", quoted(&layer.name), left(&lines));
    }
    if !graph.unassigned.is_empty() {
        let mut lines = vec!["in no layer".to_owned()];
        lines.extend(graph.unassigned.iter().map(machine));
        // No layer has this name: a space is in it.
        let _ = writeln!(text, "  \"no layer\" [style=\"rounded,dashed\", label={}];", left(&lines));
    }
    for layer in &graph.layers {
        for before in graph.before(layer) {
            let _ = writeln!(text, "  {} -> {};", quoted(before), quoted(&layer.name));
        }
    }
    text + "}\n"
}

fn machine(machine: &Machine) -> String {
    format!("{}: {}", machine.name, machine.status)
}

/// Text in quotes.
fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// Lines in quotes, each at the left.
fn left(lines: &[String]) -> String {
    let lines: String = lines.iter().map(|line| escaped(line) + "\\l").collect();
    format!("\"{lines}\"")
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
