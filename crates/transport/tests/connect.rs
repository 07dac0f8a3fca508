//! Connections to a real sshd: host keys, keys, jumps, and what goes wrong.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use engine_transport::{
    Attempt, AuthenticateError, ConnectErrorKind, Destination, Exit, HostKeyError, HostKeyPolicy, Secret,
    Ssh, SshOptions,
};
use support::{Sshd, free_port, keygen};

async fn fails(options: SshOptions, destination: &Destination) -> (ConnectErrorKind, String) {
    let error = Ssh::new(options).connect(destination).await.expect_err("it should not connect");
    let text = error.to_string();
    (error.kind, text)
}

async fn connects(options: SshOptions, destination: &Destination) {
    let connection = Ssh::new(options).connect(destination).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(connection.exec(&["true"]).await.unwrap().status, Exit::Code(0));
}

#[tokio::test]
async fn runs_programs() {
    let sshd = Sshd::start();
    let ssh = Ssh::new(sshd.options());
    let start = Instant::now();
    let connection = ssh.connect(&sshd.destination()).await.unwrap();
    let connected = start.elapsed();
    let output =
        connection.exec(&["sh", "-c", "cat; echo \"$1\"; echo no >&2; exit 3", "x", "it's $HOME\n*"]).await;
    let output = output.unwrap();
    assert_eq!(output.status, Exit::Code(3));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "it's $HOME\n*\n");
    assert_eq!(output.stderr, b"no\n");
    // For whoever measures: --nocapture does not show it, a failing assertion would.
    assert!(connected < Duration::from_secs(3), "{connected:?}");
}

#[tokio::test]
async fn post_quantum_too() {
    let sshd = Sshd::start();
    connects(SshOptions { prefer_post_quantum: true, ..sshd.options() }, &sshd.destination()).await;
}

#[tokio::test]
async fn the_known_key_is_asked_for() {
    let sshd = Sshd::start();
    // The host prefers to show its ed25519 key; the other is the one known.
    sshd.trust("host_ecdsa");
    connects(sshd.options(), &sshd.destination()).await;
}

#[tokio::test]
async fn a_changed_host_key_is_refused_by_either_policy() {
    let sshd = Sshd::start();
    std::fs::write(sshd.at("known_hosts"), format!("# first\n{} {}\n", sshd.name(), sshd.public("id")))
        .unwrap();
    for policy in [HostKeyPolicy::Strict, HostKeyPolicy::AcceptNew] {
        let options = SshOptions { host_key_policy: Some(policy), ..sshd.options() };
        let (kind, text) = fails(options, &sshd.destination()).await;
        let ConnectErrorKind::HostKey(HostKeyError::Changed { line, old_fingerprint, fingerprint, .. }) =
            kind
        else {
            panic!("{text}")
        };
        assert_eq!(line, 2);
        assert!(old_fingerprint.starts_with("SHA256:") && fingerprint.starts_with("SHA256:"));
        assert_ne!(old_fingerprint, fingerprint);
        assert!(text.contains("known_hosts:2)"), "{text}");
        assert!(text.contains(&format!("-R '{}'", sshd.name())), "{text}");
    }
}

#[tokio::test]
async fn unknown_hosts_are_refused_when_strict() {
    let sshd = Sshd::start();
    std::fs::remove_file(sshd.at("known_hosts")).unwrap();
    let (kind, text) = fails(sshd.options(), &sshd.destination()).await;
    assert!(matches!(kind, ConnectErrorKind::HostKey(HostKeyError::Unknown { .. })), "{text}");
    assert!(!sshd.at("known_hosts").exists());
}

#[tokio::test]
async fn new_keys_are_recorded_once() {
    let sshd = Sshd::start();
    std::fs::write(sshd.at("known_hosts"), "other ssh-ed25519 AAAA").unwrap();
    let options = SshOptions { host_key_policy: Some(HostKeyPolicy::AcceptNew), ..sshd.options() };
    let ssh = Arc::new(Ssh::new(options));
    let mut connecting = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (ssh, destination) = (ssh.clone(), sshd.destination());
        connecting.spawn(async move { ssh.connect(&destination).await.map(drop) });
    }
    while let Some(connected) = connecting.join_next().await {
        connected.unwrap().unwrap();
    }
    let lines: Vec<_> = sshd.known_hosts().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[1], format!("{} {}", sshd.name(), sshd.public("host_ed25519")));
}

