//! What can be done with a connection: run a program, start the agent.

use std::sync::Arc;

use russh::ChannelMsg;
use russh::client::{Handle, Msg};
use tokio::sync::{mpsc, watch};

use crate::agent_start::{AgentBinary, ROOT_DIRECTORY, StartError, command, converse};
use crate::config::Hop;
use crate::connect::Client;
use crate::destination::{SshOptions, Sudo};
use crate::stream::{AgentStream, ConnectionLost, Exit, Program, QueueReader, Tail};

/// How many packets of output may wait for whoever reads them.
const QUEUE: usize = 32;

/// A login on a host.
#[derive(Debug)]
pub struct Connection {
    hop: Hop,
    /// One for each hop, the host's last.
    sessions: Sessions,
    options: Arc<SshOptions>,
}

/// The sessions of a connection, ended when dropped.
struct Sessions(Vec<Handle<Client>>);

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sessions({})", self.0.len())
    }
}

impl Drop for Sessions {
    fn drop(&mut self) {
        let sessions = std::mem::take(&mut self.0);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                for session in sessions.iter().rev() {
                    // It may be gone already, which is as well.
                    let _ = session.disconnect(russh::Disconnect::ByApplication, "", "").await;
                }
            });
        }
    }
}

/// What came of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOutput {
    /// How it ended.
    pub status: Exit,
    /// What it wrote.
    pub stdout: Vec<u8>,
    /// What it wrote to stderr.
    pub stderr: Vec<u8>,
}

/// Why a program could not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecError {
    /// No channel, or a lost connection.
    #[error("cannot run a program on the node: {0}")]
    Channel(#[from] russh::Error),
    /// The host refuses.
    #[error(
        "the node refuses to run programs for this user\n  hint: does the key have a forced command, or the user \
             an unusual shell?"
    )]
    Refused,
}

impl Connection {
    pub(crate) fn new(hop: Hop, sessions: Vec<Handle<Client>>, options: Arc<SshOptions>) -> Self {
        Self { hop, sessions: Sessions(sessions), options }
    }

    /// The user logged in as.
    pub fn user(&self) -> &str {
        &self.hop.user
    }

    /// `user@host:port` as it was connected to, for messages.
    pub fn label(&self) -> String {
        self.hop.label()
    }

    fn session(&self) -> Result<&Handle<Client>, russh::Error> {
        self.sessions.0.last().ok_or(russh::Error::Disconnect)
    }

    /// Runs a program as the user logged in, and waits for it. Each argument arrives as it is, whatever the characters
    /// in it, provided that the user's shell is a POSIX one (or fish).
    pub async fn exec(&self, argv: &[&str]) -> Result<ExecOutput, ExecError> {
        let mut channel = self.session()?.channel_open_session().await?;
        channel.exec(true, shell_words::join(argv)).await?;
        channel.eof().await?;
        let mut output = ExecOutput { status: Exit::Lost, stdout: Vec::new(), stderr: Vec::new() };
        while let Some(message) = channel.wait().await {
            match message {
                ChannelMsg::Data { data } => output.stdout.extend_from_slice(&data),
                ChannelMsg::ExtendedData { data, ext: 1 } => output.stderr.extend_from_slice(&data),
                ChannelMsg::ExitStatus { exit_status } => output.status = Exit::Code(exit_status),
                ChannelMsg::ExitSignal { signal_name, .. } => {
                    output.status = Exit::Signal(format!("{signal_name:?}"));
                }
                ChannelMsg::Failure => return Err(ExecError::Refused),
                _ => {}
            }
        }
        Ok(output)
    }

    /// Starts the agent, having uploaded it if it is not there: one channel, and when it is there one round trip.
    pub async fn start_agent(
        self,
        agents: &[AgentBinary],
        arguments: &[&str],
    ) -> Result<AgentStream, StartError> {
        let is_root = self.hop.user == "root";
        let sudo = if is_root { Sudo::Never } else { self.options.sudo.clone() };
        let directory = match &self.options.agent_directory {
            Some(directory) => directory.as_str(),
            None if is_root || !matches!(sudo, Sudo::Never) => ROOT_DIRECTORY,
            None => "",
        };
        let command = command(directory, agents, arguments, &sudo);
        let program = self.run(&shell_words::join(command)).await.map_err(StartError::Channel)?;
        converse(program, agents, &sudo).await
    }

    /// Runs a command, the connection then belonging to it.
    async fn run(self, command: &str) -> Result<Program, russh::Error> {
        let channel = self.session()?.channel_open_session().await?;
        channel.exec(true, command).await?;
        let (mut read, write) = channel.split();
        let stdin = Box::pin(write.make_writer());
        let (sender, queue) = mpsc::channel(QUEUE);
        let (exit_sender, exit) = watch::channel(None);
        let stderr = Tail::new();
        let tail = stderr.clone();
        let pump = tokio::spawn(async move {
            let mut sender = Some(sender);
            let mut ended = None;
            let mut whole = false;
            while let Some(message) = read.wait().await {
                match message {
                    ChannelMsg::Data { data } => {
                        if let Some(queue) = &sender {
                            // Nobody reads any more: what follows is thrown away.
                            if queue.send(Ok(data.to_vec())).await.is_err() {
                                sender = None;
                            }
                        }
                    }
                    ChannelMsg::ExtendedData { data, ext: 1 } => tail.push(&data),
                    ChannelMsg::ExitStatus { exit_status } => ended = Some(Exit::Code(exit_status)),
                    ChannelMsg::ExitSignal { signal_name, .. } => {
                        ended = Some(Exit::Signal(format!("{signal_name:?}")));
                    }
                    ChannelMsg::Eof => {
                        whole = true;
                        sender = None;
                    }
                    ChannelMsg::Failure => {
                        tail.push(b"the node refuses to run programs for this user\n");
                        break;
                    }
                    // OpenSSH sends it after the status.
                    ChannelMsg::Close => break,
                    _ => {}
                }
            }
            if let Some(queue) = sender.filter(|_| !whole && ended.is_none()) {
                let _ = queue.send(Err(ConnectionLost::error())).await;
            }
            exit_sender.send_replace(Some(ended.unwrap_or(Exit::Lost)));
        });
        let keep = Box::new((PumpGuard(pump), write_half(write), self));
        Ok(Program { stdout: Box::pin(QueueReader::new(queue)), stdin, stderr, exit, _keep: keep })
    }
}

/// Keeps the half open: dropping it would close the channel.
fn write_half(half: russh::ChannelWriteHalf<Msg>) -> Box<dyn std::any::Any + Send> {
    Box::new(half)
}

/// Ends the task with the stream that it serves.
struct PumpGuard(tokio::task::JoinHandle<()>);

impl Drop for PumpGuard {
    fn drop(&mut self) {
        self.0.abort();
    }
}
