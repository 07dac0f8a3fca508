//! Who is told of runs besides the operator.

use serde::{Deserialize, Serialize};

use crate::name::Name;

/// Somebody who is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Its name in the stack file.
    pub name: Name,
    /// How they are told.
    pub target: NotificationTarget,
    /// What they are told of.
    pub on: Vec<Moment>,
}

/// How somebody is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationTarget {
    /// A POST of JSON to this URL.
    Webhook(String),
    /// The same to the URL in this environment variable of the controller: many webhooks' URLs are secrets.
    WebhookVariable(String),
    /// A command on the controller, which gets the JSON on its standard input.
    Command(Vec<String>),
}

/// A moment of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Moment {
    /// It begins.
    Start,
    /// It ended, and something failed or was stopped.
    Failure,
    /// It ended well.
    Success,
}

impl Moment {
    /// All moments.
    pub const ALL: [Moment; 3] = [Moment::Start, Moment::Failure, Moment::Success];

    /// The moment's name, as in the stack file.
    pub const fn name(self) -> &'static str {
        match self {
            Moment::Start => "start",
            Moment::Failure => "failure",
            Moment::Success => "success",
        }
    }

    /// The moment of that name.
    pub fn parse(name: &str) -> Option<Moment> {
        Moment::ALL.into_iter().find(|moment| moment.name() == name)
    }
}