#[tokio::test]
async fn new_keys_go_to_no_file_of_the_systems() {
    let sshd = Sshd::start();
    let config = format!("UserKnownHostsFile none\nGlobalKnownHostsFile {}\n", sshd.at("global").display());
    std::fs::write(sshd.at("config"), config).unwrap();
    let options =
        SshOptions { known_hosts: None, host_key_policy: Some(HostKeyPolicy::AcceptNew), ..sshd.options() };
    let (kind, text) = fails(options.clone(), &sshd.destination()).await;
    assert!(matches!(kind, ConnectErrorKind::HostKey(HostKeyError::NowhereToRecord { .. })), "{text}");
    assert!(text.contains("hint: name a file with `UserKnownHostsFile`"), "{text}");
    assert!(!sshd.at("global").exists(), "the system's file was written");
    // It is read all the same.
    std::fs::rename(sshd.at("known_hosts"), sshd.at("global")).unwrap();
    connects(options, &sshd.destination()).await;
}

#[tokio::test]
async fn revoked_keys_are_refused() {
    let sshd = Sshd::start();
    let text = format!("{}@revoked * {}\n", sshd.known_hosts(), sshd.public("host_ed25519"));
    std::fs::write(sshd.at("known_hosts"), text).unwrap();
    let (kind, text) = fails(sshd.options(), &sshd.destination()).await;
    assert!(matches!(kind, ConnectErrorKind::HostKey(HostKeyError::Revoked { line: 2, .. })), "{text}");
}

#[tokio::test]
async fn host_certificates() {
    let sshd = Sshd::start_with("HostCertificate DIR/host_ed25519-cert.pub");
    let sign = |principal: &str| {
        keygen(&sshd.at("ca"), "ed25519", "");
        let (ca, key) = (sshd.at("ca"), sshd.at("host_ed25519.pub"));
        let arguments =
            ["-q", "-s", ca.to_str().unwrap(), "-I", "host", "-h", "-n", principal, key.to_str().unwrap()];
        assert!(std::process::Command::new("ssh-keygen").args(arguments).status().unwrap().success());
        let line = format!("@cert-authority [127.0.0.1]:* {}\n", sshd.public("ca"));
        std::fs::write(sshd.at("known_hosts"), line).unwrap();
    };
    // sshd reads its certificate when it starts, without one it goes on; so this is about restarts.
    sign("127.0.0.1");
    sshd.reload().await;
    connects(sshd.options(), &sshd.destination()).await;
    sign("elsewhere");
    sshd.reload().await;
    let (kind, text) = fails(sshd.options(), &sshd.destination()).await;
    assert!(matches!(kind, ConnectErrorKind::HostKey(HostKeyError::Certificate { .. })), "{text}");
    assert!(text.contains("elsewhere"), "{text}");
}

#[tokio::test]
async fn encrypted_keys_are_asked_for_once() {
    let sshd = Sshd::start();
    keygen(&sshd.at("id"), "ed25519", "open sesame");
    std::fs::copy(sshd.at("id.pub"), sshd.at("authorized_keys")).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let options = SshOptions {
        passphrase: Some(Arc::new(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            Some(Secret::new("open sesame"))
        })),
        ..sshd.options()
    };
    let ssh = Ssh::new(options);
    let destination = sshd.destination();
    let (one, other) = tokio::join!(ssh.connect(&destination), ssh.connect(&destination));
    one.unwrap();
    other.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 1);

    let (_, text) = fails(sshd.options(), &sshd.destination()).await;
    assert!(text.contains("encrypted"), "{text}");
}

#[tokio::test]
async fn rsa_keys() {
    let sshd = Sshd::start();
    keygen(&sshd.at("id"), "rsa", "");
    std::fs::copy(sshd.at("id.pub"), sshd.at("authorized_keys")).unwrap();
    connects(sshd.options(), &sshd.destination()).await;
}

