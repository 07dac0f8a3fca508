//! How long after its start engine talks to the first host.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{fixture::Fixture, measure::median};

/// How often it is measured.
const ROUNDS: usize = 20;

/// From the start of `engine plan` to the accepted connection, middle and best; compiled code is in the cache.
pub fn measure(engine: &Path, cookbook: &Path) -> anyhow::Result<(Duration, Duration)> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let home = tempfile::tempdir()?;
    let config = home.path().join("ssh_config");
    let port = listener.local_addr()?.port();
    fs::write(&config, format!("Host app-1\n    HostName 127.0.0.1\n    Port {port}\n"))?;
    let hosts = [("app-1".to_owned(), "127.0.0.1".to_owned())];
    let fixture = Fixture::new(&hosts, 10, &config, cookbook)?;

    let mut times = Vec::with_capacity(ROUNDS);
    // The first compiles.
    for _ in 0..=ROUNDS {
        let start = Instant::now();
        let mut child = Command::new(engine)
            .args(["plan", "setup", "--stack"])
            .arg(fixture.stack())
            .arg("--cache-dir")
            .arg(home.path().join("cache"))
            .arg("--state")
            .arg(fixture.state())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let accepted = listener.accept()?;
        times.push(start.elapsed());
        // It has nobody to talk to, which is a failure to it and all that was wanted here.
        drop(accepted);
        child.wait()?;
    }
    times.remove(0);
    let best = times.iter().copied().min().unwrap_or_default();
    Ok((median(times).unwrap_or_default(), best))
}
