//! One JSON object a line.

use std::io::Write as _;

use engine_scheduler::RunEvent;

use super::Reporter;

pub(crate) struct Json;

impl Reporter for Json {
    fn event(&mut self, event: &RunEvent) {
        // Who reads may have gone away; the run goes on.
        if let Ok(line) = serde_json::to_string(event) {
            let _ = writeln!(std::io::stdout(), "{line}");
        }
    }
}
