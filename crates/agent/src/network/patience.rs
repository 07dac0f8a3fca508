//! How long to wait for others on the network.

use std::{
    error::Error,
    io,
    os::fd::AsFd,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use crate::provider::Context;

/// Pause between looks at whether to stop.
const SLICE: Duration = Duration::from_millis(100);

/// When waiting is given up.
#[derive(Clone, Copy)]
pub struct Patience<'a> {
    stopping: &'a dyn Fn() -> bool,
    deadline: Instant,
    silence: Duration,
}

/// How long the other side may say nothing.
const SILENCE: Duration = Duration::from_secs(30);

/// The controller said stop or is gone; inside of an [`io::Error`].
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
struct Stopped;

impl<'a> Patience<'a> {
    /// That of the try in hand.
    pub fn of(context: &Context<'a>) -> Self {
        Self::new(context.stopping, context.deadline)
    }

    /// Until this moment, or until it is time to stop.
    pub fn new(stopping: &'a dyn Fn() -> bool, deadline: Instant) -> Self {
        Self { stopping, deadline, silence: SILENCE }
    }

    /// The same, but no longer than this from now on.
    #[must_use]
    pub fn at_most(self, limit: Duration) -> Self {
        Self { deadline: self.deadline.min(Instant::now() + limit), ..self }
    }

    /// The same, but the other side may say nothing for so long.
    #[must_use]
    pub fn with_silence(self, silence: Duration) -> Self {
        Self { silence, ..self }
    }

    /// How long the other side may say nothing.
    pub fn silence(&self) -> Duration {
        self.silence
    }

    /// What is left.
    pub fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Whether it is time to stop, for who asks a program.
    pub fn stopping(&self) -> &'a dyn Fn() -> bool {
        self.stopping
    }

    /// An error if it is time to stop or too late.
    pub fn look(&self) -> io::Result<()> {
        if (self.stopping)() {
            Err(io::Error::other(Stopped))
        } else if self.left().is_zero() {
            Err(io::ErrorKind::TimedOut.into())
        } else {
            Ok(())
        }
    }

    /// Sleeps, and ends early when it is time to stop or too late.
    pub fn pause(&self, pause: Duration) -> io::Result<()> {
        let until = Instant::now() + pause;
        loop {
            self.look()?;
            match until.saturating_duration_since(Instant::now()) {
                Duration::ZERO => return Ok(()),
                left => std::thread::sleep(left.min(self.left()).min(SLICE)),
            }
        }
    }

    /// Waits until a socket can be read or written.
    pub fn ready(&self, socket: impl AsFd, interest: PollFlags) -> io::Result<()> {
        loop {
            self.look()?;
            let slice = Timespec::try_from(self.left().min(SLICE)).map_err(io::Error::other)?;
            match poll(&mut [PollFd::new(&socket, interest)], Some(&slice)) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

/// Whether it failed only because it was time to stop.
pub fn is_stop(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<Stopped>)
}
