//! Secrets that a command prints.

use std::{process::Stdio, time::Duration};

use engine_scheduler::ports::SecretFailure;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::Command,
};
use zeroize::Zeroizing;

use super::failure;

/// How long a command may take: a person may have to unlock something.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);
/// More than this is no secret.
const LONGEST: u64 = 1024 * 1024;
/// So much of what it complains of is shown.
const COMPLAINT: usize = 2 * 1024;

/// What a command prints, without one line break at the end. What it prints is never part of an error.
pub(crate) async fn read(argv: &[String], patience: Duration) -> Result<Zeroizing<String>, SecretFailure> {
    let [program, arguments @ ..] = argv else { return Err(failure("the command is empty".to_owned())) };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failure(format!("`{program}` cannot be started: {error}")))?;
    let (output, complaint) = (child.stdout.take(), child.stderr.take());
    let ended = tokio::time::timeout(patience, async {
        tokio::join!(all_of(output), all_of(complaint), child.wait())
    });
    let Ok((output, complaint, status)) = ended.await else {
        return Err(failure(format!("`{program}` took longer than {} s and was ended", patience.as_secs())));
    };
    let status = status.map_err(|error| failure(format!("`{program}`: {error}")))?;
    if !status.success() {
        let complaint = complaint.unwrap_or_default();
        let end = &complaint[complaint.len().saturating_sub(COMPLAINT)..];
        let complaint = String::from_utf8_lossy(end);
        let complaint = match complaint.trim() {
            "" => String::new(),
            said => format!(": {said}"),
        };
        return Err(failure(format!("`{program}` ended with {status}{complaint}")));
    }
    let output = output.map_err(|error| failure(format!("`{program}`: {error}")))?;
    if output.len() as u64 > LONGEST {
        return Err(failure(format!("`{program}` printed more than {LONGEST} bytes")));
    }
    let text = std::str::from_utf8(&output)
        .map_err(|_| failure(format!("`{program}` printed what is not UTF-8")))?;
    let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    Ok(Zeroizing::new(text.to_owned()))
}

async fn all_of(from: Option<impl AsyncRead + Unpin>) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    if let Some(from) = from {
        from.take(LONGEST + 1).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn run(argv: &[&str]) -> Result<String, String> {
        let argv: Vec<String> = argv.iter().map(ToString::to_string).collect();
        let read = read(&argv, PATIENCE).await;
        read.map(|text| text.to_string()).map_err(|failure| failure.message)
    }

    #[tokio::test]
    async fn what_it_prints_is_the_value_without_the_last_line_break() {
        assert_eq!(run(&["printf", "hunter2\n"]).await.unwrap(), "hunter2");
        assert_eq!(run(&["printf", "a\nb\n\n"]).await.unwrap(), "a\nb\n");
        assert_eq!(run(&["printf", "$HOME `id`"]).await.unwrap(), "$HOME `id`");
    }

    #[tokio::test]
    async fn its_complaint_is_shown_and_its_output_never() {
        let error = run(&["sh", "-c", "echo hunter2; echo locked >&2; exit 3"]).await.unwrap_err();
        assert!(error.contains("exit status: 3") && error.contains("locked"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
        assert!(run(&["/no/such/program"]).await.unwrap_err().contains("cannot be started"));
        assert!(run(&["printf", "\\377"]).await.unwrap_err().contains("not UTF-8"));
    }

    #[tokio::test]
    async fn one_that_does_not_end_is_ended() {
        let argv = ["sleep".to_owned(), "1000".to_owned()];
        let failure = read(&argv, Duration::from_millis(50)).await.unwrap_err();
        assert!(failure.message.contains("took longer"), "{failure}");
    }
}
