//! Tells others of runs: webhooks and commands.
//!
//! Everything to be told is in the run's events. Each target has a thread of its own, so that none holds up a run or
//! another target; a target that cannot be told is a warning at the end, never a failure of the run.

mod command;
mod message;
mod webhook;

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use backon::{BlockingRetryable as _, ExponentialBuilder};
use engine_model::{Moment, Notification, NotificationTarget};
use engine_scheduler::RunEvent;
pub use message::{InstanceMessage, Message};

/// How often a target is tried.
pub const TRIES: usize = 3;

/// How long one try may take.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Pause before the second try; it grows, with jitter.
const PAUSE: Duration = Duration::from_millis(200);

/// Why a target was not told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` was not told of the {}: {error}", .moment.name())]
pub struct NotifyFailure {
    /// The notification's name.
    pub name: String,
    /// What of.
    pub moment: Moment,
    /// Why. Never holds the URL, which may be a secret.
    pub error: String,
}

/// Tells targets of a run while it goes on.
#[derive(Debug)]
pub struct Notifier {
    started: Option<Message>,
    targets: Vec<Target>,
    failures: mpsc::Receiver<NotifyFailure>,
}

#[derive(Debug)]
struct Target {
    on: Vec<Moment>,
    /// Gone when there is nothing more to tell.
    messages: Option<mpsc::Sender<Message>>,
    ended: mpsc::Receiver<()>,
}

impl Notifier {
    /// Tells these.
    pub fn new(notifications: Vec<Notification>) -> Self {
        let (failed, failures) = mpsc::channel();
        let targets = notifications.into_iter().map(|notification| {
            let (messages, received) = mpsc::channel();
            let (end, ended) = mpsc::channel();
            let (failed, on) = (failed.clone(), notification.on.clone());
            thread::spawn(move || {
                for message in received {
                    if let Err(failure) = tell(&notification, &message) {
                        // Nobody listens any more only if the time is over.
                        let _ = failed.send(failure);
                    }
                }
                let _ = end.send(());
            });
            Target { on, messages: Some(messages), ended }
        });
        Notifier { started: None, targets: targets.collect(), failures }
    }

    /// Hears what happens in a run. Returns at once.
    pub fn hear(&mut self, event: &RunEvent) {
        let message = match event {
            RunEvent::RunStarted { .. } | RunEvent::RunResumed { .. } => Message::started(event),
            RunEvent::RunFinished { summary } => self.started.take().map(|started| started.ended(summary)),
            _ => None,
        };
        let Some(message) = message else { return };
        for target in self.targets.iter().filter(|target| target.on.contains(&message.moment)) {
            if let Some(messages) = &target.messages {
                // The thread is gone only if it panicked.
                let _ = messages.send(message.clone());
            }
        }
        if message.moment == Moment::Start {
            self.started = Some(message);
        }
    }

    /// Waits until all has been told, at most so long; gives back what was not.
    pub fn end(mut self, patience: Duration) -> Vec<NotifyFailure> {
        let deadline = Instant::now() + patience;
        for target in &mut self.targets {
            target.messages = None;
        }
        for target in &self.targets {
            let left = deadline.saturating_duration_since(Instant::now());
            // Who is not done by then goes on until this process ends.
            let _ = target.ended.recv_timeout(left);
        }
        self.failures.try_iter().collect()
    }
}

fn tell(notification: &Notification, message: &Message) -> Result<(), NotifyFailure> {
    let body = message.json();
    let attempt = || match &notification.target {
        NotificationTarget::Webhook(url) => webhook::post(url, &body),
        NotificationTarget::WebhookVariable(variable) => match std::env::var(variable) {
            Ok(url) => webhook::post(&url, &body),
            Err(_) => Err(format!("the environment variable {variable} with its URL is not set")),
        },
        NotificationTarget::Command(argv) => command::run(argv, &body),
    };
    let pauses = ExponentialBuilder::default().with_min_delay(PAUSE).with_max_times(TRIES - 1).with_jitter();
    attempt.retry(pauses).call().map_err(|error| NotifyFailure {
        name: notification.name.to_string(),
        moment: message.moment,
        error,
    })
}
