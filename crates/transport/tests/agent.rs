//! Agents started by a real sshd, and on this machine.

mod support;

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use engine_transport::{AgentBinary, AgentStream, Connection, ConnectionLost, Exit, Local, Ssh, StartError};
use support::{ARCHITECTURE, Sshd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// An agent that says its arguments and then whatever it hears.
const ECHO: &[u8] = b"#!/bin/sh\nprintf '%s|' \"$@\"\necho started >&2\nexec cat\n";

fn echo() -> AgentBinary {
    AgentBinary::new(ARCHITECTURE, ECHO)
}

async fn connection(sshd: &Sshd) -> Connection {
    Ssh::new(sshd.options()).connect(&sshd.destination()).await.unwrap()
}

async fn start(sshd: &Sshd, agent: AgentBinary) -> Result<AgentStream, StartError> {
    let other = AgentBinary::new("pdp11", &b"other"[..]);
    connection(sshd).await.start_agent(&[other, agent], &["one", "it's $two"]).await
}

/// Talks to the echo agent until it ends.
async fn talk(mut stream: AgentStream, text: &[u8]) {
    let mut heard = vec![0; "one|it's $two|".len()];
    stream.read_exact(&mut heard).await.unwrap();
    assert_eq!(heard, b"one|it's $two|");
    stream.write_all(text).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard.len(), text.len());
    assert!(heard == text);
    assert_eq!(stream.exit_status().await, Exit::Code(0));
    assert!(stream.stderr().contains("started"));
}

#[tokio::test]
async fn uploaded_once() {
    let sshd = Sshd::start();
    let stream = start(&sshd, echo()).await.unwrap();
    assert!(stream.uploaded());
    talk(stream, b"hello\n").await;
    let file = sshd.at("agents/here").join(echo().sha256());
    let before = std::fs::metadata(&file).unwrap();
    assert_eq!(before.permissions().mode() & 0o7777, 0o500);
    assert_eq!(std::fs::metadata(sshd.at("agents/here")).unwrap().permissions().mode() & 0o7777, 0o700);

    let stream = start(&sshd, echo()).await.unwrap();
    assert!(!stream.uploaded());
    talk(stream, b"").await;
    let after = std::fs::metadata(&file).unwrap();
    let stamps = |m: &std::fs::Metadata| (m.ino(), m.mtime_nsec(), m.ctime_nsec(), m.mtime());
    assert_eq!(stamps(&before), stamps(&after));
}

#[tokio::test]
async fn much_data_both_ways() {
    let sshd = Sshd::start();
    // Larger than any window.
    let mut agent = ECHO.to_vec();
    agent.extend(b"exit\n".iter().chain(vec![b'#'; 5_000_000].iter()));
    let stream = start(&sshd, AgentBinary::new(ARCHITECTURE, agent)).await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let sending = tokio::spawn(async move {
        writer.write_all(&vec![b'y'; 4_000_000]).await.unwrap();
        writer.shutdown().await.unwrap();
    });
    let mut heard = Vec::new();
    reader.read_to_end(&mut heard).await.unwrap();
    sending.await.unwrap();
    assert_eq!(heard.len(), 4_000_000 + "one|it's $two|".len());
}

#[tokio::test]
async fn tampered_agents_are_replaced() {
    let sshd = Sshd::start();
    start(&sshd, echo()).await.unwrap().close().await;
    let file = sshd.at("agents/here").join(echo().sha256());
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::write(&file, "#!/bin/sh\necho evil\n").unwrap();
    let stream = start(&sshd, echo()).await.unwrap();
    assert!(stream.uploaded());
    talk(stream, b"x").await;
    assert_eq!(std::fs::read(&file).unwrap(), ECHO);
}

#[tokio::test]
async fn three_agents_stay() {
    let sshd = Sshd::start();
    for version in 0..5 {
        let mut agent = ECHO.to_vec();
        agent.push(b'#');
        agent.push(b'0' + version);
        start(&sshd, AgentBinary::new(ARCHITECTURE, agent)).await.unwrap().close().await;
    }
    assert_eq!(std::fs::read_dir(sshd.at("agents/here")).unwrap().count(), 3);
}

#[tokio::test]
async fn directories_of_others_are_refused() {
    let sshd = Sshd::start();
    std::fs::create_dir(sshd.at("agents")).unwrap();
    std::fs::create_dir(sshd.at("real")).unwrap();
    std::os::unix::fs::symlink(sshd.at("real"), sshd.at("agents/here")).unwrap();
    assert!(matches!(start(&sshd, echo()).await, Err(StartError::Directory { .. })));
    std::fs::remove_file(sshd.at("agents/here")).unwrap();
    std::fs::create_dir(sshd.at("agents/here")).unwrap();
    std::os::unix::fs::chown(sshd.at("agents/here"), Some(65534), None).unwrap();
    assert!(matches!(start(&sshd, echo()).await, Err(StartError::Directory { .. })));
}

#[tokio::test]
async fn directories_that_others_can_write_to_are_refused_warm_and_cold() {
    let sshd = Sshd::start();
    start(&sshd, echo()).await.unwrap().close().await;
    let directory = sshd.at("agents/here");
    let agent = directory.join(echo().sha256());
    let mode = |mode| std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(mode)).unwrap();
    for others in [0o720, 0o702, 0o777, 0o1777] {
        mode(others);
        let error = start(&sshd, echo()).await.unwrap_err();
        assert!(matches!(error, StartError::Directory { .. }), "{others:o}: {error}");
    }
    // Who can only look does no harm.
    for harmless in [0o700, 0o755, 0o2750] {
        mode(harmless);
        assert!(!start(&sshd, echo()).await.unwrap().uploaded(), "{harmless:o}");
    }
    std::fs::remove_file(agent).unwrap();
    mode(0o770);
    assert!(matches!(start(&sshd, echo()).await, Err(StartError::Directory { .. })));
    mode(0o755);
    assert!(start(&sshd, echo()).await.unwrap().uploaded());
    assert_eq!(std::fs::metadata(&directory).unwrap().permissions().mode() & 0o7777, 0o700);
}

