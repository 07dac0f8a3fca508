//! What the tests of real hosts share.
#![allow(dead_code, unreachable_pub)] // No test uses all of it.

use std::error::Error;
use std::process::Output;

use engine_test_hosts::{Host, Options};

pub type Outcome = Result<(), Box<dyn Error>>;

/// A fleet that goes down with the test.
pub fn tied(name: &str, subnet: u8, hosts: &[&str]) -> Options {
    let mut options = Options::new(name, hosts.len());
    options.names = hosts.iter().map(ToString::to_string).collect();
    options.subnet = Some(subnet);
    options.tied = true;
    options
}

/// Runs a command on a host as an operator does, through SSH.
pub fn ssh(host: &Host, login: &str, command: &str) -> std::io::Result<Output> {
    host.ssh().args(["-o", "ConnectTimeout=2", "-l", login, "--", command]).output()
}

/// What a command that succeeds says through SSH.
pub fn says(host: &Host, login: &str, command: &str) -> Result<String, Box<dyn Error>> {
    let output = ssh(host, login, command)?;
    if !output.status.success() {
        let (said, error) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        return Err(format!("`{command}`: {said}{error}").into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
