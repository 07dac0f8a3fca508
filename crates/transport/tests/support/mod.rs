//! A real sshd on 127.0.0.1, with keys, configuration and known_hosts of its own.
#![allow(dead_code, reason = "each test file uses its part")]

use std::net::TcpListener;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use engine_transport::{Destination, HostKeyPolicy, SshOptions};
use tempfile::TempDir;

pub struct Sshd {
    pub directory: TempDir,
    pub port: u16,
    process: Child,
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| {
        panic!("cannot run {program}: {error}; install openssh-client and openssh-server");
    });
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub fn keygen(path: &Path, kind: &str, passphrase: &str) {
    let _ = std::fs::remove_file(path);
    run("ssh-keygen", &["-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", path.to_str().unwrap()]);
}

impl Sshd {
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// With more lines of sshd_config; `DIR` stands for the directory.
    pub fn start_with(more: &str) -> Self {
        let sshd = Path::new("/usr/sbin/sshd");
        assert!(sshd.exists(), "these tests need {}: install openssh-server", sshd.display());
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create("/run/sshd")
            .expect("run the tests as root");
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for (name, kind) in [("host_ed25519", "ed25519"), ("host_ecdsa", "ecdsa"), ("id", "ed25519")] {
            keygen(&at(name), kind, "");
        }
        std::fs::copy(at("id.pub"), at("authorized_keys")).unwrap();
        let port = free_port();
        let dir = directory.path().display().to_string();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {dir}/host_ed25519\nHostKey {dir}/host_ecdsa\n\
             AuthorizedKeysFile {dir}/authorized_keys\nStrictModes no\nPermitRootLogin prohibit-password\nUsePAM no\n\
             PidFile none\nMaxStartups 100\nPasswordAuthentication no\n{}\n",
            more.replace("DIR", &dir)
        );
        std::fs::write(at("sshd_config"), config).unwrap();
        // More is put in by tests before they connect.
        std::fs::write(at("config"), "").unwrap();
        let process = Command::new(sshd)
            .args(["-D", "-e", "-f"])
            .arg(at("sshd_config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(at("log")).unwrap())
            .spawn()
            .unwrap();
        let this = Self { directory, port, process };
        this.trust("host_ed25519");
        let patience = Instant::now() + Duration::from_secs(5);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < patience, "sshd does not start: {}", this.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        this
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.at("log")).unwrap_or_default()
    }

    /// The host's name in known_hosts.
    pub fn name(&self) -> String {
        format!("[127.0.0.1]:{}", self.port)
    }

    /// A public key, without its comment.
    pub fn public(&self, key: &str) -> String {
        let text = std::fs::read_to_string(self.at(&format!("{key}.pub"))).unwrap();
        text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    /// Makes known_hosts say that this key is the host's, and nothing else.
    pub fn trust(&self, key: &str) {
        std::fs::write(self.at("known_hosts"), format!("{} {}\n", self.name(), self.public(key))).unwrap();
    }

    pub fn known_hosts(&self) -> String {
        std::fs::read_to_string(self.at("known_hosts")).unwrap_or_default()
    }

    pub fn destination(&self) -> Destination {
        Destination {
            host: "127.0.0.1".into(),
            user: Some("root".into()),
            port: Some(self.port),
            identity_files: vec![self.at("id")],
        }
    }

    pub fn options(&self) -> SshOptions {
        SshOptions {
            config_file: Some(self.at("config")),
            known_hosts: Some(self.at("known_hosts")),
            host_key_policy: Some(HostKeyPolicy::Strict),
            use_ssh_agent: false,
            agent_directory: Some(self.at("agents/here").display().to_string()),
            ..SshOptions::default()
        }
    }

    /// Has sshd read its files again.
    pub async fn reload(&self) {
        run("kill", &["-HUP", &self.process.id().to_string()]);
        tokio::time::sleep(Duration::from_millis(400)).await;
    }

    /// Kills the processes that serve connections.
    pub fn kill_connections(&self) {
        run("pkill", &["-KILL", "-P", &self.process.id().to_string()]);
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The name of this machine's architecture.
pub const ARCHITECTURE: &str = std::env::consts::ARCH;
