//! Commands that run at set times.

use crate::{
    command::{CommandError, Tail},
    files::FileError,
    provider::{Check, Context, Error},
};

pub mod cron;
pub mod crontab;
pub mod timer;
pub mod timer_units;

/// Why a job could not be checked or applied.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// A file of the system.
    #[error(transparent)]
    File(#[from] FileError),
    /// Nobody to run it as.
    #[error("`{name}` cannot run as the user `{user}`, who does not exist; declare it before")]
    NoUser {
        /// The job.
        name: String,
        /// The user.
        user: String,
    },
    /// There is no cron.
    #[error(
        "`{name}` has no place: there is no directory `/etc/cron.d`; install a cron daemon before, or use a `timer`"
    )]
    NoCron {
        /// The job.
        name: String,
    },
    /// Some cron daemons read no lines as long as this.
    #[error(
        "`{name}` is too long for cron: {what} would have {length} characters, and at most {} are read; put it into a script",
        crontab::LINE_CHARACTERS
    )]
    TooLong {
        /// The job.
        name: String,
        /// Which part of it.
        what: String,
        /// How long that part is.
        length: usize,
    },
    /// Not a time that systemd knows.
    #[error("`{name}`: `{calendar}` is no time of systemd.time(7){output}")]
    Calendar {
        /// The timer.
        name: String,
        /// What it shall be.
        calendar: String,
        /// What systemd says.
        output: Tail,
    },
    /// A program that the provider needs.
    #[error("{what}: {source}")]
    Tool {
        /// What was tried.
        what: String,
        /// What it says.
        source: CommandError,
    },
}

impl ScheduleError {
    /// Whether the message may quote what a sensitive resource hides.
    pub fn may_quote(&self) -> bool {
        match self {
            ScheduleError::NoUser { .. } | ScheduleError::NoCron { .. } | ScheduleError::TooLong { .. } => {
                false
            }
            ScheduleError::File(error) => error.may_quote(),
            ScheduleError::Calendar { .. } | ScheduleError::Tool { .. } => true,
        }
    }
}

/// What is missing is no error while a package or command before may bring it.
fn unless_brought<'r>(context: &Context<'_>, error: ScheduleError) -> Result<Check<'r>, Error> {
    context.opaque().map(Check::Unknown).ok_or_else(|| error.into())
}
