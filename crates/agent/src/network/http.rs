//! GET over HTTP/1.1: what `remote_file`, `wait_for` and the guards need, and no more.
//!
//! One connection a request, to the server itself: no proxy is used, whatever the environment says. Redirects are
//! followed if the caller wants it, from `https` never to `http`. They may lead to another host, for it is the named
//! server that vouches for where its content is; but the headers of the recipe, which may hold a password, stay with
//! the host that they were written for.

use std::{fmt, io};

use rustls::pki_types::ServerName;
use ureq_proto::{
    BodyMode,
    client::{
        Call, RecvBodyResult, RecvResponseResult, RedirectAuthHeaders, SendRequestResult,
        state::{RecvBody, Redirect},
    },
    http::{self, HeaderMap, Uri, header},
};

use super::{
    connection::{CONNECT, Connection},
    names::{self, NameError},
    patience::{Patience, is_stop},
    tls::{self, TrustError},
};

/// Redirects beyond this number lead nowhere.
pub const REDIRECTS: u32 = 5;

/// Longest head of an answer, and most of what is kept of a body that was not asked for yet.
const BUFFER: usize = 64 * 1024;

/// Longest body of a redirect, which nobody reads.
const REDIRECT_BODY: usize = 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// It cannot be asked for.
    #[error("{url} is no URL such as `https://example.org/path`")]
    Url {
        /// The URL.
        url: Shown,
    },
    /// A header that no request can have.
    #[error("the request to {url} cannot be made: {reason}")]
    Request {
        /// The URL.
        url: Shown,
        /// What is wrong.
        reason: String,
    },
    /// The host has no address.
    #[error("{url}: {source}")]
    Name {
        /// The URL.
        url: Shown,
        /// Why.
        source: NameError,
    },
    /// Nobody accepts the connection.
    #[error("{url}: cannot connect: {source}")]
    Connect {
        /// The URL.
        url: Shown,
        /// What the system says.
        source: io::Error,
    },
    /// Nobody can be trusted.
    #[error("{url}: {source}")]
    Trust {
        /// The URL.
        url: Shown,
        /// Why.
        source: TrustError,
    },
    /// The server cannot show who it is, or speaks no TLS.
    #[error("{url}: no trusted connection: {reason}")]
    Tls {
        /// The URL.
        url: Shown,
        /// What the TLS library says.
        reason: String,
        /// Whether it is the certificate that is not trusted.
        certificate: bool,
    },
    /// It accepted the connection, or came as far as this, and then said nothing.
    #[error("{url}: the server said nothing for {seconds} s")]
    Silent {
        /// The URL.
        url: Shown,
        /// For how long.
        seconds: u64,
    },
    /// The connection broke.
    #[error("{url}: the connection broke: {source}")]
    Broken {
        /// The URL.
        url: Shown,
        /// What the system says.
        source: io::Error,
    },
    /// The answer ended too early.
    #[error("{url}: the connection ended before the answer did")]
    Truncated {
        /// The URL.
        url: Shown,
    },
    /// The answer is no HTTP.
    #[error("{url}: this is no answer of HTTP/1.1: {reason}")]
    Protocol {
        /// The URL.
        url: Shown,
        /// What is wrong.
        reason: String,
    },
    /// Redirects go on and on.
    #[error("{url}: more than {REDIRECTS} redirects, the last one to {last}")]
    Redirects {
        /// The URL that was asked for.
        url: Shown,
        /// Where it led.
        last: Shown,
    },
    /// A redirect to where it must not lead.
    #[error("{url} redirects to {target}, which is not followed: {reason}")]
    Target {
        /// The URL.
        url: Shown,
        /// Where it led.
        target: Shown,
        /// Why not.
        reason: &'static str,
    },
    /// The time of the try is over.
    #[error("{url}: the time for it was over before the end of the answer; `timeout` gives more")]
    Deadline {
        /// The URL.
        url: Shown,
    },
    /// It was time to stop.
    #[error("stopped")]
    Stopped,
}

impl HttpError {
    /// Whether asking again later cannot help: the request makes no sense, or the other side is not to be trusted.
    pub fn stands(&self) -> bool {
        matches!(
            self,
            HttpError::Url { .. }
                | HttpError::Request { .. }
                | HttpError::Trust { .. }
                | HttpError::Tls { certificate: true, .. }
        )
    }
}

/// A URL as messages show it: without its query, in which passwords and signatures are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown(String);

impl Shown {
    fn of(uri: &Uri) -> Self {
        Self::text(&uri.to_string())
    }

