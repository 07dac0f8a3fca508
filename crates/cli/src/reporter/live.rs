//! On a terminal: the plain lines above, and below them what every host is doing right now.

use std::{collections::BTreeMap, time::Duration};

use engine_contract::visible;
use engine_model::Name;
use engine_scheduler::RunEvent;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{Reporter, plain::Plain};

pub(crate) struct Live {
    plain: Plain,
    screen: MultiProgress,
    hosts: BTreeMap<Name, ProgressBar>,
}

impl Live {
    pub(crate) fn new(plain: Plain) -> Self {
        Live { plain, screen: MultiProgress::new(), hosts: BTreeMap::new() }
    }

    fn host(&mut self, instance: &Name) -> &ProgressBar {
        let screen = &self.screen;
        self.hosts.entry(instance.clone()).or_insert_with(|| {
            let bar = screen.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}  {wide_msg} {elapsed}") {
                bar.set_style(style);
            }
            bar.set_prefix(instance.to_string());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        })
    }
}

impl Reporter for Live {
    fn event(&mut self, event: &RunEvent) {
        match event {
            RunEvent::NodeFinished { instance, .. } => {
                if let Some(bar) = self.hosts.remove(instance) {
                    bar.finish_and_clear();
                }
            }
            _ => {
                if let Some((instance, doing)) = doing(event) {
                    self.host(instance).set_message(doing);
                }
            }
        }
        let plain = &mut self.plain;
        self.screen.suspend(|| plain.event(event));
    }

    fn end(&mut self) {
        // What is left if the run ended early.
        for bar in std::mem::take(&mut self.hosts).into_values() {
            bar.finish_and_clear();
        }
    }
}

/// What a host is doing from this event on: one line, fit for a terminal.
fn doing(event: &RunEvent) -> Option<(&Name, String)> {
    match event {
        RunEvent::Reconnecting { instance, .. } => Some((instance, "connecting again".to_owned())),
        RunEvent::Connecting { instance } => Some((instance, "connecting".to_owned())),
        RunEvent::Confirming { instance, .. } => Some((instance, "confirming".to_owned())),
        RunEvent::EventStarted { instance, event } => Some((instance, format!("{event}: evaluating"))),
        RunEvent::ResourceStarted { instance, resource } => {
            Some((instance, visible::line(&resource.name).into_owned()))
        }
        RunEvent::Waiting { instance, resource, message } => {
            Some((instance, visible::line(&format!("{}: {message}", resource.name)).into_owned()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_host_is_doing_stays_on_its_line() {
        let told = |mut event: serde_json::Value| {
            event["instance"] = json!("web-1");
            event["resource"] = json!({"name": "file[/a\u{1b}[2J\nb]", "recipe": "", "sensitive": false});
            doing(&serde_json::from_value(event).unwrap()).unwrap().1
        };
        assert_eq!(told(json!({"type": "resource_started"})), "file[/a\\u{1b}[2J\\nb]");
        assert_eq!(
            told(json!({"type": "waiting", "message": "for\u{1b}[A\nyou"})),
            "file[/a\\u{1b}[2J\\nb]: for\\u{1b}[A\\nyou"
        );
    }
}
