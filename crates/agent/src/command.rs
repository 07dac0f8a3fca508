//! Child processes: a clean environment, no input that was not given, a process group of their own, a time limit.

use std::{
    cell::Cell,
    collections::VecDeque,
    io::{self, Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};

/// Where programs are searched.
pub const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where a program is, if it is installed.
pub fn find(program: &str) -> Option<PathBuf> {
    SEARCH_PATH.split(':').map(|directory| Path::new(directory).join(program)).find(|path| path.is_file())
}

/// How much of a command's output is kept: its end.
pub const OUTPUT_BYTES: usize = 16 * 1024;

/// How much is kept of the output of a program whose output is parsed.
const PARSED_BYTES: usize = 32 * 1024 * 1024;

/// How long output is awaited that a process left behind still holds open.
const DRAIN: Duration = Duration::from_millis(200);

/// Why a command did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It cannot be started.
    #[error("`{program}` cannot be started: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It took too long and was killed with all its children.
    #[error("`{command}` was killed after {seconds} s, its time limit{output}")]
    TimedOut {
        /// Program and arguments.
        command: String,
        /// The limit.
        seconds: u64,
        /// What it printed.
        output: Tail,
    },
    /// It was killed with all its children because the run was stopped.
    #[error("`{command}` was killed because the run was stopped")]
    Stopped {
        /// Program and arguments.
        command: String,
    },
    /// It ended with an unexpected status.
    #[error("`{command}` {status}{output}")]
    Status {
        /// Program and arguments.
        command: String,
        /// How it ended.
        status: Ended,
        /// What it printed.
        output: Tail,
    },
}

/// Output in an error message: nothing if it is empty.
#[derive(Debug, Clone)]
pub struct Tail(pub String);

impl std::fmt::Display for Tail {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.trim() {
            "" => Ok(()),
            text => write!(formatter, ":\n{text}"),
        }
    }
}

/// How a process ended, in words.
#[derive(Debug, Clone, Copy)]
pub struct Ended(pub ExitStatus);

impl std::fmt::Display for Ended {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.0.code(), self.0.signal()) {
            (Some(code), _) => write!(formatter, "exited with {code}"),
            (None, Some(signal)) => write!(formatter, "was killed by signal {signal}"),
            (None, None) => write!(formatter, "ended in an unknown way"),
        }
    }
}

thread_local! {
    /// When commands of this thread must have ended, whatever their own limit.
    static DEADLINE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Bounds every command that `work` runs on this thread: the time that one try of a resource may take holds for all
/// its provider's programs, without each of them being told.
pub fn until<T>(deadline: Instant, work: impl FnOnce() -> T) -> T {
    let outer = DEADLINE.replace(Some(deadline));
    let result = work();
    DEADLINE.set(outer);
    result
}

/// What a command that ended left.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output and standard error as they came, the end of it.
    pub output: String,
}

/// A command to be run.
#[derive(Debug)]
pub struct Run {
    argv: Vec<String>,
    command: Command,
    timeout: Duration,
    keep: usize,
    stderr: bool,
    input: Option<Input>,
}

/// What a program reads; it may be secret.
struct Input(Vec<u8>);

impl std::fmt::Debug for Input {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} bytes", self.0.len())
    }
}

impl Run {
    /// A program with arguments, by default with ten minutes of time.
    pub fn new<S: AsRef<str>>(argv: impl IntoIterator<Item = S>) -> Self {
        let argv: Vec<String> = argv.into_iter().map(|argument| argument.as_ref().to_owned()).collect();
        let mut command = Command::new(argv.first().map_or("", String::as_str));
        command
            .args(argv.iter().skip(1))
            .env_clear()
            .env("PATH", SEARCH_PATH)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .process_group(0);
        Self {
            argv,
            command,
            timeout: Duration::from_mins(10),
            keep: OUTPUT_BYTES,
            stderr: true,
            input: None,
        }
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets the working directory.
    #[must_use]
    pub fn cwd(mut self, directory: &str) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Sets the time limit.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Gives it something to read; unlike arguments, nobody else on the node sees it.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.command.stdin(Stdio::piped());
        self.input = Some(Input(bytes.into()));
        self
    }

    /// Keeps standard output alone and all of it, for a parser.
    #[must_use]
    pub fn parsed(mut self) -> Self {
        self.keep = PARSED_BYTES;
        self.stderr = false;
        self
    }

