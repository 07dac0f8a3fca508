//! The SSH servers of the simulated nodes, all in one process.

use std::{fmt::Write as _, io::Read as _, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use russh::{
    Channel, ChannelId,
    keys::{Algorithm, PrivateKey, PublicKey, key::safe_rng, ssh_key::LineEnding},
    server::{self, Auth, ChannelOpenHandle, Msg, PublicKeyOffer, Session, VerifiedPublicKey},
};
use tokio::net::TcpListener;

use super::{SimulateArguments, layout, node};

/// Said on standard output when the nodes listen.
pub const READY: &str = "ready";

/// Serves the nodes until the input ends.
pub fn simulate(arguments: &SimulateArguments) -> anyhow::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let host_key = PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519)?;
    let operator = PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519)?;
    let nodes = Nodes {
        config: Arc::new(server::Config {
            keys: vec![host_key.clone()],
            auth_rejection_time: Duration::ZERO,
            inactivity_timeout: None,
            nodelay: true,
            ..server::Config::default()
        }),
        operator: operator.public_key().clone(),
        delay: Duration::from_millis(arguments.delay),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut port = 0;
        for number in 0..arguments.nodes {
            let address = SocketAddr::from((layout::address(number), port));
            let listener = TcpListener::bind(address).await.with_context(|| address.to_string())?;
            // The first one's choice is the others' port as well.
            port = listener.local_addr()?.port();
            tokio::spawn(nodes.clone().listen(listener, number));
        }
        let (directory, nodes) = (&arguments.directory, arguments.nodes);
        operator.write_openssh_file(layout::key(directory), LineEnding::LF)?;
        write_config(directory, nodes, port, host_key.public_key())?;
        println!("{READY}");
        tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
        anyhow::Ok(())
    })?;
    runtime.shutdown_background();
    Ok(())
}

/// As long as an operator's own files would be: each host with its lines.
fn write_config(directory: &Path, nodes: usize, port: u16, host_key: &PublicKey) -> anyhow::Result<()> {
    let (mut config, mut known) = (String::new(), String::new());
    let host_key = host_key.to_openssh()?;
    for number in 0..nodes {
        let address = layout::address(number);
        writeln!(config, "Host {}\n    HostName {address}", layout::name(number))?;
        writeln!(known, "[{address}]:{port} {host_key}")?;
    }
    writeln!(
        config,
        "Host *\n    Port {port}\n    User root\n    IdentityFile {}\n    IdentitiesOnly yes\n    IdentityAgent none\n    \
         UserKnownHostsFile {}\n    GlobalKnownHostsFile none",
        layout::key(directory).display(),
        layout::known_hosts(directory).display()
    )?;
    std::fs::write(layout::ssh_config(directory), config)?;
    std::fs::write(layout::known_hosts(directory), known)?;
    Ok(())
}

/// What all nodes share.
#[derive(Clone)]
struct Nodes {
    config: Arc<server::Config>,
    operator: PublicKey,
    delay: Duration,
}

impl Nodes {
    async fn listen(self, listener: TcpListener, number: usize) {
        while let Ok((stream, _)) = listener.accept().await {
            let (config, login) =
                (Arc::clone(&self.config), Login { nodes: self.clone(), number, channel: None });
            tokio::spawn(async move {
                // What goes wrong here the controller says, and its run fails.
                let _ = stream.set_nodelay(true);
                if let Ok(session) = server::run_stream(config, stream, login).await {
                    let _ = session.await;
                }
            });
        }
    }
}

/// One connection to a node.
struct Login {
    nodes: Nodes,
    number: usize,
    channel: Option<Channel<Msg>>,
}

impl server::Handler for Login {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        _: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(self.accepts(offer.public_key))
    }

    async fn auth_publickey(&mut self, _: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        Ok(self.accepts(key.public_key))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channel = Some(channel);
        reply.accept().await;
        Ok(())
    }

    /// The script that starts the agent finds the agent there; there is no other program on a node.
    async fn exec_request(
        &mut self,
        id: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let starts_agent = String::from_utf8_lossy(command).contains("engine-agent");
        match self.channel.take().filter(|_| starts_agent) {
            Some(channel) => {
                session.channel_success(id)?;
                tokio::spawn(node::play(channel.into_stream(), self.number, self.nodes.delay));
            }
            None => session.channel_failure(id)?,
        }
        Ok(())
    }
}

impl Login {
    fn accepts(&self, key: &PublicKey) -> Auth {
        if key.key_data() == self.nodes.operator.key_data() { Auth::Accept } else { Auth::reject() }
    }
}