#[tokio::test]
async fn wrong_keys_are_named() {
    let sshd = Sshd::start();
    keygen(&sshd.at("wrong"), "ed25519", "");
    let missing = sshd.at("missing");
    let destination =
        Destination { identity_files: vec![sshd.at("wrong"), missing.clone()], ..sshd.destination() };
    let (kind, text) = fails(sshd.options(), &destination).await;
    let ConnectErrorKind::Authenticate(AuthenticateError::Refused { tried, .. }) = kind else {
        panic!("{text}")
    };
    assert_eq!(tried.len(), 2);
    assert!(tried.iter().any(|key| key.attempt == Attempt::Refused), "{tried:?}");
    for expected in ["root@127.0.0.1", "wrong: refused", "missing: there is no such file", "hint: "] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
}

#[tokio::test]
async fn the_ssh_agent_is_asked() {
    let sshd = Sshd::start();
    let socket = sshd.at("agent.sock");
    let mut agent = std::process::Command::new("ssh-agent")
        .args(["-D", "-a"])
        .arg(&socket)
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("install openssh-client");
    while !socket.exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let add = |file| {
        std::process::Command::new("ssh-add").arg(file).env("SSH_AUTH_SOCK", &socket).output().unwrap()
    };
    keygen(&sshd.at("other"), "ed25519", "");
    assert!(add(sshd.at("other")).status.success());
    assert!(add(sshd.at("id")).status.success());
    std::fs::write(sshd.at("config"), format!("IdentityAgent {}\n", socket.display())).unwrap();
    let options = SshOptions { use_ssh_agent: true, ..sshd.options() };
    let destination = Destination { identity_files: Vec::new(), ..sshd.destination() };
    connects(options, &destination).await;
    agent.kill().unwrap();
    agent.wait().unwrap();
}

#[tokio::test]
async fn nobody_there() {
    let sshd = Sshd::start();
    let closed = Destination { port: Some(free_port()), ..sshd.destination() };
    let (kind, text) = fails(sshd.options(), &closed).await;
    assert!(matches!(kind, ConnectErrorKind::Refused { .. }), "{text}");

    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let destination = Destination { port: Some(silent.local_addr().unwrap().port()), ..sshd.destination() };
    let options = SshOptions { connect_timeout: Some(Duration::from_millis(300)), ..sshd.options() };
    let (kind, text) = fails(options, &destination).await;
    assert!(matches!(kind, ConnectErrorKind::HandshakeTimeout { .. }), "{text}");

    let nameless = Destination { host: "no-such-host.invalid".into(), ..sshd.destination() };
    let (kind, text) = fails(sshd.options(), &nameless).await;
    assert!(matches!(kind, ConnectErrorKind::Name { .. }), "{text}");
}

#[tokio::test]
async fn jumps() {
    let sshd = Sshd::start();
    let config = format!(
        "Host first second inner\n HostName 127.0.0.1\n Port {}\n User root\n IdentityFile {}\n\
         Host inner\n ProxyJump first,second\nHost *\n ProxyJump first\n",
        sshd.port,
        sshd.at("id").display()
    );
    std::fs::write(sshd.at("config"), config).unwrap();
    // `first` is sent through itself by `Host *`, which must not go round for ever.
    connects(sshd.options(), &Destination::new("inner")).await;
    connects(sshd.options(), &Destination::new("first")).await;
    let log = sshd.log();
    assert_eq!(log.matches("Accepted publickey").count(), 4, "{log}");
}

#[tokio::test]
async fn jump_hosts_that_do_not_connect() {
    let sshd = Sshd::start();
    let config = format!(
        "Host first\n HostName 127.0.0.1\n Port {}\n User root\n IdentityFile {}\nHost inner\n HostName 127.0.0.1\n \
         Port {}\n ProxyJump first\n",
        sshd.port,
        sshd.at("id").display(),
        free_port()
    );
    std::fs::write(sshd.at("config"), config).unwrap();
    let (kind, text) = fails(sshd.options(), &Destination::new("inner")).await;
    assert!(matches!(kind, ConnectErrorKind::Jump { .. }), "{text}");
}