    /// Runs it to its end, whatever its status.
    pub fn finish(self) -> Result<Finished, CommandError> {
        self.finish_unless(&|| false)
    }

    /// Runs it to its end, or kills it when it is time to stop: for what changes nothing.
    pub fn finish_unless(self, stopping: &dyn Fn() -> bool) -> Result<Finished, CommandError> {
        self.finish_telling(stopping, None)
    }

    fn finish_telling(
        mut self,
        stopping: &dyn Fn() -> bool,
        mut live: Option<Live<'_>>,
    ) -> Result<Finished, CommandError> {
        let start = |source| CommandError::Start { program: self.argv.join(" "), source };
        let (reader, writer) = io::pipe().map_err(start)?;
        self.command.stdout(writer.try_clone().map_err(start)?);
        if self.stderr {
            self.command.stderr(writer);
        } else {
            drop(writer);
            self.command.stderr(Stdio::null());
        }
        let mut child = self.command.spawn().map_err(start)?;
        // The write ends live in the command; while it holds them the pipe has no end.
        drop(std::mem::replace(&mut self.command, Command::new("")));
        if let (Some(Input(bytes)), Some(mut stdin)) = (self.input.take(), child.stdin.take()) {
            // In a thread, since it may print before it has read all. Who stops reading has enough.
            thread::spawn(move || drop(stdin.write_all(&bytes)));
        }

        let kept = Arc::new(Mutex::new(Kept::default()));
        let drained = collect(reader, Arc::clone(&kept), self.keep, live.is_some());
        let begin = Instant::now();
        let mut deadline = begin.checked_add(self.timeout);
        if let Some(outer) = DEADLINE.get() {
            deadline = Some(deadline.map_or(outer, |own| own.min(outer)));
        }
        let mut tell = |last: bool| {
            if let Some(live) = &mut live {
                let text = kept.lock().unwrap_or_else(PoisonError::into_inner).lines(last);
                if !text.is_empty() {
                    live(text);
                }
            }
        };
        let mut pause = Duration::from_micros(200);
        let status = loop {
            match child.try_wait().map_err(start)? {
                Some(status) => break Some(status),
                None if deadline.is_some_and(|deadline| Instant::now() >= deadline) => {
                    kill(&mut child);
                    break None;
                }
                None if stopping() => {
                    kill(&mut child);
                    return Err(CommandError::Stopped { command: self.argv.join(" ") });
                }
                None => {
                    tell(false);
                    // Most programs end right after their output does.
                    let _ = drained.recv_timeout(pause).map_err(|error| {
                        if error == mpsc::RecvTimeoutError::Disconnected {
                            thread::sleep(pause);
                        }
                    });
                    pause = (pause * 2).min(Duration::from_millis(20));
                }
            }
        };
        let _ = drained.recv_timeout(DRAIN);
        tell(true);
        let kept = std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner));
        let bytes: Vec<u8> = kept.end.into();
        let output = String::from_utf8_lossy(&bytes).into_owned();
        match status {
            Some(status) => Ok(Finished { status, output }),
            None => Err(CommandError::TimedOut {
                command: self.argv.join(" "),
                seconds: begin.elapsed().as_secs(),
                output: Tail(output),
            }),
        }
    }

    /// Runs it to its end, which must be one of these statuses.
    pub fn expect(self, statuses: &[i32]) -> Result<String, CommandError> {
        let command = self.argv.join(" ");
        Self::expected(self.finish()?, command, statuses)
    }

    /// The same; whole lines of output are told while it runs.
    pub fn expect_live(self, statuses: &[i32], live: Live<'_>) -> Result<String, CommandError> {
        let command = self.argv.join(" ");
        Self::expected(self.finish_telling(&|| false, Some(live))?, command, statuses)
    }

    fn expected(finished: Finished, command: String, statuses: &[i32]) -> Result<String, CommandError> {
        match finished.status.code() {
            Some(code) if statuses.contains(&code) => Ok(finished.output),
            _ => Err(CommandError::Status {
                command,
                status: Ended(finished.status),
                output: Tail(finished.output),
            }),
        }
    }

    /// Runs it to its end, which must be success.
    pub fn succeed(self) -> Result<String, CommandError> {
        self.expect(&[0])
    }
}

/// Kills a process with all its children.
fn kill(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
}

/// Hears output while a command runs, in whole lines.
pub type Live<'a> = &'a mut dyn FnMut(String);

