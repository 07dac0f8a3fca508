//! EC2's instance metadata service, version 2: a token first, then an item a request, in as much HTTP
//! as it takes. It is a fixed address on the link.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use engine_protocol::facts::Cloud;

/// The name of EC2 among clouds.
pub const PROVIDER: &str = "ec2";
/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_millis(100);
/// Longest answer that is read. Items have some dozen bytes.
const LONGEST: u64 = 64 * 1024;

/// Asks for everything, for what stays the same in a boot only if it is not known from earlier. All
/// of it together may take as long as `limit`.
pub fn ask(address: SocketAddr, limit: Duration, earlier: Option<&Cloud>) -> io::Result<Cloud> {
    let mut service =
        Service { address, deadline: Instant::now() + limit, connection: None, token: String::new() };
    service.token = service.request("PUT", "api/token", "X-aws-ec2-metadata-token-ttl-seconds: 60")?;
    let mut cloud = match earlier {
        Some(earlier) => Cloud { tags: BTreeMap::new(), ..earlier.clone() },
        None => Cloud {
            provider: PROVIDER.to_owned(),
            instance_id: service.item("instance-id")?,
            instance_type: service.item("instance-type")?,
            region: service.item("placement/region")?,
            availability_zone: service.item("placement/availability-zone")?,
            image_id: service.item("ami-id")?,
            life_cycle: service.item("instance-life-cycle")?,
            local_hostname: service.item("local-hostname")?,
            local_ipv4: service.item("local-ipv4")?,
            ..Cloud::default()
        },
    };
    cloud.public_ipv4 = service.item("public-ipv4")?;
    for key in service.item("tags/instance")?.lines().filter(|key| can_be_asked_for(key)) {
        cloud.tags.insert(key.to_owned(), service.item(&format!("tags/instance/{key}"))?);
    }
    Ok(cloud)
}

/// EC2 lets only such keys of tags into metadata as need no escapes in a path.
fn can_be_asked_for(key: &str) -> bool {
    key.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'%' | b'?' | b'#'))
}

struct Service {
    address: SocketAddr,
    deadline: Instant,
    /// Open as long as the service leaves it open.
    connection: Option<TcpStream>,
    token: String,
}

impl Service {
    /// An item of the metadata; empty if there is no such item.
    fn item(&mut self, name: &str) -> io::Result<String> {
        let token = format!("X-aws-ec2-metadata-token: {}", self.token);
        self.request("GET", &format!("meta-data/{name}"), &token)
    }

    fn request(&mut self, method: &str, path: &str, header: &str) -> io::Result<String> {
        let length = if method == "PUT" { "Content-Length: 0\r\n" } else { "" };
        let host = self.address.ip();
        let request = format!("{method} /latest/{path} HTTP/1.1\r\nHost: {host}\r\n{length}{header}\r\n\r\n");
        let kept = self.connection.is_some();
        let answer = match self.exchange(&request) {
            // It may have been closed since the answer before.
            Err(_) if kept => self.exchange(&request),
            answer => answer,
        };
        match parse(&answer?) {
            Some(Answer { status: 200, body, .. }) => Ok(body.trim_end_matches('\n').to_owned()),
            Some(Answer { status: 404, .. }) => Ok(String::new()),
            // 401: the token is not good any more. 403: metadata are switched off.
            _ => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }

    /// Sends a request and reads until its answer is whole. The connection is kept if it may be.
    fn exchange(&mut self, request: &str) -> io::Result<Vec<u8>> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => TcpStream::connect_timeout(&self.address, CONNECT.min(self.remaining()?))?,
        };
        connection.set_write_timeout(Some(self.remaining()?))?;
        connection.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            connection.set_read_timeout(Some(self.remaining()?))?;
            let count = connection.read(&mut buffer)?;
            answer.extend(&buffer[..count]);
            match parse(&answer) {
                Some(Answer { whole: true, kept, .. }) => {
                    self.connection = kept.then_some(connection);
                    return Ok(answer);
                }
                _ if count > 0 && answer.len() as u64 <= LONGEST => {}
                // Where no length is said, the end of the connection is the answer's.
                Some(Answer { open_ended: true, .. }) if count == 0 => return Ok(answer),
                _ => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
    }

    fn remaining(&self) -> io::Result<Duration> {
        let remaining = self.deadline.saturating_duration_since(Instant::now());
        if remaining.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(remaining) }
    }
}

