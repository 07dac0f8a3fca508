//! Starting the agent: one program on the node, told by one constant script, uploaded when it is missing.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use ring::digest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::destination::Sudo;
use crate::secret::Secret;
use crate::stream::{AgentStream, Exit, Program, Reader};

/// The script. Whatever varies reaches it as an argument.
pub(crate) const SCRIPT: &str = include_str!("start_agent.sh");
/// What sudo asks for the password with, so that it is sent only when it is asked for.
const SUDO_PROMPT: &str = "engine-sudo-password:";
/// How much may come before the script speaks: shell start-up files are talkative.
const NOISE_LIMIT: usize = 64 * 1024;
const START_TIMEOUT: Duration = Duration::from_mins(1);
const MARK: &[u8] = b"\nENGINE-";

/// Where agents are kept when they run as root.
pub(crate) const ROOT_DIRECTORY: &str = "/var/lib/engine/agent";

/// An agent for one architecture.
#[derive(Debug, Clone)]
pub struct AgentBinary {
    architecture: &'static str,
    sha256: String,
    bytes: Cow<'static, [u8]>,
}

impl AgentBinary {
    /// The agent for machines whose `uname -m` says `architecture`.
    pub fn new(architecture: &'static str, bytes: impl Into<Cow<'static, [u8]>>) -> Self {
        let bytes = bytes.into();
        let mut sha256 = String::with_capacity(64);
        for byte in digest::digest(&digest::SHA256, &bytes).as_ref() {
            let _ = write!(sha256, "{byte:02x}");
        }
        Self { architecture, sha256, bytes }
    }

    /// The same with a digest that is known, in hexadecimal. A node refuses an upload of other bytes.
    pub fn with_sha256(
        architecture: &'static str,
        sha256: String,
        bytes: impl Into<Cow<'static, [u8]>>,
    ) -> Self {
        Self { architecture, sha256, bytes: bytes.into() }
    }

    /// What `uname -m` says where it runs.
    pub fn architecture(&self) -> &'static str {
        self.architecture
    }

    /// The SHA-256 of the bytes in hexadecimal, which is also its file's name on nodes.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

