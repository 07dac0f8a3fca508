//! What answers over the network.

use std::{
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

pub mod wait_for;

/// Whether `host:port` accepts a TCP connection.
pub fn port_open(address: &str, timeout: Duration) -> bool {
    let addresses = address.to_socket_addrs().into_iter().flatten();
    addresses.into_iter().any(|address| TcpStream::connect_timeout(&address, timeout).is_ok())
}

/// Whether a GET is answered with one of these statuses, or one from 200 to 299 if there is none.
pub fn url_answers(_url: &str, _statuses: &[i32], _timeout: Duration) -> bool {
    false
}
