//! The five lifecycle events.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// When recipes run. The five are those of AWS OpsWorks Stacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LifecycleEvent {
    /// An instance has booted; it is configured from the ground up. Includes deploy.
    Setup,
    /// An instance entered or left the online state; all online instances react.
    Configure,
    /// Apps are put on the instances of their layers.
    Deploy,
    /// Apps are taken off.
    Undeploy,
    /// An instance is about to stop.
    Shutdown,
}

impl LifecycleEvent {
    /// All five, in the order of an instance's life.
    pub const ALL: [LifecycleEvent; 5] = [
        LifecycleEvent::Setup,
        LifecycleEvent::Configure,
        LifecycleEvent::Deploy,
        LifecycleEvent::Undeploy,
        LifecycleEvent::Shutdown,
    ];

    /// The event's name, as in the stack file.
    pub const fn name(self) -> &'static str {
        match self {
            LifecycleEvent::Setup => "setup",
            LifecycleEvent::Configure => "configure",
            LifecycleEvent::Deploy => "deploy",
            LifecycleEvent::Undeploy => "undeploy",
            LifecycleEvent::Shutdown => "shutdown",
        }
    }
}

impl fmt::Display for LifecycleEvent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// A text that is none of the five events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a lifecycle event; the events are setup, configure, deploy, undeploy and shutdown")]
pub struct LifecycleEventError(pub String);

impl FromStr for LifecycleEvent {
    type Err = LifecycleEventError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        LifecycleEvent::ALL
            .into_iter()
            .find(|event| event.name() == text)
            .ok_or_else(|| LifecycleEventError(text.to_owned()))
    }
}