/// An answer, as far as it has come.
#[derive(Debug, PartialEq, Eq)]
struct Answer<'a> {
    status: u16,
    body: std::borrow::Cow<'a, str>,
    /// As long as it said it would be.
    whole: bool,
    /// It did not say how long it would be.
    open_ended: bool,
    /// The connection can be used again.
    kept: bool,
}

/// Reads an answer; none until its header is there.
fn parse(bytes: &[u8]) -> Option<Answer<'_>> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let header = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = header.split("\r\n");
    let mut status = lines.next()?.split(' ');
    let version = status.next().filter(|version| version.starts_with("HTTP/1."))?;
    let status = status.next()?.parse().ok()?;
    let (mut length, mut kept) = (None, version != "HTTP/1.0");
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse::<usize>().ok()?);
        } else if name.eq_ignore_ascii_case("connection") {
            kept = !value.trim().eq_ignore_ascii_case("close");
        }
    }
    let body = &bytes[end + 4..];
    let whole = length.is_some_and(|length| body.len() >= length);
    let body = &body[..length.unwrap_or(body.len()).min(body.len())];
    Some(Answer { status, body: String::from_utf8_lossy(body), whole, open_ended: length.is_none(), kept })
}

#[cfg(test)]
pub(super) mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    /// Long enough for any machine, where an answer comes.
    pub const LIMIT: Duration = Duration::from_mins(1);

    /// How a service treats connections.
    #[derive(Debug, Clone, Copy, PartialEq)]
    pub enum Manner {
        /// As AWS's own simulation of the service does.
        Keep,
        /// As the service itself does.
        Close,
        /// Says that it keeps them, and does not.
        CloseSilently,
        /// The answer ends with the connection.
        NoLength,
    }

    /// Items with the values that `amazon-ec2-metadata-mock` of AWS has for them.
    const ITEMS: [(&str, &str); 12] = [
        ("instance-id", "i-1234567890abcdef0"),
        ("instance-type", "m4.xlarge"),
        ("placement/region", "us-east-1"),
        ("placement/availability-zone", "us-east-1a"),
        ("ami-id", "ami-0a887e401f7654935"),
        ("instance-life-cycle", "on-demand"),
        ("local-hostname", "ip-172-16-34-43.ec2.internal"),
        ("local-ipv4", "172.16.34.43"),
        ("public-ipv4", "192.0.2.54"),
        ("tags/instance", "Name\nTest"),
        ("tags/instance/Name", "test-instance"),
        ("tags/instance/Test", "test-tag"),
    ];

    pub fn everything() -> Cloud {
        Cloud {
            provider: "ec2".into(),
            instance_id: "i-1234567890abcdef0".into(),
            instance_type: "m4.xlarge".into(),
            region: "us-east-1".into(),
            availability_zone: "us-east-1a".into(),
            image_id: "ami-0a887e401f7654935".into(),
            life_cycle: "on-demand".into(),
            local_hostname: "ip-172-16-34-43.ec2.internal".into(),
            local_ipv4: "172.16.34.43".into(),
            public_ipv4: "192.0.2.54".into(),
            tags: [("Name", "test-instance"), ("Test", "test-tag")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        }
    }

    /// A service that has all items but those `without`; gives its address and what it is asked for.
    pub fn service(
        manner: Manner,
        without: &'static [&'static str],
    ) -> (SocketAddr, std::sync::mpsc::Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, paths) = std::sync::mpsc::channel();
        thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                while let Some(request) = receive(&mut connection) {
                    let (path, answer) = respond(&request, manner, without);
                    let _ = asked.send(path);
                    if connection.write_all(answer.as_bytes()).is_err() || manner != Manner::Keep {
                        break;
                    }
                }
            }
        });
        (address, paths)
    }

    fn receive(connection: &mut TcpStream) -> Option<String> {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if connection.read(&mut byte).ok()? == 0 {
                return None;
            }
            request.push(byte[0]);
        }
        Some(String::from_utf8(request).unwrap())
    }

    fn respond(request: &str, manner: Manner, without: &[&str]) -> (String, String) {
        let path = request.split(' ').nth(1).unwrap().strip_prefix("/latest/").unwrap();
        let has = |header: &str| request.lines().any(|line| line == header);
        let item = path.strip_prefix("meta-data/").unwrap_or_default();
        let (status, body) = if path == "api/token" {
            let put = request.starts_with("PUT ") && has("X-aws-ec2-metadata-token-ttl-seconds: 60");
            if put { ("200 OK", "zV8DQe4CcNif==") } else { ("400 Bad Request", "") }
        } else if !has("X-aws-ec2-metadata-token: zV8DQe4CcNif==") {
            ("401 Unauthorized", "<?xml version=\"1.0\"?>")
        } else {
            match ITEMS.iter().find(|(name, _)| *name == item && !without.contains(name)) {
                Some((_, value)) => ("200 OK", *value),
                None => ("404 Not Found", "<?xml version=\"1.0\"?>"),
            }
        };
        let length = format!("Content-Length: {}\r\n", body.len());
        let (length, connection) = match manner {
            Manner::Keep | Manner::CloseSilently => (length.as_str(), ""),
            Manner::Close => (length.as_str(), "Connection: close\r\n"),
            Manner::NoLength => ("", "Connection: close\r\n"),
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\n{length}{connection}Server: EC2ws\r\n\r\n{body}"
        );
        (path.to_owned(), answer)
    }

    #[test]
    fn everything_is_read_however_connections_are_treated() {
        for manner in [Manner::Keep, Manner::Close, Manner::CloseSilently, Manner::NoLength] {
            let (address, _) = service(manner, &[]);
            assert_eq!(ask(address, LIMIT, None).unwrap(), everything(), "{manner:?}");
        }
    }

    #[test]
    fn what_stays_the_same_is_not_asked_for_again() {
        let (address, asked) = service(Manner::Keep, &["tags/instance"]);
        let earlier = Cloud { public_ipv4: "203.0.113.1".into(), region: "earlier".into(), ..everything() };
        let cloud = ask(address, LIMIT, Some(&earlier)).unwrap();
        assert_eq!(cloud, Cloud { region: "earlier".into(), tags: BTreeMap::new(), ..everything() });
        let asked: Vec<String> = asked.try_iter().collect();
        assert_eq!(asked, ["api/token", "meta-data/public-ipv4", "meta-data/tags/instance"]);
    }

    #[test]
    fn what_an_instance_has_not_is_empty() {
        let (address, _) = service(Manner::Keep, &["public-ipv4", "tags/instance", "instance-life-cycle"]);
        let expected = Cloud {
            public_ipv4: String::new(),
            life_cycle: String::new(),
            tags: BTreeMap::new(),
            ..everything()
        };
        assert_eq!(ask(address, LIMIT, None).unwrap(), expected);
    }

    #[test]
    fn a_service_that_is_switched_off_or_silent_is_no_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let silent = listener.local_addr().unwrap();
        assert!(ask(silent, Duration::from_millis(50), None).is_err());
        drop(listener);
        assert!(ask(silent, LIMIT, None).is_err());
        for answer in
            ["HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n\r\n", ""]
        {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            thread::spawn(move || {
                let (mut connection, _) = listener.accept().unwrap();
                receive(&mut connection);
                connection.write_all(answer.as_bytes()).unwrap();
            });
            assert!(ask(address, LIMIT, None).is_err(), "{answer}");
        }
    }

    #[test]
    fn an_answer_without_end_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let _ = connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            while connection.write_all(&[b'x'; 4096]).is_ok() {}
        });
        assert!(ask(address, LIMIT, None).is_err());
    }

    #[test]
    fn any_part_of_an_answer_is_read_without_panic() {
        let answer = b"HTTP/1.1 200 OK\r\nConnection: CLOSE\r\ncontent-length: 5\r\n\r\nhello, and more";
        for end in 0..=answer.len() {
            let whole = parse(&answer[..end]).is_some_and(|answer| answer.whole);
            assert_eq!(whole, end >= answer.len() - 10);
        }
        let parsed = parse(answer).unwrap();
        assert_eq!(
            (parsed.status, &*parsed.body, parsed.kept, parsed.open_ended),
            (200, "hello", false, false)
        );
    }

    #[test]
    fn keys_that_would_be_another_path_are_left_out() {
        assert!(
            can_be_asked_for("aws:autoscaling:groupName")
                && !can_be_asked_for("a b")
                && !can_be_asked_for("a?b")
        );
    }
}
