//! Connecting: name, TCP, key exchange, host key, login; hop by hop.

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::client::{self, Handle};
use russh::keys::PublicKeyOrCertificate;
use russh::{Preferred, kex};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::authenticate::{AuthenticateError, Keys, authenticate};
use crate::config::{Hop, Surroundings, resolve};
use crate::destination::{Destination, SshOptions};
use crate::host_keys::{HostKeyError, Verifier};
use crate::session::Connection;
use crate::ssh_config::ConfigError;

/// Why a connection could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot connect to {host}{}: {kind}", through.as_ref().map(|label| format!(" through {label}")).unwrap_or_default())]
pub struct ConnectError {
    /// The host as it was asked for.
    pub host: String,
    /// The hop that failed, `user@host:port`, when it is not the host itself.
    pub through: Option<String>,
    /// What failed.
    #[source]
    pub kind: ConnectErrorKind,
}

/// What failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectErrorKind {
    /// ssh_config does not say how.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The name has no address.
    #[error(
        "the name {name} has no address ({source})\n  hint: check the spelling, or set HostName in ssh_config"
    )]
    Name {
        /// The name.
        name: String,
        /// What the resolver says.
        source: io::Error,
    },
    /// Nobody listens.
    #[error("{address} refused the connection\n  hint: is sshd running there, on that port?")]
    Refused {
        /// The address and port.
        address: String,
    },
    /// Nobody answers.
    #[error("{address} did not answer within {} s\n  hint: is the machine up, and does a firewall let port {} through?",
            timeout.as_secs_f32(), address.rsplit(':').next().unwrap_or("22"))]
    Timeout {
        /// The address and port.
        address: String,
        /// How long it had.
        timeout: Duration,
    },
    /// There is no way there.
    #[error("there is no route to {address}\n  hint: check the network of this machine, a VPN for instance")]
    Unreachable {
        /// The address and port.
        address: String,
    },
    /// TCP failed in some other way.
    #[error("{address}: {source}")]
    Tcp {
        /// The address and port.
        address: String,
        /// How.
        source: io::Error,
    },
    /// Somebody accepts connections and does not speak SSH in time.
    #[error("{label} accepted the connection, but did not finish the key exchange within {} s\n  hint: is it an SSH \
             server, and is it overloaded?", timeout.as_secs_f32())]
    HandshakeTimeout {
        /// `user@host:port`.
        label: String,
        /// How long it had.
        timeout: Duration,
    },
    /// The key exchange failed.
    #[error("{label}: the key exchange failed: {source}")]
    Handshake {
        /// `user@host:port`.
        label: String,
        /// How.
        source: russh::Error,
    },
    /// The host may be another.
    #[error(transparent)]
    HostKey(#[from] HostKeyError),
    /// The login failed.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The jump host does not connect further.
    #[error(
        "the jump host {jump} does not connect to {target}: {source}\n  hint: can it reach that address, and does \
             its sshd_config have AllowTcpForwarding?"
    )]
    Jump {
        /// The jump host, `user@host:port`.
        jump: String,
        /// Where to.
        target: String,
        /// What it says.
        source: russh::Error,
    },
}

/// Connects to hosts: keys are read, and passphrases asked for, once for all of them.
#[derive(Debug)]
pub struct Ssh {
    options: Arc<SshOptions>,
    keys: Keys,
    writer: Arc<tokio::sync::Mutex<()>>,
}

impl Ssh {
    /// Nothing is read or connected to yet.
    pub fn new(options: SshOptions) -> Self {
        Self {
            keys: Keys::new(options.passphrase.clone()),
            options: Arc::new(options),
            writer: Arc::default(),
        }
    }

    /// Connects and logs in, through the jump hosts that ssh_config names.
    pub async fn connect(&self, destination: &Destination) -> Result<Connection, ConnectError> {
        let failed =
            |through: Option<String>, kind| ConnectError { host: destination.host.clone(), through, kind };
        let hops = Surroundings::current()
            .and_then(|surroundings| resolve(destination, &self.options, &surroundings))
            .map_err(|error| failed(None, error.into()))?;
        let last = hops.len() - 1;
        let mut through: Vec<(Hop, Handle<Client>)> = Vec::with_capacity(hops.len());
        for (index, hop) in hops.into_iter().enumerate() {
            let label = (index < last).then(|| hop.label());
            let handle = self
                .hop(&hop, through.last().map(|(hop, handle)| (hop, handle)))
                .await
                .map_err(|kind| failed(label, kind))?;
            through.push((hop, handle));
        }
        let handles = through.into_iter();
        let mut hops = Vec::new();
        let handles = handles.map(|(hop, handle)| {
            hops.push(hop);
            handle
        });
        let handles: Vec<_> = handles.collect();
        Ok(Connection::new(hops.swap_remove(last), handles, self.options.clone()))
    }

