//! The agent on this machine: the same script and the same checks, without SSH.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};

use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::process::{ChildStdin, Command};
use tokio::sync::watch;

use crate::agent_start::{AgentBinary, ROOT_DIRECTORY, StartError, command, converse};
use crate::destination::Sudo;
use crate::stream::{AgentStream, Exit, Program, Tail};

/// This machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Local;

impl Local {
    /// Starts the agent as the user that this process runs as, from `directory`, or else `/var/lib/engine/agent` for
    /// root and the user's cache for others.
    ///
    /// The agent has a process group of its own: Ctrl-C reaches this process only, which then closes the stream, and
    /// the agent stops at a safe point.
    pub async fn start_agent(
        &self,
        agents: &[AgentBinary],
        directory: Option<&str>,
        arguments: &[&str],
    ) -> Result<AgentStream, StartError> {
        let directory = match directory {
            Some(directory) => directory,
            None if rustix::process::geteuid().is_root() => ROOT_DIRECTORY,
            None => "",
        };
        let argv = command(directory, agents, arguments, &Sudo::Never);
        converse(spawn(&argv)?, agents, &Sudo::Never).await
    }
}

/// Runs a program on this machine.
pub(crate) fn spawn(argv: &[String]) -> Result<Program, StartError> {
    let mut child = Command::new(&argv[0])
        .args(&argv[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(StartError::Spawn)?;
    let (Some(stdin), Some(stdout), Some(mut stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(StartError::Spawn(std::io::Error::other("no pipes")));
    };
    let tail = Tail::new();
    let (exit_sender, exit) = watch::channel(None);
    let sink = tail.clone();
    // Not ended with the stream: the agent may still be on its way to a safe point.
    tokio::spawn(async move {
        let reading = async {
            let mut buffer = vec![0; 4096];
            while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
                sink.push(&buffer[..count]);
            }
        };
        let ((), status) = tokio::join!(reading, child.wait());
        let ended = match status {
            Err(_) => Exit::Lost,
            Ok(status) => match (status.code(), status.signal()) {
                (Some(code), _) => Exit::Code(code.unsigned_abs()),
                (None, Some(signal)) => Exit::Signal(signal.to_string()),
                (None, None) => Exit::Lost,
            },
        };
        exit_sender.send_replace(Some(ended));
    });
    Ok(Program {
        stdout: Box::pin(stdout),
        stdin: Box::pin(Closing(Some(stdin))),
        stderr: tail,
        exit,
        _keep: Box::new(()),
    })
}

/// Closes the pipe on shutdown; tokio's own closes it only when dropped.
struct Closing(Option<ChildStdin>);

impl AsyncWrite for Closing {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Some(pipe) => Pin::new(pipe).poll_write(cx, buf),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().map_or(Poll::Ready(Ok(())), |pipe| Pin::new(pipe).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0 = None;
        Poll::Ready(Ok(()))
    }
}
