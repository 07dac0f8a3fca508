//! Where a database is, from a URL.
//!
//! URLs are those of libpq, with its parameters. What is stricter here: a connection is never silently unencrypted.

use std::{path::PathBuf, str::FromStr as _, time::Duration};

use percent_encoding::percent_decode_str;
use tokio_postgres::config::{Config, Host, SslMode, TargetSessionAttrs};

use super::password;

/// Where Debian's PostgreSQL and libpq have their socket.
pub(super) const SOCKETS: &str = "/var/run/postgresql";

/// How long to wait for a server unless the URL says it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long what was sent may stay unacknowledged. Then the connection counts as cut.
const UNACKNOWLEDGED: Duration = Duration::from_secs(15);

/// A database of PostgreSQL, as a URL names it.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    pub(super) config: Config,
    pub(super) security: Security,
    place: String,
}

/// How a connection is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Security {
    /// Not at all: a socket of this machine, or the operator says so.
    Plain,
    /// Encrypted, to whoever answers.
    Encrypted,
    /// Encrypted, and the certificate has the host's name and is signed by who the system trusts.
    Verified,
    /// The same, by who signed the certificates in this file.
    VerifiedBy(PathBuf),
}

/// Why a URL names no database. It may hold a password, so nothing of it is quoted but names.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AddressError {
    /// It is not understood.
    #[error("the URL of the state: {0}")]
    Url(String),
    /// It names no user.
    #[error("the URL of the state names no user; write postgresql://USER@HOST/DATABASE")]
    User,
    /// It wants to fall back to an unencrypted connection, or something that does not exist.
    #[error(
        "the URL of the state: `sslmode={0}` is not known here; write `verify-full`, `require` (encrypted, whatever the \
         certificate) or `disable`"
    )]
    SslMode(String),
}

impl Address {
    /// Reads a URL. Nothing is connected to.
    pub fn parse(url: &str) -> Result<Self, AddressError> {
        let (mode, root, url) = without_security(url)?;
        let mut config = Config::from_str(&url).map_err(|error| AddressError::Url(super::told(&error)))?;
        let user = config.get_user().filter(|user| !user.is_empty()).ok_or(AddressError::User)?.to_owned();
        if config.get_dbname().is_none() {
            config.dbname(&user);
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            config.host_path(SOCKETS);
        }
        let near = config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
            && config.get_hosts().iter().all(is_near);
        let security = match (mode.as_deref(), root) {
            (Some("disable"), _) => Security::Plain,
            (Some("require"), None) => Security::Encrypted,
            (None, None) if near => Security::Plain,
            (None | Some("verify-full" | "require"), Some(file)) => Security::VerifiedBy(file),
            (None | Some("verify-full"), None) => Security::Verified,
            (Some(other), _) => return Err(AddressError::SslMode(other.to_owned())),
        };
        config.ssl_mode(if security == Security::Plain { SslMode::Disable } else { SslMode::Require });
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(UNACKNOWLEDGED);
        }
        if config.get_application_name().is_none() {
            config.application_name("engine");
        }
        if config.get_hosts().len() > 1 {
            // Of several servers it is the one that takes writes.
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        config.keepalives_idle(UNACKNOWLEDGED);
        let place = place(&config);
        Ok(Address { config, security, place })
    }

    /// Whether the URL holds a password.
    pub fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    /// With the password from the environment or the operator's file, unless the URL has one.
    pub(super) fn with_password(mut self) -> Result<Self, password::PasswordError> {
        if !self.has_password()
            && let Some(password) = password::find(&self.config)?
        {
            self.config.password(password);
        }
        Ok(self)
    }
}

/// The URL without its password and parameters.
impl std::fmt::Display for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.place)
    }
}

/// The same: no debug output holds a password.
impl std::fmt::Debug for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Address({})", self.place)
    }
}

/// Whether a host is this machine.
fn is_near(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        }
    }
}

