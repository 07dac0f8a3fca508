//! One outcome in words. Colour and sign say the same as the word; none of them is needed alone.

use anstyle::{AnsiColor, Style};
use engine_contract::visible;
use engine_protocol::{Change, Earlier, Mode, Outcome, Status};

/// Sign, word and colour of a status.
pub(crate) fn word(status: &Status, mode: Mode) -> (&'static str, &'static str, Style) {
    let plain = |color: AnsiColor| color.on_default();
    match (status, mode) {
        (Status::UpToDate, _) => ("=", "up to date", plain(AnsiColor::Green)),
        (Status::Changed, Mode::Apply) => ("~", "changed", plain(AnsiColor::Yellow)),
        (Status::Changed, Mode::Plan) => ("~", "would change", plain(AnsiColor::Yellow)),
        (Status::Skipped { .. }, _) => ("-", "skipped", plain(AnsiColor::Blue)),
        (Status::Failed { ignored: true, .. }, _) => ("!", "failed, ignored", plain(AnsiColor::Magenta)),
        (Status::Failed { .. }, _) => ("!", "failed", plain(AnsiColor::Red).bold()),
        (Status::Unknown { .. }, _) => ("?", "unknown", plain(AnsiColor::Magenta)),
    }
}

/// What an earlier attempt of the run came to.
pub(crate) fn earlier(outcome: &Outcome) -> &'static str {
    match outcome.earlier {
        Earlier::Nothing => "",
        Earlier::Begun => ", was in hand when the run was interrupted",
        Earlier::Done => ", done before the run was interrupted",
    }
}

/// What follows the resource's name on its line, as it came from the node.
pub(crate) fn reason(outcome: &Outcome) -> Option<String> {
    match &outcome.status {
        Status::UpToDate | Status::Changed => None,
        Status::Skipped { reason } => Some(reason.clone()),
        Status::Failed { error, .. } => Some(error.clone()),
        Status::Unknown { because } => Some(format!("depends on {because}")),
    }
}

/// The changes, a line each, fit for a terminal; a diff has several.
pub(crate) fn changes(changes: &[Change]) -> Vec<(String, Style)> {
    let mut lines = Vec::new();
    let none = Style::new();
    let from_to = |name: &str, old: &Option<String>, new: &Option<String>| {
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "(none)".to_owned());
        visible::line(&format!("{name}: {} -> {}", value(old), value(new))).into_owned()
    };
    for change in changes {
        match change {
            Change::Property { name, old, new } => lines.push((from_to(name, old, new), none)),
            Change::Binary { old, new } => lines.push((from_to("content", old, new), none)),
            Change::Diff { unified, truncated } => {
                let text = visible::lines(unified);
                lines.extend(text.lines().map(|line| (line.to_owned(), diff_style(line))));
                if *truncated {
                    lines.push(("(the diff goes on)".to_owned(), none));
                }
            }
            Change::Done { what } => lines.push((visible::line(what).into_owned(), none)),
            Change::Output { text } => {
                let text = visible::lines(text);
                lines.extend(text.lines().map(|line| (format!("| {line}"), none)));
            }
            Change::Hidden => lines.push(("(sensitive: not shown)".to_owned(), none)),
        }
    }
    lines
}

fn diff_style(line: &str) -> Style {
    match line.chars().next() {
        Some('+') => AnsiColor::Green.on_default(),
        Some('-') => AnsiColor::Red.on_default(),
        Some('@') => AnsiColor::Cyan.on_default(),
        _ => Style::new(),
    }
}
