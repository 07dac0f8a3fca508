//! What answers over the network.

use std::{io, time::Duration};

use crate::provider::Error;

mod connection;
pub mod http;
mod names;
pub mod patience;
mod tls;
pub mod wait_for;

use self::{
    connection::Connection,
    http::{HttpError, Request, Shown},
    names::NameError,
    patience::{Patience, is_stop},
};

/// How long a port may take to accept a connection when it is looked at once.
pub const PORT_LIMIT: Duration = Duration::from_secs(5);

/// How long a URL may take to answer when it is looked at once.
pub const URL_LIMIT: Duration = Duration::from_secs(10);

/// Why it cannot be said whether something answers.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// It makes no sense.
    #[error("`{address}` is no address such as `127.0.0.1:8080`")]
    Address {
        /// The address.
        address: String,
    },
    /// It cannot be asked for, or who answers cannot be trusted.
    #[error(transparent)]
    Http(HttpError),
    /// It was waited for in vain.
    #[error("after {seconds} s, {seen}")]
    InVain {
        /// For how long.
        seconds: f64,
        /// What was seen last.
        seen: String,
    },
    /// It was time to stop.
    #[error("stopped")]
    Stopped,
}

impl NetworkError {
    /// Whether the message may quote what a sensitive resource hides.
    pub fn may_quote(&self) -> bool {
        match self {
            NetworkError::Stopped => false,
            NetworkError::Address { .. } | NetworkError::Http(_) | NetworkError::InVain { .. } => true,
        }
    }
}

impl From<NetworkError> for Error {
    fn from(error: NetworkError) -> Self {
        match error {
            NetworkError::Stopped => Error::Stopped,
            error => Error::Network(error),
        }
    }
}

/// Yes, or why not.
pub type Seen = Result<(), String>;

/// Whether `host:port` accepts a TCP connection now.
pub fn port_open(address: &str, patience: Patience<'_>) -> Result<Seen, NetworkError> {
    let wrong = || NetworkError::Address { address: address.to_owned() };
    let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    let patience = patience.at_most(PORT_LIMIT);
    let addresses = match names::addresses(host, port, patience) {
        Ok(addresses) => addresses,
        Err(NameError::Stopped) => return Err(NetworkError::Stopped),
        Err(error) => return Ok(Err(error.to_string())),
    };
    match Connection::to(&addresses, patience) {
        Ok(_) => Ok(Ok(())),
        Err(error) if is_stop(&error) => Err(NetworkError::Stopped),
        Err(error) => Ok(Err(format!("`{address}` accepts no connection: {}", reason(&error)))),
    }
}

/// Whether a GET is answered now with one of these statuses, or one from 200 to 299 if there is none. A redirect is
/// an answer like another: where it leads was not asked for.
pub fn url_answers(url: &str, statuses: &[i32], patience: Patience<'_>) -> Result<Seen, NetworkError> {
    let request = Request { url, headers: &[], conditions: &[], follow: false };
    let response = match http::get(&request, patience.at_most(URL_LIMIT)) {
        Ok(response) => response,
        Err(HttpError::Stopped) => return Err(NetworkError::Stopped),
        Err(error) if error.stands() => return Err(NetworkError::Http(error)),
        Err(HttpError::Deadline { .. }) => {
            return Ok(Err(format!("{} does not answer in time", Shown::text(url))));
        }
        Err(error) => return Ok(Err(error.to_string())),
    };
    let status = i32::from(response.status);
    let wanted = if statuses.is_empty() { (200..300).contains(&status) } else { statuses.contains(&status) };
    if wanted {
        return Ok(Ok(()));
    }
    let target = response.header("location").map(|target| format!(", a redirect to {}", Shown::text(target)));
    Ok(Err(format!("{} answers with status {status}{}", response.url, target.unwrap_or_default())))
}

/// What the system says, without its number.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut => "nobody answers".to_owned(),
        _ => error.to_string(),
    }
}
