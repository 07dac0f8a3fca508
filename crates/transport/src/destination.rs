//! What to connect to, and how; before and after ssh_config has had its say.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::secret::Secret;

/// What to connect to, before ssh_config is applied. What is given here wins over ssh_config.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Destination {
    /// A host name, an address, or an alias that ssh_config explains.
    pub host: String,
    /// The user to log in as.
    pub user: Option<String>,
    /// The port; 22 when neither this nor ssh_config says.
    pub port: Option<u16>,
    /// Private keys to try first, in this order.
    pub identity_files: Vec<PathBuf>,
}

impl Destination {
    /// A destination with nothing but a host.
    pub fn new(host: impl Into<String>) -> Self {
        Self { host: host.into(), ..Self::default() }
    }

    /// Reads one jump, `[user@]host[:port]` or `ssh://[user@]host[:port]`.
    pub(crate) fn parse_jump(text: &str) -> Option<Self> {
        let text = text.strip_prefix("ssh://").unwrap_or(text).trim_end_matches('/');
        let (user, rest) = match text.rsplit_once('@') {
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, text),
        };
        let (host, port) = if let Some(bracketed) = rest.strip_prefix('[') {
            let (host, after) = bracketed.split_once(']')?;
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => return None,
            }
        } else {
            match rest.split_once(':') {
                // More than one colon and no brackets: an IPv6 address.
                Some((_, port)) if port.contains(':') => (rest, None),
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            }
        };
        let port = port.map(str::parse).transpose().ok()?;
        let empty_user = user.as_deref().is_some_and(str::is_empty);
        if host.is_empty() || empty_user || port == Some(0) {
            return None;
        }
        Some(Self { host: host.to_owned(), user, port, identity_files: Vec::new() })
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// What to do with a host whose key is not known. A key that *changed* is refused in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostKeyPolicy {
    /// Refuse.
    Strict,
    /// Record the key and go on.
    AcceptNew,
}

/// How to become root once logged in.
#[derive(Debug, Clone, Default)]
pub enum Sudo {
    /// Work as the user who logged in.
    Never,
    /// `sudo -n`, unless that user is root already.
    #[default]
    NonInteractive,
    /// `sudo -S`, with this password, unless that user is root already.
    Password(Secret),
}

/// Asks for the passphrase of a key file; `None` gives the key up. Called on a thread that may block.
pub type PassphrasePrompt = Arc<dyn Fn(&Path) -> Option<Secret> + Send + Sync>;

/// How to connect: the same for all hosts of one [`Ssh`](crate::Ssh).
#[derive(Clone)]
pub struct SshOptions {
    /// `ssh -F`: read this file only. `None` reads `~/.ssh/config`, then `/etc/ssh/ssh_config`.
    pub config_file: Option<PathBuf>,
    /// The only known_hosts file, instead of those that ssh_config names.
    pub known_hosts: Option<PathBuf>,
    /// What to do with unknown host keys, whatever ssh_config says.
    pub host_key_policy: Option<HostKeyPolicy>,
    /// The longest wait for a TCP connection, and again for the key exchange. `None` leaves it to ssh_config's
    /// `ConnectTimeout`, or else 10 s.
    pub connect_timeout: Option<Duration>,
    /// Ask for a sign of life after this long without one.
    pub keepalive_interval: Duration,
    /// Give the connection up after this many unanswered.
    pub keepalive_max: usize,
    /// Who asks for the passphrases of encrypted keys; without one they are left out.
    pub passphrase: Option<PassphrasePrompt>,
    /// Whether to prefer the post-quantum key exchange where the host has it; it is offered in any case.
    pub prefer_post_quantum: bool,
    /// How to become root.
    pub sudo: Sudo,
    /// Whether to ask the ssh-agent that `SSH_AUTH_SOCK` names.
    pub use_ssh_agent: bool,
    /// Where the engine's agent is kept on nodes; `/var/lib/engine/agent`, or the user's cache without root.
    pub agent_directory: Option<String>,
}

impl Default for SshOptions {
    fn default() -> Self {
        Self {
            config_file: None,
            known_hosts: None,
            host_key_policy: None,
            connect_timeout: None,
            keepalive_interval: Duration::from_secs(15),
            keepalive_max: 3,
            passphrase: None,
            prefer_post_quantum: false,
            sudo: Sudo::default(),
            use_ssh_agent: true,
            agent_directory: None,
        }
    }
}

impl fmt::Debug for SshOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SshOptions")
            .field("config_file", &self.config_file)
            .field("known_hosts", &self.known_hosts)
            .field("host_key_policy", &self.host_key_policy)
            .field("sudo", &self.sudo)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jumps() {
        let jump = |text| Destination::parse_jump(text).map(|jump| (jump.user, jump.host, jump.port));
        assert_eq!(jump("a"), Some((None, "a".into(), None)));
        assert_eq!(jump("u@a:22"), Some((Some("u".into()), "a".into(), Some(22))));
        assert_eq!(jump("ssh://u@a:22/"), Some((Some("u".into()), "a".into(), Some(22))));
        assert_eq!(jump("[::1]:22"), Some((None, "::1".into(), Some(22))));
        assert_eq!(jump("fe80::1"), Some((None, "fe80::1".into(), None)));
        for bad in ["", "u@", "@a", "a:", "a:0", "a:99999", "[::1", "[::1]x"] {
            assert_eq!(jump(bad), None, "{bad}");
        }
    }
}
