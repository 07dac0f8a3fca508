//! A stack as a tree, for a terminal.

use std::fmt::Write as _;

use super::{Box, Graph, Machine};

/// Draws it.
pub(super) fn draw(graph: &Graph) -> String {
    let bold = anstyle::Style::new().bold();
    let mut text = format!("{bold}{}{bold:#}{}\n", graph.name, apart(&graph.description));
    let mut branches: Vec<(String, Vec<String>)> = graph
        .layers
        .iter()
        .map(|layer| {
            let after = graph.before(layer).join(", ");
            let after = if after.is_empty() { after } else { format!(", after {after}") };
            (format!("{bold}{}{bold:#}{after}{}", layer.name, apart(&layer.description)), leaves(layer))
        })
        .collect();
    if !graph.unassigned.is_empty() {
        branches.push(("in no layer".to_owned(), machines(&graph.unassigned)));
    }
    for (position, (title, leaves)) in branches.iter().enumerate() {
        let (knot, line) = if position + 1 == branches.len() { ("└─", "  ") } else { ("├─", "│ ") };
        let _ = writeln!(text, "{knot} {title}");
        for (position, leaf) in leaves.iter().enumerate() {
            let knot = if position + 1 == leaves.len() { "└─" } else { "├─" };
            let _ = writeln!(text, "{line} {knot} {leaf}");
        }
    }
    text
}

fn leaves(layer: &Box) -> Vec<String> {
    let mut leaves: Vec<String> =
        layer.recipes.iter().map(|(event, recipes)| format!("{event:9}  {}", recipes.join(", "))).collect();
    if !layer.apps.is_empty() {
        leaves.push(format!("{:9}  {}", "apps", layer.apps.join(", ")));
    }
    leaves.extend(machines(&layer.machines));
    leaves
}

fn machines(machines: &[Machine]) -> Vec<String> {
    let width = machines.iter().map(|machine| machine.name.len()).max().unwrap_or_default().max(9);
    machines.iter().map(|Machine { name, status }| format!("{name:width$}  {status}")).collect()
}

fn apart(description: &str) -> String {
    if description.is_empty() { String::new() } else { format!("  {description}") }
}
