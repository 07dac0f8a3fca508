//! How a command goes over the instances of a layer: all at once, or in batches that can be stopped.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

/// A layer's strategy. What is `None` is said by the strategy below: the layer's own for all commands below the one
/// for a command, both below what the operator says for a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// How many instances at a time; all where `None`.
    pub batch: Option<BatchSize>,
    /// Whether one instance goes first, alone.
    pub canary: Option<bool>,
    /// How many instances may fail before no further batch is begun; none where `None`.
    pub max_failures: Option<u32>,
    /// How long to wait between two batches.
    pub pause: Option<Duration>,
    /// What an instance means that cannot be reached.
    pub unreachable: Option<UnreachablePolicy>,
    /// What must hold of an instance before it counts as done.
    pub health: Option<HealthCheck>,
}

impl Rollout {
    /// This one, and `below` for what it leaves open.
    #[must_use]
    pub fn over(&self, below: &Rollout) -> Rollout {
        Rollout {
            batch: self.batch.or(below.batch),
            canary: self.canary.or(below.canary),
            max_failures: self.max_failures.or(below.max_failures),
            pause: self.pause.or(below.pause),
            unreachable: self.unreachable.or(below.unreachable),
            health: self.health.clone().or_else(|| below.health.clone()),
        }
    }
}

/// How many instances of a layer a batch has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchSize {
    /// So many, at least one.
    Count(u32),
    /// So many of a hundred, at least one instance and at most 100 %.
    Percent(u32),
}

impl BatchSize {
    /// How many of so many.
    pub fn of(self, instances: usize) -> usize {
        match self {
            BatchSize::Count(count) => count as usize,
            // Rounded down: a batch never takes more out of service than was said.
            BatchSize::Percent(percent) => instances * percent as usize / 100,
        }
        .max(1)
    }
}

impl fmt::Display for BatchSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BatchSize::Count(count) => write!(formatter, "{count}"),
            BatchSize::Percent(percent) => write!(formatter, "{percent}%"),
        }
    }
}

/// A text that is no size of a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no size of a batch: write a number of instances, at least 1, or from `1%` to `100%`")]
pub struct BatchSizeError(pub String);

impl FromStr for BatchSize {
    type Err = BatchSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || BatchSizeError(text.to_owned());
        let number = |text: &str| text.parse::<u32>().ok().filter(|number| *number > 0).ok_or_else(error);
        match text.strip_suffix('%') {
            Some(percent) => match number(percent)? {
                percent @ 1..=100 => Ok(BatchSize::Percent(percent)),
                _ => Err(error()),
            },
            None => number(text).map(BatchSize::Count),
        }
    }
}

/// What an instance means for its layer that cannot be reached. It is named in any case, and the run fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnreachablePolicy {
    /// The others go on.
    #[default]
    Skip,
    /// No further batch of the layer is begun, nor of the layers that come after it.
    FailLayer,
    /// No further batch of any layer is begun.
    Abort,
}

impl UnreachablePolicy {
    /// All policies.
    pub const ALL: [UnreachablePolicy; 3] =
        [UnreachablePolicy::Skip, UnreachablePolicy::FailLayer, UnreachablePolicy::Abort];

    /// The policy's name, as in the stack file.
    pub const fn name(self) -> &'static str {
        match self {
            UnreachablePolicy::Skip => "skip",
            UnreachablePolicy::FailLayer => "fail-layer",
            UnreachablePolicy::Abort => "abort",
        }
    }

    /// The policy of that name.
    pub fn parse(name: &str) -> Option<UnreachablePolicy> {
        UnreachablePolicy::ALL.into_iter().find(|policy| policy.name() == name)
    }
}

/// What is asked on the instance itself at the end of its part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// What is asked.
    pub probe: Probe,
    /// How long to ask again before the answer counts as no.
    pub timeout: Duration,
}

/// A question to an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Probe {
    /// Whether something listens on this TCP port of the instance.
    Port(u16),
    /// Whether this URL answers with a status below 400.
    Url(String),
    /// Whether this command ends with 0.
    Command(Vec<String>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_a_number_or_a_share_and_never_empty() {
        assert_eq!("2".parse(), Ok(BatchSize::Count(2)));
        assert_eq!("25%".parse(), Ok(BatchSize::Percent(25)));
        for text in ["0", "0%", "101%", "", "%", "-1", "2 %", "x"] {
            assert_eq!(text.parse::<BatchSize>(), Err(BatchSizeError(text.to_owned())));
        }
        assert_eq!(BatchSize::Percent(25).of(10), 2);
        assert_eq!(BatchSize::Percent(25).of(3), 1);
        assert_eq!(BatchSize::Percent(100).of(3), 3);
        assert_eq!(BatchSize::Count(5).of(3), 5);
    }

    #[test]
    fn what_is_left_open_is_said_below() {
        let layer = Rollout { batch: Some(BatchSize::Count(2)), canary: Some(true), ..Rollout::default() };
        let run = Rollout { batch: Some(BatchSize::Count(5)), max_failures: Some(1), ..Rollout::default() };
        let both = run.over(&layer);
        assert_eq!(
            (both.batch, both.canary, both.max_failures),
            (Some(BatchSize::Count(5)), Some(true), Some(1))
        );
    }
}
