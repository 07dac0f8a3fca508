//! Connections that can be given up at any time: the socket does not block, and whoever waits for it looks at
//! whether to stop.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use rustix::{
    event::PollFlags,
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, connect, socket_with, sockopt},
};
use rustls::{ClientConfig, ClientConnection, pki_types::ServerName};

use super::patience::Patience;

/// How long one address may take to accept a connection.
pub const CONNECT: Duration = Duration::from_secs(10);

/// A TCP connection, with TLS or without.
pub struct Connection {
    socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

impl Connection {
    /// Connects to the first address that accepts, and gives back why the last one did not.
    pub fn to(addresses: &[SocketAddr], patience: Patience<'_>) -> io::Result<Self> {
        let mut last = io::ErrorKind::AddrNotAvailable.into();
        for address in addresses {
            match open(*address, patience.at_most(CONNECT)) {
                Ok(socket) => return Ok(Self { socket, tls: None }),
                Err(error) => last = error,
            }
            patience.look()?;
        }
        Err(last)
    }

    /// Agrees on TLS, as the client of this server.
    pub fn secure(
        mut self,
        config: Arc<ClientConfig>,
        server: ServerName<'static>,
        patience: Patience<'_>,
    ) -> io::Result<Self> {
        let mut tls = Box::new(ClientConnection::new(config, server).map_err(io::Error::other)?);
        while tls.is_handshaking() {
            tls.complete_io(&mut Waiting { socket: &self.socket, patience })?;
        }
        self.tls = Some(tls);
        Ok(self)
    }

    /// Reads some bytes; none at the end.
    pub fn read(&mut self, buffer: &mut [u8], patience: Patience<'_>) -> io::Result<usize> {
        patience.look()?;
        let mut socket = Waiting { socket: &self.socket, patience };
        match &mut self.tls {
            Some(tls) => rustls::Stream::new(&mut **tls, &mut socket).read(buffer),
            None => socket.read(buffer),
        }
    }

    /// Writes all bytes.
    pub fn write_all(&mut self, bytes: &[u8], patience: Patience<'_>) -> io::Result<()> {
        let mut socket = Waiting { socket: &self.socket, patience };
        match &mut self.tls {
            Some(tls) => {
                let mut stream = rustls::Stream::new(&mut **tls, &mut socket);
                stream.write_all(bytes)?;
                stream.flush()
            }
            None => socket.write_all(bytes),
        }
    }
}

/// Whether an address accepts a connection.
pub fn open(address: SocketAddr, patience: Patience<'_>) -> io::Result<TcpStream> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    match connect(&socket, &address) {
        Ok(()) => {}
        Err(Errno::INPROGRESS) => {
            patience.ready(&socket, PollFlags::OUT)?;
            sockopt::socket_error(&socket)??;
        }
        Err(errno) => return Err(errno.into()),
    }
    let socket = TcpStream::from(socket);
    // Who asks often enough for a local port at which nobody listens gets it as its own one day, and so itself.
    if socket.local_addr()? == socket.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(socket)
}

/// A socket that waits instead of blocking.
struct Waiting<'s, 'p> {
    socket: &'s TcpStream,
    patience: Patience<'p>,
}

impl Waiting<'_, '_> {
    fn retry<T>(&self, interest: PollFlags, mut step: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        loop {
            match step() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.patience.at_most(self.patience.silence()).ready(self.socket, interest)?;
                }
                result => return result,
            }
        }
    }
}

impl Read for Waiting<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.retry(PollFlags::IN, || (&*self.socket).read(buffer))
    }
}

impl Write for Waiting<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.retry(PollFlags::OUT, || (&*self.socket).write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