/// Takes `sslmode` and `sslrootcert` out of a URL: the client library knows them in part only.
fn without_security(url: &str) -> Result<(Option<String>, Option<PathBuf>, String), AddressError> {
    let (rest, query) = url.split_once('?').unwrap_or((url, ""));
    let (mut mode, mut root, mut kept) = (None, None, Vec::new());
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let decoded = |value| {
            let decoded = percent_decode_str(value).decode_utf8();
            decoded.map(String::from).map_err(|_| AddressError::Url("a parameter is no UTF-8".to_owned()))
        };
        match parameter.split_once('=') {
            Some(("sslmode", value)) => mode = Some(decoded(value)?),
            Some(("sslrootcert", "system")) => mode = Some(mode.unwrap_or_else(|| "verify-full".to_owned())),
            Some(("sslrootcert", value)) => root = Some(PathBuf::from(decoded(value)?)),
            _ => kept.push(parameter),
        }
    }
    let url = if kept.is_empty() { rest.to_owned() } else { format!("{rest}?{}", kept.join("&")) };
    Ok((mode, root, url))
}

fn place(config: &Config) -> String {
    let ports = config.get_ports();
    let hosts: Vec<String> = config
        .get_hosts()
        .iter()
        .enumerate()
        .map(|(number, host)| {
            let port = ports.get(number).or(ports.first()).copied().unwrap_or(5432);
            let host = match host {
                Host::Tcp(name) => name.clone(),
                Host::Unix(path) => path.display().to_string(),
            };
            if port == 5432 { host } else { format!("{host}:{port}") }
        })
        .collect();
    let addresses = config.get_hostaddrs().iter().map(ToString::to_string);
    let hosts = if hosts.is_empty() { addresses.collect() } else { hosts };
    format!(
        "postgresql://{}@{}/{}",
        config.get_user().unwrap_or_default(),
        hosts.join(","),
        config.get_dbname().unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn security(url: &str) -> Security {
        Address::parse(url).unwrap().security
    }

    #[test]
    fn a_connection_to_another_machine_is_encrypted_and_verified_unless_the_url_says_otherwise() {
        assert_eq!(security("postgresql://ana@db.example/engine"), Security::Verified);
        assert_eq!(security("postgres://ana@10.0.0.1"), Security::Verified);
        assert_eq!(security("postgres://ana@localhost,db.example/engine"), Security::Verified);
        assert_eq!(security("postgres://ana@localhost/engine"), Security::Plain);
        assert_eq!(security("postgres://ana@127.0.0.1:5433/engine"), Security::Plain);
        assert_eq!(security("postgres:///engine?user=ana"), Security::Plain);
        assert_eq!(security("postgres:///engine?user=ana&host=/run/pg"), Security::Plain);
        assert_eq!(security("postgres://ana@db.example/e?sslmode=require"), Security::Encrypted);
        assert_eq!(security("postgres://ana@db.example/e?sslmode=disable"), Security::Plain);
        assert_eq!(security("postgres://ana@localhost/e?sslmode=verify-full"), Security::Verified);
        assert_eq!(security("postgres://ana@localhost/e?sslrootcert=system"), Security::Verified);
        // As in libpq: with a file to check by, `require` checks.
        for mode in ["sslmode=require&", "sslmode=verify-full&", ""] {
            assert_eq!(
                security(&format!("postgres://ana@db.example/e?{mode}sslrootcert=%2Fetc%2Fca.pem")),
                Security::VerifiedBy("/etc/ca.pem".into())
            );
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_and_no_password_is_told() {
        for url in [
            "postgres://ana:hunter2@db.example/e?sslmode=prefer",
            "postgres://ana:hunter2@db.example/e?sslmode=allow",
            "postgres://ana:hunter2@db.example/e?nonsense=1",
            "postgres://ana:hunter2@db.example:port/e",
            "postgres://:hunter2@db.example/e",
        ] {
            let error = Address::parse(url).unwrap_err();
            let told = format!("{error} {error:?}");
            assert!(!told.contains("hunter2"), "{told}");
        }
        assert_eq!(Address::parse("postgres://db.example/e").unwrap_err(), AddressError::User);
    }

    #[test]
    fn an_address_is_shown_without_password_and_parameters() {
        let told = |url: &str| {
            let address = Address::parse(url).unwrap();
            assert!(!format!("{address:?}").contains("hunter2"));
            address.to_string()
        };
        assert_eq!(
            told("postgres://ana:hunter2@db.example/e?options=-cx=1"),
            "postgresql://ana@db.example/e"
        );
        assert_eq!(told("postgres://ana:hunter2@a,b:7/e"), "postgresql://ana@a,b:7/e");
        assert_eq!(
            told("postgres:///?user=ana&password=hunter2"),
            "postgresql://ana@/var/run/postgresql/ana"
        );
    }
}