/// Why the agent did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// There is no agent for such a machine.
    #[error("there is no agent for {architecture}\n  hint: agents exist for {}", known.join(", "))]
    Architecture {
        /// What `uname -m` says there.
        architecture: String,
        /// What there are agents for.
        known: Vec<String>,
    },
    /// The agents' directory is not to be trusted.
    #[error(
        "{directory} is a link, not a directory, not owned by the user the agent runs as, or writable for others\n  \
             hint: look who made it, and remove it"
    )]
    Directory {
        /// The directory.
        directory: String,
    },
    /// No space is left for the agent.
    #[error(
        "no space is left in {directory} for the agent ({size} bytes)\n  hint: free some space or quota there"
    )]
    DiskFull {
        /// The directory.
        directory: String,
        /// How much is needed.
        size: usize,
    },
    /// The agent cannot be written.
    #[error(
        "cannot write to {directory}: {stderr}\n  hint: the file system may be read-only, or the user may lack the \
             permission"
    )]
    Write {
        /// The directory.
        directory: String,
        /// What the node says.
        stderr: String,
    },
    /// Nothing can be executed in the agents' directory.
    #[error(
        "{directory} is on a file system mounted noexec\n  hint: remount it with exec, or set another agent directory"
    )]
    NoExec {
        /// The directory.
        directory: String,
    },
    /// What arrived is not what was sent.
    #[error(
        "the agent that arrived in {directory} is not the one that was sent\n  hint: try again; if it happens again, \
             check that disk and memory"
    )]
    Corrupted {
        /// The directory.
        directory: String,
    },
    /// A program is missing on the node.
    #[error("the node has no `{program}`\n  hint: install coreutils or busybox there")]
    MissingTool {
        /// Which.
        program: String,
    },
    /// There is no home directory to keep the agent in.
    #[error("neither HOME nor XDG_CACHE_HOME is set on the node\n  hint: set an agent directory")]
    NoHome,
    /// sudo wants a password and has none.
    #[error(
        "sudo wants a password\n  hint: allow the user NOPASSWD in sudoers, log in as root, or have the password asked for"
    )]
    SudoPassword,
    /// sudo does not accept the password.
    #[error("sudo does not accept the password")]
    SudoWrongPassword,
    /// sudo does not let the user.
    #[error(
        "sudo does not let this user become root: {stderr}\n  hint: add the user to sudoers, or log in as root"
    )]
    SudoRefused {
        /// What sudo says.
        stderr: String,
    },
    /// There is no sudo.
    #[error("there is no sudo on the node\n  hint: install it, or log in as root")]
    SudoMissing,
    /// The shell ended before the agent.
    #[error("the agent did not start: the shell ended with {exit}{}", after_colon(stderr))]
    Ended {
        /// How it ended.
        exit: Exit,
        /// What it said.
        stderr: String,
    },
    /// More came than start-up files say.
    #[error(
        "the node sends much that is not the agent's\n  hint: keep the user's shell start-up files silent for \
             shells that are not interactive; it begins: {0}"
    )]
    Noise(String),
    /// Nothing came.
    #[error("the node did not start the agent within {} s\n  hint: time `ssh HOST true`: slow shell start-up files \
             are the usual reason{}", START_TIMEOUT.as_secs(), after_colon(.0))]
    Timeout(String),
    /// The channel could not be opened.
    #[error("cannot run a program on the node: {0}")]
    Channel(#[source] russh::Error),
    /// The program could not be started on this machine.
    #[error("cannot run sh: {0}")]
    Spawn(#[source] std::io::Error),
    /// The connection failed.
    #[error("the connection failed while the agent was starting: {0}")]
    Io(#[from] std::io::Error),
}

fn after_colon(text: &str) -> String {
    match text.trim() {
        "" => String::new(),
        text => format!(": {text}"),
    }
}

/// The program that starts the agent, and its arguments.
pub(crate) fn command(
    directory: &str,
    agents: &[AgentBinary],
    arguments: &[&str],
    sudo: &Sudo,
) -> Vec<String> {
    let mut words: Vec<&str> = match sudo {
        Sudo::Never => vec![],
        Sudo::NonInteractive => vec!["env", "LC_ALL=C", "sudo", "-n", "--"],
        Sudo::Password(_) => vec!["env", "LC_ALL=C", "sudo", "-S", "-p", SUDO_PROMPT, "--"],
    };
    words.extend(["sh", "-c", SCRIPT, "engine-agent", directory]);
    let mut words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    for agent in agents {
        words.extend([agent.architecture.to_owned(), agent.sha256.clone(), agent.bytes.len().to_string()]);
    }
    words.push("--".to_owned());
    words.extend(arguments.iter().map(|&argument| argument.to_owned()));
    words
}

/// What the script says.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Ready,
    Need(String),
    Fail(String, String),
    /// Nothing more.
    End,
}

/// Takes the first thing that the script says out of `buffer`, with all before it.
fn take_said(buffer: &mut Vec<u8>) -> Option<Said> {
    let mut from = 0;
    loop {
        let start = from + buffer[from..].windows(MARK.len()).position(|window| window == MARK)?;
        let text = start + MARK.len();
        let end = text + buffer[text..].iter().position(|&byte| byte == b'\n')?;
        let line = String::from_utf8_lossy(&buffer[text..end]).into_owned();
        let mut words = line.splitn(3, ' ');
        let said = match (words.next(), words.next(), words.next()) {
            (Some("READY"), None, _) => Some(Said::Ready),
            (Some("NEED"), Some(architecture), Some(_)) => Some(Said::Need(architecture.to_owned())),
            (Some("FAIL"), Some(reason), detail) => {
                Some(Said::Fail(reason.to_owned(), detail.unwrap_or_default().to_owned()))
            }
            _ => None,
        };
        if said.is_some() {
            buffer.drain(..=end);
            return said;
        }
        // Noise that looks like us. Its line's end may begin the next mark.
        from = end;
    }
}

/// Reads until the script says something. May be dropped and called again without losing anything.
async fn listen(stdout: &mut Reader, buffer: &mut Vec<u8>) -> Result<Said, StartError> {
    loop {
        if let Some(said) = take_said(buffer) {
            return Ok(said);
        }
        if buffer.len() > NOISE_LIMIT {
            let beginning = &buffer[..200];
            return Err(StartError::Noise(String::from_utf8_lossy(beginning).trim().to_owned()));
        }
        if stdout.read_buf(buffer).await? == 0 {
            return Ok(Said::End);
        }
    }
}

/// Talks to the script until it has become the agent.
pub(crate) async fn converse(
    mut program: Program,
    agents: &[AgentBinary],
    sudo: &Sudo,
) -> Result<AgentStream, StartError> {
    let mut buffer = Vec::with_capacity(4096);
    let password = match sudo {
        Sudo::Password(password) => Some(password),
        _ => None,
    };
    let first = tokio::time::timeout(START_TIMEOUT, first_word(&mut program, &mut buffer, password))
        .await
        .map_err(|_| StartError::Timeout(program.stderr.text()))??;
    let (said, uploaded) = match first {
        Said::Need(architecture) => {
            let agent = agents
                .iter()
                .find(|agent| agent.architecture == architecture)
                .ok_or_else(|| no_agent(&architecture, agents))?;
            (upload(&mut program, &mut buffer, &agent.bytes).await?, Some(agent.bytes.len()))
        }
        said => (said, None),
    };
    match said {
        Said::Ready => Ok(AgentStream::new(program, buffer, uploaded.is_some())),
        Said::Fail(reason, detail) => {
            Err(failure(program, &reason, detail, agents, uploaded.unwrap_or(0)).await)
        }
        Said::Need(_) => Err(StartError::Noise("the script asks for the agent twice".to_owned())),
        Said::End => {
            let exit = program.exit().await;
            Err(ended(exit, &program.stderr.text(), sudo))
        }
    }
}

/// Waits for the script's first word; answers sudo meanwhile.
async fn first_word(
    program: &mut Program,
    buffer: &mut Vec<u8>,
    password: Option<&Secret>,
) -> Result<Said, StartError> {
    let Some(password) = password else { return listen(&mut program.stdout, buffer).await };
    let mut changes = program.stderr.watch();
    changes.mark_changed();
    let mut answered = false;
    loop {
        tokio::select! {
            said = listen(&mut program.stdout, buffer) => return said,
            Ok(()) = changes.changed() => {
                let asked = program.stderr.text().matches(SUDO_PROMPT).count();
                if asked > 1 {
                    return Err(StartError::SudoWrongPassword);
                }
                if asked == 1 && !answered {
                    answered = true;
                    program.stdin.write_all(password.expose().as_bytes()).await?;
                    program.stdin.write_all(b"\n").await?;
                    program.stdin.flush().await?;
                }
            }
        }
    }
}

/// Sends the agent, listening: a disk that fills up is reported while bytes are still on their way.
async fn upload(program: &mut Program, buffer: &mut Vec<u8>, bytes: &[u8]) -> Result<Said, StartError> {
    let stdin = &mut program.stdin;
    let sending = async {
        stdin.write_all(bytes).await?;
        stdin.flush().await
    };
    tokio::pin!(sending);
    let mut sent = false;
    loop {
        tokio::select! {
            said = listen(&mut program.stdout, buffer) => return said,
            result = &mut sending, if !sent => {
                sent = true;
                if let Err(error) = result {
                    // Why it stopped taking them is what it says, if it still does.
                    tracing::debug!(%error, "the upload was cut short");
                }
            }
        }
    }
}

fn no_agent(architecture: &str, agents: &[AgentBinary]) -> StartError {
    StartError::Architecture {
        architecture: architecture.to_owned(),
        known: agents.iter().map(|agent| agent.architecture.to_owned()).collect(),
    }
}

async fn failure(
    mut program: Program,
    reason: &str,
    detail: String,
    agents: &[AgentBinary],
    size: usize,
) -> StartError {
    // stderr is complete once the script has ended.
    let _ = tokio::time::timeout(Duration::from_secs(2), program.exit()).await;
    let stderr = program.stderr.text().trim().to_owned();
    match reason {
        "architecture" => no_agent(&detail, agents),
        "directory" => StartError::Directory { directory: detail },
        "write" if stderr.contains("No space left") || stderr.contains("quota exceeded") => {
            let size = if size == 0 {
                agents.iter().map(|agent| agent.bytes.len()).max().unwrap_or(0)
            } else {
                size
            };
            StartError::DiskFull { directory: detail, size }
        }
        "write" => StartError::Write { directory: detail, stderr },
        "noexec" => StartError::NoExec { directory: detail },
        "hash" => StartError::Corrupted { directory: detail },
        "tool" => StartError::MissingTool { program: detail },
        "home" => StartError::NoHome,
        _ => StartError::Ended { exit: Exit::Code(70), stderr },
    }
}

fn ended(exit: Exit, stderr: &str, sudo: &Sudo) -> StartError {
    let stderr = stderr.replace(SUDO_PROMPT, "").trim().to_owned();
    if matches!(sudo, Sudo::Never) {
        return StartError::Ended { exit, stderr };
    }
    let says = |text: &str| stderr.contains(text);
    if says("password is required") || says("a terminal is required") || says("must have a tty") {
        StartError::SudoPassword
    } else if says("incorrect password") || says("Sorry, try again") {
        StartError::SudoWrongPassword
    } else if says("not in the sudoers") || says("is not allowed to") || says("may not run sudo") {
        StartError::SudoRefused { stderr }
    } else if exit == Exit::Code(127) && says("sudo") {
        StartError::SudoMissing
    } else {
        StartError::Ended { exit, stderr }
    }
}

#[cfg(test)]
#[path = "agent_start_tests.rs"]
mod tests;