    async fn hop(
        &self,
        hop: &Hop,
        before: Option<(&Hop, &Handle<Client>)>,
    ) -> Result<Handle<Client>, ConnectErrorKind> {
        let verifier = Arc::new(Verifier::new(hop, self.writer.clone())?);
        let config = Arc::new(self.config(&verifier));
        let mut handle = match before {
            None => handshake(tcp(hop).await?, hop, config, verifier).await?,
            Some((jump, through)) => {
                let channel =
                    through.channel_open_direct_tcpip(hop.host.clone(), hop.port.into(), "127.0.0.1", 0);
                let refused = |source| ConnectErrorKind::Jump {
                    jump: jump.label(),
                    target: format!("{}:{}", hop.host, hop.port),
                    source,
                };
                let channel = tokio::time::timeout(hop.connect_timeout, channel)
                    .await
                    .map_err(|_| refused(russh::Error::ConnectionTimeout))?
                    .map_err(refused)?;
                handshake(channel.into_stream(), hop, config, verifier).await?
            }
        };
        authenticate(&mut handle, hop, &self.keys).await?;
        Ok(handle)
    }

    fn config(&self, verifier: &Verifier) -> client::Config {
        let usual = Preferred::DEFAULT;
        // The legacy SHA-1 signature goes; what is known of the host comes first.
        let mut algorithms = verifier.algorithms(&usual.key);
        algorithms.retain(|algorithm| algorithm.as_str() != "ssh-rsa");
        // Post-quantum key exchange costs CPU on both ends and is offered for servers that insist, unless preferred.
        let mut exchanges = usual.kex.to_vec();
        if !self.options.prefer_post_quantum {
            exchanges.sort_by_key(|name| match *name {
                kex::CURVE25519 | kex::CURVE25519_PRE_RFC_8731 => 0,
                _ => 1,
            });
        }
        let certificates = if verifier.wants_certificates() { algorithms.clone() } else { Vec::new() };
        client::Config {
            preferred: Preferred {
                kex: Cow::Owned(exchanges),
                key: Cow::Owned(algorithms),
                host_key_certificates: Cow::Owned(certificates),
                ..usual
            },
            keepalive_interval: Some(self.options.keepalive_interval),
            keepalive_max: self.options.keepalive_max,
            nodelay: true,
            ..client::Config::default()
        }
    }
}

/// Connects to the first address that accepts.
async fn tcp(hop: &Hop) -> Result<TcpStream, ConnectErrorKind> {
    let no_address = |source| ConnectErrorKind::Name { name: hop.host.clone(), source };
    let found =
        tokio::time::timeout(hop.connect_timeout, tokio::net::lookup_host((hop.host.as_str(), hop.port)))
            .await
            .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "the resolver does not answer")))
            .map_err(no_address)?;
    let mut error = no_address(io::Error::new(io::ErrorKind::NotFound, "no addresses"));
    for address in found {
        match tcp_to(address, hop.connect_timeout).await {
            Ok(stream) => return Ok(stream),
            Err(kind) => error = kind,
        }
    }
    Err(error)
}

async fn tcp_to(address: SocketAddr, timeout: Duration) -> Result<TcpStream, ConnectErrorKind> {
    let shown = address.to_string();
    let stream = match tokio::time::timeout(timeout, TcpStream::connect(address)).await {
        Err(_) => return Err(ConnectErrorKind::Timeout { address: shown, timeout }),
        Ok(Ok(stream)) => stream,
        Ok(Err(source)) => {
            return Err(match source.kind() {
                io::ErrorKind::ConnectionRefused => ConnectErrorKind::Refused { address: shown },
                io::ErrorKind::TimedOut => ConnectErrorKind::Timeout { address: shown, timeout },
                io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                    ConnectErrorKind::Unreachable { address: shown }
                }
                _ => ConnectErrorKind::Tcp { address: shown, source },
            });
        }
    };
    // Small messages both ways: waiting to fill packets costs 40 ms each time.
    stream.set_nodelay(true).map_err(|source| ConnectErrorKind::Tcp { address: shown, source })?;
    Ok(stream)
}

async fn handshake<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    hop: &Hop,
    config: Arc<client::Config>,
    verifier: Arc<Verifier>,
) -> Result<Handle<Client>, ConnectErrorKind> {
    let refusal = Arc::new(Mutex::new(None));
    let client = Client { verifier, refusal: refusal.clone() };
    let done =
        tokio::time::timeout(hop.connect_timeout, client::connect_stream(config, stream, client)).await;
    let refused = refusal.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (refused, done) {
        (Some(error), _) => Err(ConnectErrorKind::HostKey(error)),
        (None, Err(_)) => {
            Err(ConnectErrorKind::HandshakeTimeout { label: hop.label(), timeout: hop.connect_timeout })
        }
        (None, Ok(Err(source))) => Err(ConnectErrorKind::Handshake { label: hop.label(), source }),
        (None, Ok(Ok(handle))) => Ok(handle),
    }
}

/// What russh asks while a session runs.
pub(crate) struct Client {
    verifier: Arc<Verifier>,
    /// Why the host key was refused, which russh has no place for.
    refusal: Arc<Mutex<Option<HostKeyError>>>,
}

impl client::Handler for Client {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        match self.verifier.check(key).await {
            Ok(()) => Ok(true),
            Err(error) => {
                *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Ok(false)
            }
        }
    }
}
