//! Proving who we are: keys from files and from the ssh-agent.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use russh::client::{AuthResult, Handle, Handler};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::{AgentClient, AgentStream};
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey, load_secret_key};
use tokio::sync::Mutex;

use crate::config::{Hop, IdentityAgent};
use crate::destination::PassphrasePrompt;

/// The longest wait for an answer to one key. Long, for keys that wait for a touch.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// What became of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attempt {
    /// The host does not take it.
    Refused,
    /// The host takes it and wants more than a key.
    NotEnough,
    /// It could not be tried, for this reason.
    Unusable(String),
}

/// One key, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriedKey {
    /// Its file, or how the ssh-agent calls it.
    pub name: String,
    /// What became of it.
    pub attempt: Attempt,
}

impl fmt::Display for TriedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.attempt {
            Attempt::Refused => write!(f, "{}: refused", self.name),
            Attempt::NotEnough => write!(f, "{}: taken, but the host wants a second proof", self.name),
            Attempt::Unusable(reason) => write!(f, "{}: {reason}", self.name),
        }
    }
}

/// Why a login failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthenticateError {
    /// No key was accepted.
    #[error("{label} accepts none of the keys\n  {}\n  hint: {}", lines(tried), hint(tried, label))]
    Refused {
        /// `user@host:port`.
        label: String,
        /// Each key, in the order tried.
        tried: Vec<TriedKey>,
    },
    /// The connection failed meanwhile.
    #[error(
        "{label} closed the connection during login ({source})\n  {}\n  hint: after too many keys servers hang up: \
             name the right one with IdentityFile, and set IdentitiesOnly",
        lines(tried)
    )]
    Closed {
        /// `user@host:port`.
        label: String,
        /// Each key, in the order tried.
        tried: Vec<TriedKey>,
        /// What happened.
        source: russh::Error,
    },
    /// The host does not answer.
    #[error("{label} does not answer to key {key}")]
    Timeout {
        /// `user@host:port`.
        label: String,
        /// The key that was shown last.
        key: String,
    },
}

fn lines(tried: &[TriedKey]) -> String {
    if tried.is_empty() {
        return "(there was none to try)".to_owned();
    }
    tried.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ")
}

fn hint(tried: &[TriedKey], label: &str) -> String {
    if tried.iter().any(|key| key.attempt == Attempt::Refused) {
        let login = label.rsplit_once(':').map_or(label, |(login, _)| login);
        format!("check the user name, and put a public key there: ssh-copy-id {login}")
    } else {
        "make a key with ssh-keygen, load it with ssh-add, or name one with IdentityFile".to_owned()
    }
}

/// The keys read so far: each file is read, and its passphrase asked for, once for all hosts.
#[derive(Default)]
pub(crate) struct Keys {
    loaded: Mutex<HashMap<PathBuf, Arc<PrivateKey>>>,
    prompt: Option<PassphrasePrompt>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(..)")
    }
}

enum Unloaded {
    Missing,
    Encrypted,
    Broken(String),
}

impl Keys {
    pub(crate) fn new(prompt: Option<PassphrasePrompt>) -> Self {
        Self { loaded: Mutex::default(), prompt }
    }

