//! On a terminal: the plain lines above, and below them what every host is doing right now.

use std::{collections::BTreeMap, time::Duration};

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
            RunEvent::Connecting { instance } => self.host(instance).set_message("connecting"),
            RunEvent::EventStarted { instance, event } => {
                self.host(instance).set_message(format!("{event}: evaluating"));
            }
            RunEvent::ResourceStarted { instance, resource } => {
                self.host(instance).set_message(resource.name.clone());
            }
            RunEvent::Waiting { instance, resource, message } => {
                self.host(instance).set_message(format!("{}: {message}", resource.name));
            }
            RunEvent::NodeFinished { instance, .. } => {
                if let Some(bar) = self.hosts.remove(instance) {
                    bar.finish_and_clear();
                }
            }
            _ => {}
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
