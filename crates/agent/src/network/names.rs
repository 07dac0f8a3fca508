//! Names of hosts. The program is static and has no name service switch of its own: it asks `getent`, so that
//! a name means here what it means to everybody else on the node.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use super::patience::Patience;
use crate::command::{CommandError, Run};

/// Exit status of `getent` for a name that nobody knows; see getent(1).
const NOT_FOUND: i32 = 2;

/// Why a name has no address.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    /// Nobody knows it.
    #[error("no address is known for the name `{host}`")]
    Unknown {
        /// The name.
        host: String,
    },
    /// It was not answered in time.
    #[error("no address for the name `{host}`: {source}")]
    Lookup {
        /// The name.
        host: String,
        /// What was tried.
        source: CommandError,
    },
    /// It was time to stop.
    #[error("stopped")]
    Stopped,
}

/// The addresses of a host, a name or an address itself, with or without brackets.
pub fn addresses(host: &str, port: u16, patience: Patience<'_>) -> Result<Vec<SocketAddr>, NameError> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(vec![(address, port).into()]);
    }
    let unknown = || NameError::Unknown { host: host.to_owned() };
    let getent = Run::new(["getent", "--", "ahosts", host]).timeout(patience.left()).parsed();
    let found: Vec<SocketAddr> = match getent.finish_unless(patience.stopping()) {
        Ok(finished) if finished.status.success() => {
            parse(&finished.output).into_iter().map(|address| (address, port).into()).collect()
        }
        Ok(finished) if finished.status.code() == Some(NOT_FOUND) => Vec::new(),
        Err(CommandError::Stopped { .. }) => return Err(NameError::Stopped),
        Err(source @ CommandError::TimedOut { .. }) => {
            return Err(NameError::Lookup { host: host.to_owned(), source });
        }
        // Without glibc there is no such `getent`, and no switch either that it would have to ask.
        Ok(_) | Err(_) => (host, port).to_socket_addrs().map_err(|_| unknown())?.collect(),
    };
    if found.is_empty() { Err(unknown()) } else { Ok(found) }
}

/// Each address once, in the order of preference that `getent ahosts` has.
fn parse(output: &str) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for address in output.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// Debian 12, glibc 2.36.
    const AHOSTS: &str = "\
2a04:4e42::644  STREAM debian.map.fastlydns.net
2a04:4e42::644  DGRAM  
2a04:4e42::644  RAW    
151.101.2.132   STREAM 
151.101.2.132   DGRAM  
151.101.2.132   RAW    
fe80::1%eth0    STREAM 
";

    fn patience() -> Patience<'static> {
        Patience::new(&|| false, Instant::now() + Duration::from_secs(30))
    }

    #[test]
    fn each_address_is_tried_once_in_the_nodes_order() {
        let expected: Vec<IpAddr> = vec!["2a04:4e42::644".parse().unwrap(), "151.101.2.132".parse().unwrap()];
        assert_eq!(parse(AHOSTS), expected);
    }

    #[test]
    fn addresses_need_nobody_to_be_asked() {
        let never = Patience::new(&|| true, Instant::now());
        for (host, expected) in [("127.0.0.1", "127.0.0.1:80"), ("[::1]", "[::1]:80"), ("::1", "[::1]:80")] {
            assert_eq!(addresses(host, 80, never).unwrap(), [expected.parse().unwrap()], "{host}");
        }
    }

    #[test]
    fn names_are_those_of_the_node() {
        let local = addresses("localhost", 80, patience()).unwrap();
        assert!(local.iter().all(|address| address.ip().is_loopback()), "{local:?}");
        for unknown in ["nobody.invalid", "--help"] {
            let error = addresses(unknown, 80, patience()).unwrap_err();
            assert!(error.to_string().contains(unknown), "{error}");
        }
    }

    #[test]
    fn a_lookup_is_given_up_when_it_is_time_to_stop() {
        let stopped = Patience::new(&|| true, Instant::now() + Duration::from_secs(30));
        assert!(matches!(addresses("localhost", 80, stopped), Err(NameError::Stopped)));
    }
}
