//! A real HTTP server, which is not ours.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};

/// An address that nobody listens at, and nobody else can take.
pub struct Nobody(OwnedFd);

impl Nobody {
    pub fn new() -> Self {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        Self(socket)
    }

    pub fn address(&self) -> String {
        SocketAddr::try_from(getsockname(&self.0).unwrap()).unwrap().to_string()
    }

    /// From now on somebody listens.
    pub fn listen(&self) {
        listen(&self.0, 8).unwrap();
    }
}

/// A server of a directory's files; see `server.py` for how they are served.
pub struct Server {
    process: Child,
    pub directory: PathBuf,
    pub port: u16,
    scheme: &'static str,
}

impl Server {
    pub fn start(directory: &Path) -> Self {
        Self::run(directory, "http", &[])
    }

    /// One with TLS, as `localhost`, whose authority is `ca.pem` in the directory.
    pub fn secure(directory: &Path) -> Self {
        let script = "set -e; cd \"$1\"
            new() { openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \"$@\"; }
            new -x509 -days 2 -subj /CN=test-ca -keyout ca.key -out ca.pem
            new -subj /CN=localhost -keyout server.key -out server.csr
            echo subjectAltName=DNS:localhost > server.ext
            openssl x509 -req -days 2 -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial \
              -extfile server.ext -out server.pem";
        let output = Command::new("sh").args(["-c", script, "sh"]).arg(directory).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self::run(directory, "https", &["server.pem", "server.key"])
    }

    fn run(directory: &Path, scheme: &'static str, certificate: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/server.py");
        let mut process = Command::new("python3")
            .arg(script)
            .arg(directory)
            .args(certificate.iter().map(|name| directory.join(name)))
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is there");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().expect("the server says its port");
        Self { process, directory: directory.to_owned(), port, scheme }
    }

    /// The URL of a path, with the server's address.
    pub fn url(&self, path: &str) -> String {
        format!("{}://127.0.0.1:{}/{path}", self.scheme, self.port)
    }

    /// The URL of a path, with the server's name.
    pub fn named_url(&self, path: &str) -> String {
        format!("{}://localhost:{}/{path}", self.scheme, self.port)
    }

    /// What it was asked since this was last called: a line a request.
    pub fn requests(&self) -> Vec<String> {
        let path = self.directory.join(".requests");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let _ = fs::remove_file(path);
        text.lines().map(ToOwned::to_owned).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
