//! A stack as a picture that needs no other file.
//!
//! Layers stand in columns: those that come after others to the right of them, in the order of the file below each
//! other. Letters are all of one width, so that boxes can be measured here.

use engine_model::InstanceStatus;
use minijinja::{AutoEscape, Environment, value::Serde};
use serde::Serialize;

use super::{Box, Graph, Machine};
use crate::errors::Failure;

/// The picture.
const PICTURE: &str = include_str!("picture.svg");

/// Width of a letter at the size of the template, in its units, rounded up.
const LETTER: usize = 8;
/// Height of a line.
const LINE: usize = 20;
/// Between a box and what is in it.
const PADDING: usize = 12;
/// Between boxes.
const GAP: usize = 40;
/// Above the boxes.
const TITLE: usize = 56;
/// Letters that the name of an event takes, with the gap behind it.
const EVENT: usize = 11;

#[derive(Serialize)]
struct Picture {
    title: String,
    description: String,
    width: usize,
    height: usize,
    boxes: Vec<Drawn>,
    arrows: Vec<String>,
}

#[derive(Serialize)]
struct Drawn {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
    waiting: bool,
    lines: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    /// Of the text's foot, in the picture.
    y: usize,
    x: usize,
    class: &'static str,
    label: String,
    /// Where the text begins.
    text_x: usize,
    text: String,
    /// Colour of a dot before it.
    dot: Option<&'static str>,
}

/// What a line of a box says.
struct Said {
    class: &'static str,
    label: String,
    text: String,
    dot: Option<&'static str>,
}

/// Draws it.
pub(super) fn draw(graph: &Graph) -> Result<String, Failure> {
    let ranks = ranks(graph);
    let columns = ranks.iter().max().map_or(0, |last| last + 1);
    let mut contents: Vec<(usize, Vec<Said>)> =
        graph.layers.iter().zip(&ranks).map(|(layer, rank)| (*rank, layer_says(layer))).collect();
    if !graph.unassigned.is_empty() {
        let mut says = vec![said("name", "in no layer")];
        says.extend(graph.unassigned.iter().map(machine_says));
        contents.push((columns, says));
    }
    let (boxes, width, height) = place(&contents, graph.layers.len());
    let title = (graph.name.len().max(graph.description.chars().count()) * LETTER) + 2 * GAP;
    let picture = Picture {
        title: graph.name.clone(),
        description: graph.description.clone(),
        width: width.max(title),
        height,
        arrows: arrows(graph, &boxes),
        boxes,
    };
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    // The template engine takes the last line's end away.
    environment.render_str(PICTURE, Serde(picture)).map(|text| text + "\n").map_err(Failure::failed)
}

/// The column of each layer. Layers do not wait for each other in a circle: the stack file was checked.
fn ranks(graph: &Graph) -> Vec<usize> {
    let mut ranks = vec![0; graph.layers.len()];
    for _ in &graph.layers {
        for (position, layer) in graph.layers.iter().enumerate() {
            ranks[position] = layer.after.iter().map(|before| ranks[*before] + 1).max().unwrap_or(0);
        }
    }
    ranks
}

fn said(class: &'static str, text: &str) -> Said {
    Said { class, label: String::new(), text: text.to_owned(), dot: None }
}

fn layer_says(layer: &Box) -> Vec<Said> {
    let mut says = vec![said("name", &layer.name)];
    if !layer.description.is_empty() {
        says.push(said("description", &layer.description));
    }
    for (event, recipes) in &layer.recipes {
        for (position, recipe) in recipes.iter().enumerate() {
            let label = if position == 0 { event.to_string() } else { String::new() };
            says.push(Said { class: "recipe", label, text: recipe.clone(), dot: None });
        }
    }
    if !layer.apps.is_empty() {
        let text = layer.apps.join(", ");
        says.push(Said { class: "recipe", label: "apps".to_owned(), text, dot: None });
    }
    says.extend(layer.machines.iter().map(machine_says));
    says
}

fn machine_says(machine: &Machine) -> Said {
    let dot = match machine.status {
        InstanceStatus::Online => "good",
        InstanceStatus::SetupFailed | InstanceStatus::ConnectionLost => "bad",
        InstanceStatus::RunningSetup | InstanceStatus::ShuttingDown => "moving",
        InstanceStatus::Pending | InstanceStatus::Registered | InstanceStatus::Stopped => "still",
    };
    let text = format!("{}  {}", machine.name, machine.status);
    Said { class: "instance", label: String::new(), text, dot: Some(dot) }
}

/// Letters from the left of a box to a line's text.
fn indent(said: &Said) -> usize {
    match said.class {
        "recipe" => EVENT,
        "instance" => 2,
        _ => 0,
    }
}

/// Where the boxes are, and how large all is. The first `layers` are layers.
fn place(contents: &[(usize, Vec<Said>)], layers: usize) -> (Vec<Drawn>, usize, usize) {
    let columns = contents.iter().map(|(column, _)| column + 1).max().unwrap_or(0);
    let letters = |says: &[Said]| {
        says.iter().map(|said| indent(said) + said.text.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let own = contents.iter().filter(|(other, _)| *other == column);
            own.map(|(_, says)| letters(says) * LETTER + 2 * PADDING).max().unwrap_or_default()
        })
        .collect();
    let mut feet = vec![TITLE; columns];
    let mut boxes = Vec::new();
    for (position, (column, says)) in contents.iter().enumerate() {
        let x = GAP + widths[..*column].iter().map(|width| width + 2 * GAP).sum::<usize>();
        let (y, height) = (feet[*column], says.len() * LINE + 2 * PADDING);
        feet[*column] += height + GAP / 2;
        let lines = says.iter().enumerate().map(|(number, said)| Line {
            y: y + PADDING + number * LINE + LINE * 3 / 4,
            x: x + PADDING,
            class: said.class,
            label: said.label.clone(),
            text_x: x + PADDING + indent(said) * LETTER,
            text: said.text.clone(),
            dot: said.dot,
        });
        boxes.push(Drawn {
            x,
            y,
            width: widths[*column],
            height,
            waiting: position >= layers,
            lines: lines.collect(),
        });
    }
    let width = GAP + widths.iter().map(|width| width + 2 * GAP).sum::<usize>();
    let height = feet.iter().max().copied().unwrap_or(TITLE) + GAP / 2;
    (boxes, width.saturating_sub(GAP).max(GAP), height)
}

/// From the right of a box to the left of those that come after it.
fn arrows(graph: &Graph, boxes: &[Drawn]) -> Vec<String> {
    let mut arrows = Vec::new();
    for (to, layer) in boxes.iter().zip(&graph.layers) {
        for from in layer.after.iter().map(|position| &boxes[*position]) {
            let (x1, y1) = (from.x + from.width, from.y + PADDING + LINE / 2);
            let (x2, y2) = (to.x, to.y + PADDING + LINE / 2);
            let middle = usize::midpoint(x1, x2);
            arrows.push(format!("M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}"));
        }
    }
    arrows
}
