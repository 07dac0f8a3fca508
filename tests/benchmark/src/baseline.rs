//! What engine is compared with, each as a process of its own.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use anyhow::{Context as _, bail};
use engine_transport::{Destination, Ssh, SshOptions};

/// Connects, logs in and runs `true`: nobody who uses SSH can do less.
pub fn handshake(config: PathBuf, hosts: Vec<String>) -> anyhow::Result<()> {
    let ssh = Arc::new(Ssh::new(SshOptions { config_file: Some(config), ..SshOptions::default() }));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for host in hosts {
            let ssh = Arc::clone(&ssh);
            tasks.spawn(async move {
                let connection = ssh.connect(&Destination::new(&*host)).await?;
                let output = connection.exec(&["true"]).await?;
                if output.status != engine_transport::Exit::Code(0) {
                    bail!("{host}: `true` ended with {:?}", output.status);
                }
                Ok(())
            });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        Ok(())
    })
}

/// One ssh a host, each with its script on standard input. A script prints how many files it changed.
pub fn openssh(config: &Path, hosts: &[String], scripts: &Path) -> anyhow::Result<()> {
    let mut running = Vec::with_capacity(hosts.len());
    for host in hosts {
        let path = scripts.join(format!("{host}.sh"));
        let script = File::open(&path).with_context(|| path.display().to_string())?;
        let child = Command::new("ssh")
            .arg("-F")
            .arg(config)
            .args([host, "sh", "-s"])
            .stdin(script)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .context("ssh cannot be started")?;
        running.push((host, child));
    }
    for (host, child) in running {
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("{host}: ssh ended with {}", output.status);
        }
        print!("{}", String::from_utf8_lossy(&output.stdout));
    }
    Ok(())
}