    async fn load(&self, path: &Path) -> Result<Arc<PrivateKey>, Unloaded> {
        let mut loaded = self.loaded.lock().await;
        if let Some(key) = loaded.get(path) {
            return Ok(key.clone());
        }
        let file = path.to_owned();
        let key = blocking(move || match load_secret_key(&file, None) {
            Ok(key) => Ok(key),
            Err(russh::keys::Error::KeyIsEncrypted) => Err(Unloaded::Encrypted),
            Err(russh::keys::Error::IO(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(Unloaded::Missing)
            }
            Err(error) => Err(Unloaded::Broken(format!("cannot be read: {error}"))),
        })
        .await?;
        let key = Arc::new(key);
        loaded.insert(path.to_owned(), key.clone());
        Ok(key)
    }

    /// Asks for the passphrase. The lock held meanwhile keeps prompts from colliding.
    async fn decrypt(&self, path: &Path) -> Result<Arc<PrivateKey>, String> {
        let mut loaded = self.loaded.lock().await;
        if let Some(key) = loaded.get(path) {
            return Ok(key.clone());
        }
        let Some(prompt) = self.prompt.clone() else {
            return Err("encrypted, and nobody to ask for the passphrase (ssh-add it)".to_owned());
        };
        let file = path.to_owned();
        let key = blocking(move || {
            let passphrase =
                prompt(&file).ok_or_else(|| Unloaded::Broken("no passphrase given".to_owned()))?;
            load_secret_key(&file, Some(passphrase.expose()))
                .map_err(|_| Unloaded::Broken("the passphrase is wrong".to_owned()))
        })
        .await
        .map_err(|error| match error {
            Unloaded::Broken(reason) => reason,
            Unloaded::Missing | Unloaded::Encrypted => "cannot be read".to_owned(),
        })?;
        let key = Arc::new(key);
        loaded.insert(path.to_owned(), key.clone());
        Ok(key)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Unloaded> + Send + 'static,
) -> Result<T, Unloaded> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Unloaded::Broken(error.to_string())))
}

/// One login under way.
struct Login<'a, H: Handler> {
    handle: &'a mut Handle<H>,
    hop: &'a Hop,
    tried: Vec<TriedKey>,
    shown: Vec<PublicKey>,
}

/// Logs in: with the keys named and readable, the ssh-agent's, and then those that need a passphrase.
pub(crate) async fn authenticate<H: Handler>(
    handle: &mut Handle<H>,
    hop: &Hop,
    keys: &Keys,
) -> Result<(), AuthenticateError> {
    let mut login = Login { handle, hop, tried: Vec::new(), shown: Vec::new() };
    let mut plain = Vec::new();
    let mut encrypted = Vec::new();
    for path in &hop.identity_files {
        match keys.load(path).await {
            Ok(key) => plain.push((path, key)),
            Err(Unloaded::Encrypted) => encrypted.push(path),
            // One of the usual names; nobody said that it is there.
            Err(Unloaded::Missing) if !hop.identities_named => {}
            Err(Unloaded::Missing) if public_half(path).is_some() => {}
            Err(Unloaded::Missing) => login.note(path.display().to_string(), "there is no such file"),
            Err(Unloaded::Broken(reason)) => login.note(path.display().to_string(), &reason),
        }
    }
    // A key that somebody named is most likely the right one: saves the round trips of the others.
    if hop.identities_named {
        for (path, key) in &plain {
            if login.file(path, key).await? {
                return Ok(());
            }
        }
    }
    if login.agent().await? {
        return Ok(());
    }
    if !hop.identities_named {
        for (path, key) in &plain {
            if login.file(path, key).await? {
                return Ok(());
            }
        }
    }
    for path in encrypted {
        if public_half(path)
            .is_some_and(|key| login.shown.iter().any(|shown| shown.key_data() == key.key_data()))
        {
            continue;
        }
        match keys.decrypt(path).await {
            Ok(key) => {
                if login.file(path, &key).await? {
                    return Ok(());
                }
            }
            Err(reason) => login.note(path.display().to_string(), &reason),
        }
    }
    Err(AuthenticateError::Refused { label: hop.label(), tried: login.tried })
}

/// The public key beside a private one.
fn public_half(path: &Path) -> Option<PublicKey> {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    russh::keys::load_public_key(PathBuf::from(name)).or_else(|_| russh::keys::load_public_key(path)).ok()
}

