//! The two ends of a program's stdin and stdout, wherever it runs.

use std::any::Any;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::{mpsc, watch};

/// How much of stderr is kept: the end of it.
const STDERR_LIMIT: usize = 64 * 1024;
/// How long [`AgentStream::close`] waits for the agent to end by itself.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// With this status.
    Code(u32),
    /// By a signal, `TERM` or the like.
    Signal(String),
    /// Nobody knows: the connection was lost before.
    Lost,
}

impl Exit {
    /// Whether it ended with status 0.
    pub fn success(&self) -> bool {
        *self == Self::Code(0)
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "status {code}"),
            Self::Signal(name) => write!(f, "signal {name}"),
            Self::Lost => f.write_str("a lost connection"),
        }
    }
}

/// The connection to the agent was lost: found as the source of the `io::Error`s of [`AgentStream`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection to the node was lost")]
pub struct ConnectionLost;

impl ConnectionLost {
    /// Whether `error` says so.
    pub fn is(error: &io::Error) -> bool {
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Self>)
    }

    pub(crate) fn error() -> io::Error {
        io::Error::new(io::ErrorKind::ConnectionReset, Self)
    }
}

/// The end of what a program writes to stderr.
#[derive(Debug, Clone)]
pub(crate) struct Tail {
    bytes: Arc<Mutex<VecDeque<u8>>>,
    changed: watch::Sender<()>,
}

impl Tail {
    pub(crate) fn new() -> Self {
        Self { bytes: Arc::default(), changed: watch::Sender::new(()) }
    }

    pub(crate) fn push(&self, data: &[u8]) {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.extend(data);
        let excess = bytes.len().saturating_sub(STDERR_LIMIT);
        bytes.drain(..excess);
        drop(bytes);
        self.changed.send_replace(());
    }

    pub(crate) fn text(&self) -> String {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(bytes.make_contiguous()).into_owned()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

pub(crate) type Reader = Pin<Box<dyn AsyncRead + Send>>;
pub(crate) type Writer = Pin<Box<dyn AsyncWrite + Send>>;

/// A running program.
pub(crate) struct Program {
    pub(crate) stdout: Reader,
    pub(crate) stdin: Writer,
    pub(crate) stderr: Tail,
    pub(crate) exit: watch::Receiver<Option<Exit>>,
    /// What must live as long: a connection, say.
    pub(crate) _keep: Box<dyn Any + Send>,
}

impl Program {
    /// Waits for the end.
    pub(crate) async fn exit(&mut self) -> Exit {
        match self.exit.wait_for(Option::is_some).await {
            Ok(exit) => exit.clone().unwrap_or(Exit::Lost),
            Err(_) => Exit::Lost,
        }
    }
}

/// Reads what a task sends over a queue.
pub(crate) struct QueueReader {
    queue: mpsc::Receiver<io::Result<Vec<u8>>>,
    current: io::Cursor<Vec<u8>>,
}

impl QueueReader {
    pub(crate) fn new(queue: mpsc::Receiver<io::Result<Vec<u8>>>) -> Self {
        Self { queue, current: io::Cursor::default() }
    }
}

impl AsyncRead for QueueReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let before = buf.filled().len();
            ready!(Pin::new(&mut self.current).poll_read(cx, buf))?;
            if buf.filled().len() > before || buf.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            match ready!(self.queue.poll_recv(cx)) {
                Some(data) => self.current = io::Cursor::new(data?),
                None => return Poll::Ready(Ok(())),
            }
        }
    }
}

/// A running agent: reads its stdout, writes its stdin.
///
/// Reading ends with an error that [`ConnectionLost::is`] tells when the connection breaks, and with the end of the
/// stream only when the agent closed its stdout. Dropping it drops the connection, which tells the agent to stop.
pub struct AgentStream {
    program: Program,
    /// What came from the agent along with the mark that it is ready.
    pending: io::Cursor<Vec<u8>>,
    uploaded: bool,
}

impl std::fmt::Debug for AgentStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgentStream").field("uploaded", &self.uploaded).finish_non_exhaustive()
    }
}

impl AgentStream {
    pub(crate) fn new(program: Program, pending: Vec<u8>, uploaded: bool) -> Self {
        Self { program, pending: io::Cursor::new(pending), uploaded }
    }

    /// Whether the agent had to be uploaded first.
    pub fn uploaded(&self) -> bool {
        self.uploaded
    }

    /// The end of what the agent, and the shell before it, wrote to stderr: at most 64 KiB.
    pub fn stderr(&self) -> String {
        self.program.stderr.text()
    }

    /// How the agent ended; waits for it. Read to the end first: an agent that cannot write does not end.
    pub async fn exit_status(&mut self) -> Exit {
        self.program.exit().await
    }

    /// Closes the agent's stdin, waits up to 10 s for it to end, and drops the connection. What it still writes is
    /// thrown away.
    pub async fn close(mut self) -> Exit {
        // An error here means that it has ended.
        let _ = self.shutdown().await;
        let ending = async {
            let mut buffer = vec![0; 8192];
            while self.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
            self.program.exit().await
        };
        tokio::time::timeout(CLOSE_TIMEOUT, ending).await.unwrap_or(Exit::Lost)
    }
}

impl AsyncRead for AgentStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.pending).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            return Poll::Ready(Ok(()));
        }
        self.program.stdout.as_mut().poll_read(cx, buf)
    }
}

impl AsyncWrite for AgentStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.program.stdin.as_mut().poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.program.stdin.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.program.stdin.as_mut().poll_shutdown(cx)
    }
}