/// Output of a command that is still wanted.
#[derive(Debug, Default)]
struct Kept {
    /// The end of all output.
    end: VecDeque<u8>,
    /// What was not told yet.
    fresh: Vec<u8>,
}

impl Kept {
    /// Whole lines that were not told yet, and at last what has no end.
    fn lines(&mut self, last: bool) -> String {
        let end = match self.fresh.iter().rposition(|byte| *byte == b'\n') {
            _ if last => self.fresh.len(),
            Some(index) => index + 1,
            // A line that never ends is told in parts.
            None if self.fresh.len() > OUTPUT_BYTES => self.fresh.len(),
            None => 0,
        };
        let bytes: Vec<u8> = self.fresh.drain(..end).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Reads to the end in a thread, keeping the last bytes; the channel closes at the end.
fn collect(
    mut reader: io::PipeReader,
    kept: Arc<Mutex<Kept>>,
    keep: usize,
    live: bool,
) -> mpsc::Receiver<()> {
    let (done, drained) = mpsc::channel::<()>();
    thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.end.extend(&buffer[..count]);
            let excess = kept.end.len().saturating_sub(keep);
            kept.end.drain(..excess);
            if live {
                kept.fresh.extend(&buffer[..count]);
            }
        }
        drop(done);
    });
    drained
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_and_status_come_back() {
        let finished = Run::new(["sh", "-c", "echo out; echo err >&2; exit 3"]).finish().unwrap();
        assert_eq!(finished.status.code(), Some(3));
        assert_eq!(finished.output, "out\nerr\n");
    }

    #[test]
    fn what_is_given_to_read_is_read_to_its_end() {
        let long = "0123456789".repeat(100_000);
        let output = Run::new(["cat"]).input(long.as_bytes()).parsed().succeed().unwrap();
        assert!(output == long);
        assert_eq!(Run::new(["true"]).input(long).succeed().unwrap(), "");
        let shown = format!("{:?}", Run::new(["cat"]).input("secret"));
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn only_the_end_of_long_output_is_kept() {
        let output = Run::new(["seq", "1", "100000"]).succeed().unwrap();
        assert_eq!(output.len(), OUTPUT_BYTES);
        assert!(output.ends_with("100000\n"));
    }

    #[test]
    fn the_environment_is_clean_and_input_is_empty() {
        let output = Run::new(["sh", "-c", "cat; env | grep -c CARGO"]).expect(&[1]).unwrap();
        assert_eq!(output, "0\n");
    }

    #[test]
    fn the_whole_process_group_is_killed_at_the_time_limit() {
        let marker = tempfile::tempdir().unwrap();
        let path = marker.path().join("late");
        let script = format!("(sleep 1; touch {}) & sleep 30", path.display());
        let error = Run::new(["sh", "-c", &script]).timeout(Duration::from_millis(100)).finish().unwrap_err();
        assert!(matches!(error, CommandError::TimedOut { .. }), "{error}");
        thread::sleep(Duration::from_millis(1300));
        assert!(!path.exists());
    }

    #[test]
    fn a_process_left_behind_does_not_hold_up_the_end() {
        let begin = Instant::now();
        Run::new(["sh", "-c", "sleep 5 & echo started"]).succeed().unwrap();
        assert!(begin.elapsed() < Duration::from_secs(2));
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Run::new(["no-such-program"]).succeed().unwrap_err();
        assert!(error.to_string().contains("no-such-program"), "{error}");
    }

    #[test]
    fn a_try_bounds_the_commands_in_it() {
        let begin = Instant::now();
        let error = until(begin + Duration::from_millis(100), || Run::new(["sleep", "30"]).succeed());
        assert!(matches!(error, Err(CommandError::TimedOut { .. })), "{error:?}");
        Run::new(["sleep", "0.2"]).succeed().unwrap();
    }

    #[test]
    fn output_is_told_in_whole_lines_while_the_command_runs() {
        let (mut told, marker) = (Vec::new(), tempfile::tempdir().unwrap());
        let path = marker.path().join("told");
        let script =
            format!("echo one; while [ ! -e {} ]; do sleep 0.01; done; printf 'two\\nend'", path.display());
        let output = Run::new(["sh", "-c", &script]).expect_live(&[0], &mut |text| {
            // The command ends only once its first line was heard.
            let _ = std::fs::write(&path, b"");
            told.push(text);
        });
        assert_eq!(output.unwrap(), "one\ntwo\nend");
        assert_eq!(told[0], "one\n");
        assert_eq!(told.concat(), "one\ntwo\nend");
    }
}
