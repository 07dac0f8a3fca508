//! Who has not done what a run asked for.

use std::collections::BTreeSet;

use engine_model::Name;

use crate::{event::RunEvent, ports::TimedEvent};

/// The instances that a run, with all its attempts, did not bring to a good end, in stack-file order: those that failed,
/// were lost, not reached, stopped, not evaluated or not tried, and those of which nothing is known since the controller
/// was killed.
pub fn failed(events: &[TimedEvent]) -> Vec<Name> {
    let mut all: &[Name] = &[];
    let mut good: BTreeSet<&Name> = BTreeSet::new();
    for TimedEvent { event, .. } in events {
        match event {
            RunEvent::RunStarted { instances, .. } => all = instances,
            RunEvent::NodeFinished { instance, result, .. } => {
                if result.is_success() {
                    good.insert(instance)
                } else {
                    good.remove(instance)
                };
            }
            _ => {}
        }
    }
    all.iter().filter(|name| !good.contains(name)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use engine_model::Command;
    use engine_protocol::Mode;

    use super::*;
    use crate::event::{Counts, NodeResult};

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn who_is_not_known_to_have_done_it_has_failed() {
        let ended = |instance: &str, result| RunEvent::NodeFinished {
            instance: name(instance),
            result,
            counts: Counts::default(),
            duration_ms: 1,
        };
        let started = RunEvent::RunStarted {
            run: None,
            stack: name("demo"),
            command: Command::Setup,
            mode: Mode::Apply,
            operator: String::new(),
            comment: String::new(),
            instances: ["a", "b", "c", "d", "e"].map(name).to_vec(),
        };
        let events = [
            started,
            ended("e", NodeResult::Failed { error: String::new() }),
            ended("b", NodeResult::Stopped { position: String::new() }),
            ended("a", NodeResult::Successful),
            ended("c", NodeResult::LeftOut { error: String::new() }),
            ended("b", NodeResult::Successful),
        ];
        let events = events.map(|event| TimedEvent { at_ms: 1, event });
        assert_eq!(failed(&events), [name("d"), name("e")]);
    }
}