/// A warm start is what every run on every node costs.
#[test]
fn a_warm_start_runs_three_programs_in_any_shell() {
    let directory = tempfile::tempdir().unwrap();
    let agent = directory.path().join(echo().sha256());
    std::fs::write(&agent, ECHO).unwrap();
    std::fs::set_permissions(&agent, std::fs::Permissions::from_mode(0o500)).unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    // What is not there cannot be run.
    let programs = tempfile::tempdir().unwrap();
    for program in ["uname", "ls", "sha256sum", "cat"] {
        std::os::unix::fs::symlink(Path::new("/usr/bin").join(program), programs.path().join(program))
            .unwrap();
    }
    for shell in [&["/bin/dash"][..], &["/bin/bash", "--posix"], &["/bin/busybox", "sh"]] {
        if !Path::new(shell[0]).exists() {
            continue;
        }
        let output = std::process::Command::new(shell[0])
            .args(&shell[1..])
            .args(["-c", include_str!("../src/start_agent.sh"), "engine-agent"])
            .arg(directory.path())
            .args([ARCHITECTURE, echo().sha256(), &ECHO.len().to_string(), "--", "one"])
            .env_clear()
            .env("PATH", programs.path())
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said, "\nENGINE-READY\none|", "{shell:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[tokio::test]
async fn full_and_noexec_file_systems() {
    let sshd = Sshd::start();
    let directory = sshd.at("agents");
    std::fs::create_dir(&directory).unwrap();
    let mounted = Mount::tmpfs(&directory, "size=64k,noexec");
    let error = start(&sshd, AgentBinary::new(ARCHITECTURE, vec![b'#'; 3_000_000])).await.unwrap_err();
    assert!(matches!(error, StartError::DiskFull { size: 3_000_000, .. }), "{error}");
    let error = start(&sshd, echo()).await.unwrap_err();
    assert!(matches!(error, StartError::NoExec { .. }), "{error}");
    // What did not fit is gone.
    assert!(
        std::fs::read_dir(sshd.at("agents/here"))
            .unwrap()
            .all(|entry| { entry.unwrap().file_name().to_string_lossy() == echo().sha256() })
    );
    drop(mounted);
}

struct Mount(std::path::PathBuf);

impl Mount {
    fn tmpfs(path: &Path, options: &str) -> Self {
        let status = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(path)
            .status()
            .unwrap();
        assert!(status.success(), "this test mounts a tmpfs: run it as root, where mounting is allowed");
        Self(path.to_owned())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn other_architectures() {
    let sshd = Sshd::start();
    let error =
        connection(&sshd).await.start_agent(&[AgentBinary::new("pdp11", &b"x"[..])], &[]).await.unwrap_err();
    assert!(error.to_string().contains("pdp11"), "{error}");
    assert!(matches!(error, StartError::Architecture { architecture, .. } if architecture == ARCHITECTURE));
}

#[tokio::test]
async fn shells_that_talk() {
    let sshd = Sshd::start_with("ForceCommand echo Welcome; eval \"$SSH_ORIGINAL_COMMAND\"");
    let stream = start(&sshd, echo()).await.unwrap();
    talk(stream, b"x").await;
    let noisy = Sshd::start_with("ForceCommand yes");
    assert!(matches!(start(&noisy, echo()).await, Err(StartError::Noise(_))));
    let dead = Sshd::start_with("ForceCommand echo no login >&2; exit 5");
    let error = start(&dead, echo()).await.unwrap_err();
    assert!(matches!(&error, StartError::Ended { exit: Exit::Code(5), .. }), "{error}");
    assert!(error.to_string().contains("no login"), "{error}");
}

#[tokio::test]
async fn lost_connections_are_told() {
    let sshd = Sshd::start();
    let mut stream = start(&sshd, echo()).await.unwrap();
    let mut heard = vec![0; "one|it's $two|".len()];
    stream.read_exact(&mut heard).await.unwrap();
    sshd.kill_connections();
    let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert!(ConnectionLost::is(&error), "{error:?}");
    assert_eq!(stream.exit_status().await, Exit::Lost);
}

#[tokio::test]
async fn dropping_ends_the_agent() {
    let sshd = Sshd::start();
    let file = sshd.at("ended");
    let script = format!("#!/bin/sh\ncat >/dev/null\ntouch {}\n", file.display());
    let stream = start(&sshd, AgentBinary::new(ARCHITECTURE, script.into_bytes())).await.unwrap();
    drop(stream);
    for _ in 0..200 {
        if file.exists() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the agent did not notice: {}", sshd.log());
}

#[tokio::test]
async fn here() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("a b");
    let place = place.to_str();
    for uploaded in [true, false] {
        let stream = Local.start_agent(&[echo()], place, &["one", "it's $two"]).await.unwrap();
        assert_eq!(stream.uploaded(), uploaded);
        talk(stream, b"hello").await;
    }
    let failing = AgentBinary::new(ARCHITECTURE, &b"#!/bin/sh\nexit 9\n"[..]);
    assert_eq!(Local.start_agent(&[failing], place, &[]).await.unwrap().close().await, Exit::Code(9));
}