impl<H: Handler> Login<'_, H> {
    fn note(&mut self, name: String, reason: &str) {
        self.tried.push(TriedKey { name, attempt: Attempt::Unusable(reason.to_owned()) });
    }

    async fn file(&mut self, path: &Path, key: &Arc<PrivateKey>) -> Result<bool, AuthenticateError> {
        if self.shown.iter().any(|shown| shown.key_data() == key.public_key().key_data()) {
            return Ok(false);
        }
        self.shown.push(key.public_key().clone());
        let name = path.display().to_string();
        let hash = self.rsa_hash(key.public_key()).await;
        let with_hash = PrivateKeyWithHashAlg::new(key.clone(), hash);
        let answer = self.handle.authenticate_publickey(self.hop.user.as_str(), with_hash);
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, answer).await;
        self.judge(name, answer)
    }

    async fn agent(&mut self) -> Result<bool, AuthenticateError> {
        let client = match &self.hop.identity_agent {
            IdentityAgent::None => return Ok(false),
            IdentityAgent::Environment if std::env::var_os("SSH_AUTH_SOCK").is_none_or(|v| v.is_empty()) => {
                return Ok(false);
            }
            IdentityAgent::Environment => AgentClient::connect_env().await,
            IdentityAgent::Socket(path) => AgentClient::connect_uds(path).await,
        };
        let listed = match client {
            Ok(mut client) => client.request_identities().await.map(|identities| (client, identities)),
            Err(error) => Err(error),
        };
        let (mut client, identities) = match listed {
            Ok(listed) => listed,
            Err(error) => {
                self.note("ssh-agent".to_owned(), &format!("cannot be asked: {error}"));
                return Ok(false);
            }
        };
        let named: Vec<PublicKey> =
            self.hop.identity_files.iter().filter_map(|path| public_half(path)).collect();
        let is_named = |key: &PublicKey| named.iter().any(|named| named.key_data() == key.key_data());
        let mut candidates: Vec<(PublicKey, String)> = identities
            .into_iter()
            .filter_map(|identity| match identity {
                AgentIdentity::PublicKey { key, comment } => Some((key, comment)),
                AgentIdentity::Certificate { .. } => None,
            })
            .filter(|(key, _)| !self.hop.identities_only || is_named(key))
            .collect();
        candidates.sort_by_key(|(key, _)| !is_named(key));
        for (key, comment) in candidates {
            if self.shown.iter().any(|shown| shown.key_data() == key.key_data()) {
                continue;
            }
            if self.agent_key(&mut client, key, &comment).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn agent_key<S: AgentStream + Unpin + Send>(
        &mut self,
        client: &mut AgentClient<S>,
        key: PublicKey,
        comment: &str,
    ) -> Result<bool, AuthenticateError> {
        self.shown.push(key.clone());
        let name = format!("ssh-agent: {comment} ({})", key.fingerprint(HashAlg::Sha256));
        let hash = self.rsa_hash(&key).await;
        let answer = self.handle.authenticate_publickey_with(self.hop.user.as_str(), key, hash, client);
        match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
            Ok(Ok(answer)) => self.judge(name, Ok(Ok(answer))),
            Ok(Err(error)) => {
                self.note(name, &format!("the ssh-agent did not sign: {error}"));
                Ok(false)
            }
            Err(elapsed) => self.judge(name, Err(elapsed)),
        }
    }

    /// The best hash that the host knows, for RSA keys; asking waits for the host, so other keys do not.
    async fn rsa_hash(&self, key: &PublicKey) -> Option<HashAlg> {
        if !key.algorithm().is_rsa() {
            return None;
        }
        self.handle.best_supported_rsa_hash().await.ok().flatten().unwrap_or(Some(HashAlg::Sha512))
    }

    fn judge(
        &mut self,
        name: String,
        answer: Result<Result<AuthResult, russh::Error>, tokio::time::error::Elapsed>,
    ) -> Result<bool, AuthenticateError> {
        let label = self.hop.label();
        match answer {
            Err(_) => Err(AuthenticateError::Timeout { label, key: name }),
            Ok(Err(source)) => {
                self.tried.push(TriedKey { name, attempt: Attempt::Refused });
                Err(AuthenticateError::Closed { label, tried: std::mem::take(&mut self.tried), source })
            }
            Ok(Ok(AuthResult::Success)) => Ok(true),
            Ok(Ok(AuthResult::Failure { partial_success, .. })) => {
                let attempt = if partial_success { Attempt::NotEnough } else { Attempt::Refused };
                self.tried.push(TriedKey { name, attempt });
                if self.handle.is_closed() {
                    let tried = std::mem::take(&mut self.tried);
                    return Err(AuthenticateError::Closed { label, tried, source: russh::Error::Disconnect });
                }
                Ok(false)
            }
        }
    }
}
