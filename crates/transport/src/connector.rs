//! The scheduler's port: from an instance to an agent that has said hello.

use std::{io, path::PathBuf, time::Duration};

use engine_model::{Connection, Instance, SshSettings};
use engine_protocol::{FromAgent, ToAgent, frame};
use engine_scheduler::ports::{
    self, AgentReceiver, AgentSender, ConnectFailure, PortFuture, Session, SessionFailure,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader, ReadHalf, WriteHalf};

use crate::{
    agent_start::{AgentBinary, StartError},
    connect::{ConnectErrorKind, Ssh},
    destination::{Destination, HostKeyPolicy, PassphrasePrompt, SshOptions, Sudo},
    local::Local,
    secret::Secret,
    stream::AgentStream,
};

/// How the instances of one stack are reached.
pub struct ConnectorSettings {
    /// What the stack file says.
    pub ssh: SshSettings,
    /// ssh_config to read instead of the stack file's.
    pub config_file: Option<PathBuf>,
    /// The password that sudo wants.
    pub sudo_password: Option<Secret>,
    /// Who asks for the passphrases of keys.
    pub passphrase: Option<PassphrasePrompt>,
    /// The agents that can be started.
    pub agents: Vec<AgentBinary>,
}

/// Reaches instances over SSH, or this machine.
pub struct Connector {
    ssh: Ssh,
    defaults: SshSettings,
    agents: Vec<AgentBinary>,
}

impl Connector {
    /// A connector; keys are read and passphrases asked for once for all hosts.
    pub fn new(settings: ConnectorSettings) -> Self {
        let ConnectorSettings { ssh, config_file, sudo_password, passphrase, agents } = settings;
        let options = SshOptions { passphrase, ..options(&ssh, config_file, sudo_password) };
        Connector { ssh: Ssh::new(options), defaults: ssh, agents }
    }

    fn destination(&self, connection: &Connection) -> Option<Destination> {
        let Connection::Ssh { host, user, port, identity_file } = connection else { return None };
        let identity = identity_file.as_ref().or(self.defaults.identity_file.as_ref());
        Some(Destination {
            host: host.clone(),
            user: user.clone().or_else(|| self.defaults.user.clone()),
            port: *port,
            identity_files: identity.into_iter().cloned().collect(),
        })
    }

    async fn start(&self, instance: &Instance) -> Result<AgentStream, ConnectFailure> {
        match self.destination(&instance.connection) {
            None => Local
                .start_agent(&self.agents, None, &[])
                .await
                .map_err(|error| start_failure("this machine", &error)),
            Some(destination) => {
                let connection = self.ssh.connect(&destination).await.map_err(|error| {
                    let unreachable = matches!(
                        error.kind,
                        ConnectErrorKind::Refused { .. }
                            | ConnectErrorKind::Timeout { .. }
                            | ConnectErrorKind::Unreachable { .. }
                            | ConnectErrorKind::Tcp { .. }
                            | ConnectErrorKind::HandshakeTimeout { .. }
                    );
                    failure(&error.to_string(), unreachable)
                })?;
                let label = connection.label();
                connection.start_agent(&self.agents, &[]).await.map_err(|error| start_failure(&label, &error))
            }
        }
    }
}

/// What the stack file says, where it says something; ssh_config has its say on the rest.
fn options(ssh: &SshSettings, config_file: Option<PathBuf>, sudo_password: Option<Secret>) -> SshOptions {
    SshOptions {
        config_file: config_file.or_else(|| ssh.config.clone()),
        known_hosts: ssh.known_hosts.clone(),
        host_key_policy: ssh
            .accept_new_host_keys
            .map(|accept| if accept { HostKeyPolicy::AcceptNew } else { HostKeyPolicy::Strict }),
        connect_timeout: ssh.connect_timeout,
        sudo: match sudo_password {
            _ if !ssh.sudo => Sudo::Never,
            Some(password) => Sudo::Password(password),
            None => Sudo::NonInteractive,
        },
        // A lost host is known as lost in about the time its agent needs to notice.
        keepalive_interval: Duration::from_secs(5),
        ..SshOptions::default()
    }
}

