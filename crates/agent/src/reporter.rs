//! Messages to the controller, written in batches.

use std::{
    io::{self, Write},
    sync::mpsc,
    time::{Duration, Instant},
};

use engine_protocol::{FromAgent, frame};

/// A message waits no longer than this while others follow it.
const PATIENCE: Duration = Duration::from_millis(20);

/// A buffer that is fuller than this is written.
const BUFFER_BYTES: usize = 64 * 1024;

/// Pause between looks at whether to stop while waiting for an answer.
const SLICE: Duration = Duration::from_millis(100);

/// Where messages to the controller go.
pub trait Reporter {
    /// Takes a message; it may be held back until the next flush.
    fn send(&mut self, message: &FromAgent);
    /// Writes what was held back.
    fn flush(&mut self);
    /// Asks for content and waits for it.
    fn ask(&mut self, _question: &FromAgent, _stopping: &dyn Fn() -> bool) -> Result<Vec<u8>, Unanswered> {
        Err(Unanswered::Stopped)
    }
}

/// Why content that was asked for did not come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// The controller said stop, or is gone.
    #[error("stopped while it waited for content")]
    Stopped,
    /// The controller does not have it.
    #[error("{0}")]
    Refused(String),
}

/// What the controller answers to questions for content.
pub type Answers = mpsc::Receiver<Result<Vec<u8>, String>>;

/// Frames on a stream. A stream that fails once is not written again: the reader of the other
/// direction notices that the connection is gone.
#[derive(Debug)]
pub struct Frames<W> {
    stream: W,
    buffer: Vec<u8>,
    since: Instant,
    failed: Option<io::Error>,
    answers: Option<Answers>,
}

impl<W: Write> Frames<W> {
    /// Frames on this stream.
    pub fn new(stream: W) -> Self {
        Self { stream, buffer: Vec::new(), since: Instant::now(), failed: None, answers: None }
    }

    /// From where answers come.
    pub fn hear(&mut self, answers: Answers) {
        self.answers = Some(answers);
    }

    /// Why the stream cannot be written any more.
    pub fn failure(&self) -> Option<&io::Error> {
        self.failed.as_ref()
    }
}

impl<W: Write> Reporter for Frames<W> {
    fn send(&mut self, message: &FromAgent) {
        if self.buffer.is_empty() {
            self.since = Instant::now();
        }
        match frame::encode(message) {
            Ok(frame) => self.buffer.extend(frame),
            Err(error) => {
                self.failed.get_or_insert(io::Error::other(error));
            }
        }
        if self.buffer.len() > BUFFER_BYTES || self.since.elapsed() > PATIENCE {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        if self.failed.is_none()
            && let Err(error) = self.stream.write_all(&self.buffer).and_then(|()| self.stream.flush())
        {
            self.failed = Some(error);
        }
        self.buffer.clear();
    }

    fn ask(&mut self, question: &FromAgent, stopping: &dyn Fn() -> bool) -> Result<Vec<u8>, Unanswered> {
        self.send(question);
        self.flush();
        let Some(answers) = self.answers.as_ref().filter(|_| self.failed.is_none()) else {
            return Err(Unanswered::Stopped);
        };
        loop {
            match answers.recv_timeout(SLICE) {
                Ok(answer) => return answer.map_err(Unanswered::Refused),
                Err(mpsc::RecvTimeoutError::Timeout) if !stopping() => {}
                Err(_) => return Err(Unanswered::Stopped),
            }
        }
    }
}

impl Reporter for Vec<FromAgent> {
    fn send(&mut self, message: &FromAgent) {
        self.push(message.clone());
    }

    fn flush(&mut self) {}
}
