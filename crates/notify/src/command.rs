//! A command on the controller.

use std::{
    io::{self, Read as _, Write as _},
    process::{Command, Stdio},
    thread,
};

use wait_timeout::ChildExt as _;

use crate::PATIENCE;

/// How much is kept of what it says about a failure.
const SAID: u64 = 4096;

/// Runs it with the message on its standard input; 0 is a success.
pub(crate) fn run(argv: &[String], body: &str) -> Result<(), String> {
    let (program, arguments) = argv.split_first().ok_or("it has no program")?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    if let Some(mut input) = child.stdin.take() {
        let body = body.to_owned();
        // It may not read at all; then this ends with it.
        thread::spawn(move || drop(input.write_all(body.as_bytes())));
    }
    let errors = child.stderr.take().map(|errors| {
        thread::spawn(move || {
            let mut said = Vec::new();
            let mut errors = errors.take(SAID);
            let _ = errors.read_to_end(&mut said);
            // What comes after that is read, so that it does not hang.
            let _ = io::copy(&mut errors.into_inner(), &mut io::sink());
            said
        })
    });
    let status = child.wait_timeout(PATIENCE).map_err(|error| format!("{program}: {error}"))?;
    let Some(status) = status else {
        // It is gone already, or will be.
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("{program} did not end within {} s", PATIENCE.as_secs()));
    };
    if status.success() {
        return Ok(());
    }
    let said = errors.and_then(|errors| errors.join().ok()).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    Err(format!("{program} ended with {status}{}{last}", if last.is_empty() { "" } else { ": " }))
}
