//! From run events to a screen. Reporters know nothing but events, so whatever they show can be
//! recorded and shown again.

mod json;
mod live;
mod outcome;
mod plain;
mod summary;

use std::io::IsTerminal as _;

use engine_model::Stack;
use engine_protocol::Mode;
use engine_scheduler::RunEvent;

/// Shows a run.
pub(crate) trait Reporter: Send {
    /// Something happened.
    fn event(&mut self, event: &RunEvent);
    /// Nothing more will.
    fn end(&mut self) {}
}

/// Lines, wherever they go.
pub(crate) fn plain(verbose: bool, mode: Mode, stack: &Stack) -> Box<dyn Reporter> {
    Box::new(plain::Plain::new(verbose, mode, width(stack)))
}

fn width(stack: &Stack) -> usize {
    stack.instances.iter().map(|instance| instance.name.as_str().len()).max().unwrap_or(0)
}

/// The reporter for where the output goes.
pub(crate) fn choose(json: bool, verbose: bool, mode: Mode, stack: &Stack) -> Box<dyn Reporter> {
    if json {
        return Box::new(json::Json);
    }
    let plain = plain::Plain::new(verbose, mode, width(stack));
    if std::io::stderr().is_terminal() && std::io::stdout().is_terminal() {
        Box::new(live::Live::new(plain))
    } else {
        Box::new(plain)
    }
}