impl ports::Connector for Connector {
    fn connect<'a>(&'a self, instance: &'a Instance) -> PortFuture<'a, Result<Session, ConnectFailure>> {
        Box::pin(async move {
            let stream = self.start(instance).await?;
            let uploaded = stream.uploaded();
            let (reader, writer) = tokio::io::split(stream);
            let mut receiver = FrameReceiver { reader: BufReader::with_capacity(64 * 1024, reader) };
            match receiver.next().await {
                Ok(FromAgent::Hello { facts, .. }) => Ok(Session {
                    facts,
                    uploaded,
                    sender: Box::new(FrameSender { writer }),
                    receiver: Box::new(receiver),
                }),
                Ok(FromAgent::Fatal { error }) => {
                    Err(failure(&format!("the agent cannot start: {error}"), false))
                }
                Ok(_) => Err(failure("the agent does not begin with its greeting", false)),
                Err(error) => {
                    let said = receiver.reader.into_inner().unsplit(writer).stderr();
                    Err(failure(&format!("the agent ended at once: {error} {}", said.trim()), false))
                }
            }
        })
    }
}

fn start_failure(label: &str, error: &StartError) -> ConnectFailure {
    failure(&format!("{label}: {error}"), false)
}

/// Errors of this crate carry their hint on a line of its own.
fn failure(text: &str, unreachable: bool) -> ConnectFailure {
    let (message, hint) = match text.split_once("\n  hint: ") {
        Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
        None => (text.to_owned(), None),
    };
    ConnectFailure { message, hint, unreachable }
}

struct FrameSender {
    writer: WriteHalf<AgentStream>,
}

impl AgentSender for FrameSender {
    fn send(&mut self, message: ToAgent) -> PortFuture<'_, Result<(), SessionFailure>> {
        Box::pin(async move {
            let frame =
                frame::encode(&message).map_err(|error| SessionFailure { message: error.to_string() })?;
            let written = async {
                self.writer.write_all(&frame).await?;
                self.writer.flush().await
            };
            written.await.map_err(|error| lost(&error))
        })
    }
}

struct FrameReceiver {
    reader: BufReader<ReadHalf<AgentStream>>,
}

impl FrameReceiver {
    async fn next(&mut self) -> Result<FromAgent, SessionFailure> {
        let mut header = [0; frame::HEADER_BYTES];
        self.reader.read_exact(&mut header).await.map_err(|error| lost(&error))?;
        let invalid = |error: frame::FrameError| SessionFailure { message: error.to_string() };
        let mut body = vec![0; frame::length(header).map_err(invalid)?];
        self.reader.read_exact(&mut body).await.map_err(|error| lost(&error))?;
        frame::decode(&body).map_err(invalid)
    }
}

impl AgentReceiver for FrameReceiver {
    fn receive(&mut self) -> PortFuture<'_, Result<FromAgent, SessionFailure>> {
        Box::pin(self.next())
    }
}

fn lost(error: &io::Error) -> SessionFailure {
    let message = match error.kind() {
        io::ErrorKind::UnexpectedEof => "the agent ended without a word".to_owned(),
        _ => error.to_string(),
    };
    SessionFailure { message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Hop, Surroundings, resolve};

    fn hop(ssh: &SshSettings, config: &str) -> Hop {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config");
        std::fs::write(&path, config).unwrap();
        let surroundings = Surroundings { home: "/home/me".into(), local_user: Some("me".into()) };
        let mut hops =
            resolve(&Destination::new("a"), &options(ssh, Some(path), None), &surroundings).unwrap();
        hops.pop().unwrap()
    }

    #[test]
    fn the_stack_file_wins_over_ssh_config_and_ssh_config_over_the_default() {
        use HostKeyPolicy::{AcceptNew, Strict};
        let cases = [
            (Some(true), "yes", AcceptNew),
            (Some(true), "", AcceptNew),
            (Some(false), "accept-new", Strict),
            (Some(false), "no", Strict),
            (None, "accept-new", AcceptNew),
            (None, "no", AcceptNew),
            (None, "yes", Strict),
            (None, "ask", Strict),
            (None, "", Strict),
        ];
        for (accept_new_host_keys, config, policy) in cases {
            let ssh = SshSettings { accept_new_host_keys, ..SshSettings::default() };
            let text =
                if config.is_empty() { String::new() } else { format!("StrictHostKeyChecking {config}") };
            assert_eq!(hop(&ssh, &text).policy, policy, "{accept_new_host_keys:?} and `{config}`");
        }
        for (given, config, seconds) in
            [(Some(4), "ConnectTimeout 7", 4), (None, "ConnectTimeout 7", 7), (None, "", 10)]
        {
            let connect_timeout = given.map(Duration::from_secs);
            let ssh = SshSettings { connect_timeout, ..SshSettings::default() };
            assert_eq!(
                hop(&ssh, config).connect_timeout,
                Duration::from_secs(seconds),
                "{given:?} and `{config}`"
            );
        }
    }
}
