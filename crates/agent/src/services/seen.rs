//! What was read of services and is still true.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use engine_protocol::{
    Resource, Spec,
    resource::{Common, Guard},
};

use super::state::State;

/// How long what was read counts: services stop by themselves as well.
const AGE: Duration = Duration::from_secs(1);

/// States of services, and of which ones the batch in hand will ask.
#[derive(Debug, Default)]
pub struct Seen {
    expected: BTreeSet<String>,
    states: HashMap<String, (State, Instant)>,
}

impl Seen {
    /// Notes which services these resources are about, so that all are read when the first one is.
    pub fn expect<'r>(&mut self, resources: impl Iterator<Item = &'r Resource>) {
        self.expected.clear();
        for resource in resources {
            match &resource.spec {
                Spec::Service(service) => self.expected.insert(service.name.clone()),
                Spec::SystemdUnit(unit) => self.expected.insert(unit.name.clone()),
                _ => false,
            };
            self.expected.extend(guarded_by(&resource.common).map(ToOwned::to_owned));
        }
    }

    /// The services that will be asked for.
    pub fn expected(&self) -> impl Iterator<Item = &str> {
        self.expected.iter().map(String::as_str)
    }

    /// What was read of a service.
    pub fn get(&self, name: &str) -> Option<&State> {
        self.states.get(name).filter(|(_, read)| read.elapsed() < AGE).map(|(state, _)| state)
    }

    /// Keeps what was read now.
    pub fn keep(&mut self, states: impl IntoIterator<Item = (String, State)>) {
        let now = Instant::now();
        self.states.extend(states.into_iter().map(|(name, state)| (name, (state, now))));
    }

    /// Forgets all that was read.
    pub fn forget(&mut self) {
        self.states.clear();
    }
}

fn guarded_by(common: &Common) -> impl Iterator<Item = &str> {
    common.only_if.iter().chain(&common.not_if).filter_map(|guard| match guard {
        Guard::ServiceRunning { name } | Guard::ServiceEnabled { name } => Some(name.as_str()),
        _ => None,
    })
}