    /// What a recipe says.
    pub fn text(url: &str) -> Self {
        match url.split_once('?') {
            Some((path, _)) => Self(format!("{path}?…")),
            None => Self(url.to_owned()),
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}`", self.0)
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// An `http` or `https` URL.
    pub url: &'a str,
    /// Headers of the recipe, for its host alone.
    pub headers: &'a [(String, String)],
    /// Headers that say what is known already, for whoever answers in the end.
    pub conditions: &'a [(&'static str, String)],
    /// Whether redirects are followed; else they are an answer.
    pub follow: bool,
}

/// An answer, of which the head has been read.
pub struct Response {
    /// Whose it is, after redirects.
    pub url: Shown,
    /// The status.
    pub status: u16,
    headers: HeaderMap,
    /// The rest.
    pub body: Body,
}

impl Response {
    /// A header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Asks for something.
pub fn get(request: &Request<'_>, patience: Patience<'_>) -> Result<Response, HttpError> {
    let first: Uri = request.url.parse().map_err(|_| HttpError::Url { url: Shown::text(request.url) })?;
    let mut uri = checked(first.clone())?;
    for _ in 0..=REDIRECTS {
        let own = (uri.scheme(), uri.authority()) == (first.scheme(), first.authority());
        let headers = if own { request.headers } else { &[] };
        let conditions = request.conditions.iter().map(|(name, value)| (*name, value.as_str()));
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut response = exchange(&uri, conditions.chain(headers), patience)?;
        let redirect = matches!(response.status, 301 | 302 | 303 | 307 | 308);
        if !(redirect && request.follow && response.headers.contains_key(header::LOCATION)) {
            return Ok(response);
        }
        let target = response.body.target(patience)?;
        let refuse = |reason| HttpError::Target { url: Shown::of(&uri), target: Shown::of(&target), reason };
        if uri.scheme_str() == Some("https") && target.scheme_str() == Some("http") {
            return Err(refuse("it would leave `https`"));
        }
        uri = checked(target.clone()).map_err(|_| refuse("it is no plain URL"))?;
    }
    Err(HttpError::Redirects { url: Shown::of(&first), last: Shown::of(&uri) })
}

/// An `http` or `https` URL with a host and nothing that becomes a header by itself.
fn checked(uri: Uri) -> Result<Uri, HttpError> {
    let scheme = matches!(uri.scheme_str(), Some("http" | "https"));
    let host = uri.host().is_some_and(|host| !host.is_empty());
    let login = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    if scheme && host && !login { Ok(uri) } else { Err(HttpError::Url { url: Shown::of(&uri) }) }
}

/// One request and its answer.
fn exchange<'h>(
    uri: &Uri,
    headers: impl Iterator<Item = (&'h str, &'h str)>,
    patience: Patience<'_>,
) -> Result<Response, HttpError> {
    let url = Shown::of(uri);
    let refused =
        |reason: &dyn fmt::Display| HttpError::Request { url: url.clone(), reason: reason.to_string() };
    let mut request = http::Request::get(uri).body(()).map_err(|error| refused(&error))?;
    let own = [
        ("accept", "*/*"),
        // What comes is put in place as it is, so it must not be packed.
        ("accept-encoding", "identity"),
        ("connection", "close"),
        ("user-agent", concat!("engine/", env!("CARGO_PKG_VERSION"))),
    ];
    for (name, value) in own.into_iter().chain(headers) {
        let name = header::HeaderName::try_from(name).map_err(|error| refused(&error))?;
        let value = header::HeaderValue::try_from(value).map_err(|error| refused(&error))?;
        request.headers_mut().insert(name, value);
    }
    let mut call = Call::new(request).map_err(|error| refused(&error))?.proceed();

    let mut connection = connect(uri, patience)?;
    let mut buffer = vec![0; BUFFER];
    while !call.can_proceed() {
        let length = call.write(&mut buffer).map_err(|error| refused(&error))?;
        connection.write_all(&buffer[..length], patience).map_err(|source| broken(&url, patience, source))?;
    }
    let Ok(Some(SendRequestResult::RecvResponse(mut call))) = call.proceed() else {
        return Err(refused(&"a GET has no body"));
    };

    let mut input = Input { connection, bytes: Vec::new(), url: url.clone() };
    let protocol =
        |error: ureq_proto::Error| HttpError::Protocol { url: url.clone(), reason: error.to_string() };
    let head = loop {
        let (used, head) = call.try_response(&input.bytes, false).map_err(protocol)?;
        input.bytes.drain(..used);
        match head {
            Some(head) => break head,
            None if used > 0 => {}
            None if !input.more(patience)? => return Err(HttpError::Truncated { url }),
            None => {}
        }
    };
    let rest = match call.proceed() {
        Some(RecvResponseResult::RecvBody(call)) => Rest::Body(call),
        Some(RecvResponseResult::Redirect(call)) => Rest::Redirect(call),
        _ => Rest::End,
    };
    Ok(Response {
        url,
        status: head.status().as_u16(),
        headers: head.headers().clone(),
        body: Body { input, rest },
    })
}

fn connect(uri: &Uri, patience: Patience<'_>) -> Result<Connection, HttpError> {
    let url = Shown::of(uri);
    let secure = uri.scheme_str() == Some("https");
    let host = uri.host().unwrap_or_default();
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    // Before anybody is connected to, for without it there is no need.
    let config = secure.then(|| tls::config(&tls::BUNDLES)).transpose();
    let config = config.map_err(|source| HttpError::Trust { url: url.clone(), source })?;

    let addresses =
        names::addresses(host, port, patience.at_most(CONNECT)).map_err(|source| match source {
            NameError::Stopped => HttpError::Stopped,
            source => HttpError::Name { url: url.clone(), source },
        })?;
    let connection = Connection::to(&addresses, patience).map_err(|source| match source {
        source if is_stop(&source) => HttpError::Stopped,
        source => HttpError::Connect { url: url.clone(), source },
    })?;
    let Some(config) = config else { return Ok(connection) };
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let server = ServerName::try_from(bare).map_err(|_| HttpError::Url { url: url.clone() })?;
    connection.secure(config, server, patience).map_err(|source| {
        match source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(error) => HttpError::Tls {
                url: url.clone(),
                reason: error.to_string(),
                certificate: matches!(error, rustls::Error::InvalidCertificate(_)),
            },
            None => broken(&url, patience, source),
        }
    })
}

/// What it means that reading or writing ended so.
fn broken(url: &Shown, patience: Patience<'_>, source: io::Error) -> HttpError {
    let url = url.clone();
    match source.kind() {
        _ if is_stop(&source) => HttpError::Stopped,
        io::ErrorKind::TimedOut if patience.left().is_zero() => HttpError::Deadline { url },
        io::ErrorKind::TimedOut => HttpError::Silent { url, seconds: patience.silence().as_secs() },
        io::ErrorKind::UnexpectedEof => HttpError::Truncated { url },
        _ => HttpError::Broken { url, source },
    }
}

/// What has come and was not looked at yet.
struct Input {
    connection: Connection,
    bytes: Vec<u8>,
    url: Shown,
}

impl Input {
    /// Reads more; says no at the end.
    fn more(&mut self, patience: Patience<'_>) -> Result<bool, HttpError> {
        let known = self.bytes.len();
        if known >= BUFFER {
            let reason = format!("a part of it has more than {BUFFER} bytes");
            return Err(HttpError::Protocol { url: self.url.clone(), reason });
        }
        self.bytes.resize(BUFFER, 0);
        let read = self.connection.read(&mut self.bytes[known..], patience);
        self.bytes.truncate(known + *read.as_ref().unwrap_or(&0));
        Ok(read.map_err(|source| broken(&self.url, patience, source))? > 0)
    }
}

/// The rest of an answer.
pub struct Body {
    input: Input,
    rest: Rest,
}

enum Rest {
    Body(Call<RecvBody>),
    Redirect(Call<Redirect>),
    End,
}

impl Body {
    /// Some bytes of it; none at its end.
    pub fn read(&mut self, output: &mut [u8], patience: Patience<'_>) -> Result<usize, HttpError> {
        while let Rest::Body(call) = &mut self.rest {
            let (used, filled) = call.read(&self.input.bytes, output).map_err(|error| {
                HttpError::Protocol { url: self.input.url.clone(), reason: error.to_string() }
            })?;
            self.input.bytes.drain(..used);
            if filled > 0 {
                return Ok(filled);
            }
            let until_close = call.body_mode() == BodyMode::CloseDelimited;
            if call.can_proceed() && !until_close {
                self.end();
            } else if used == 0 && !self.input.more(patience)? {
                // Some servers forget the empty line after the last chunk.
                if !until_close && !call.is_ended_chunked() {
                    return Err(HttpError::Truncated { url: self.input.url.clone() });
                }
                self.end();
            }
        }
        Ok(0)
    }

    fn end(&mut self) {
        if let Rest::Body(call) = std::mem::replace(&mut self.rest, Rest::End)
            && let Some(RecvBodyResult::Redirect(call)) = call.proceed()
        {
            self.rest = Rest::Redirect(call);
        }
    }

    /// Where a redirect leads.
    fn target(&mut self, patience: Patience<'_>) -> Result<Uri, HttpError> {
        let (mut unread, mut length) = (vec![0; BUFFER], 0);
        loop {
            match self.read(&mut unread, patience)? {
                0 => break,
                count => length += count,
            }
            if length > REDIRECT_BODY {
                let reason = format!("its redirect has more than {REDIRECT_BODY} bytes");
                return Err(HttpError::Protocol { url: self.input.url.clone(), reason });
            }
        }
        let url = self.input.url.clone();
        let Rest::Redirect(call) = &mut self.rest else { return Err(HttpError::Truncated { url }) };
        match call.as_new_call(RedirectAuthHeaders::Never) {
            Ok(Some(next)) => Ok(next.uri().clone()),
            Ok(None) => Err(HttpError::Protocol { url, reason: "it redirects nowhere".to_owned() }),
            Err(error) => Err(HttpError::Protocol { url, reason: error.to_string() }),
        }
    }
}
