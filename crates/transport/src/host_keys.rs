//! Whether a host is who it says it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Algorithm, Certificate, HashAlg, PublicKey, PublicKeyOrCertificate};

use crate::config::Hop;
use crate::destination::HostKeyPolicy;
use crate::known_hosts::{self, Added, Entry, Marker};
use crate::pattern;

/// Why a host's key was not accepted.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum HostKeyError {
    /// No known_hosts file has the host.
    #[error(
        "the host key of {name} is not known: {algorithm} {fingerprint}\n  hint: compare the fingerprint with the \
         host's own (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` there); then connect once with ssh, or accept \
         new host keys"
    )]
    Unknown {
        /// The host's name in known_hosts.
        name: String,
        /// The kind of key.
        algorithm: String,
        /// `SHA256:` and its digest.
        fingerprint: String,
    },
    /// No known_hosts file has the host, and there is none to record it in.
    #[error(
        "the host key of {name} is not known, and there is no file to record it in: {algorithm} {fingerprint}\n  hint: \
         name a file with `UserKnownHostsFile` in ssh_config, or with `known_hosts` under `[ssh]` in the stack file"
    )]
    NowhereToRecord {
        /// The host's name in known_hosts.
        name: String,
        /// The kind of key.
        algorithm: String,
        /// `SHA256:` and its digest.
        fingerprint: String,
    },
    /// Another key is known.
    #[error(
        "THE HOST KEY OF {name} HAS CHANGED: somebody may be listening in, or the machine was installed anew\n  known: \
         {old_algorithm} {old_fingerprint} ({}:{line})\n  shown: {algorithm} {fingerprint}\n  hint: if the new key is \
         right, forget the old one: ssh-keygen -f {} -R '{name}'", path.display(), path.display()
    )]
    Changed {
        /// The host's name in known_hosts.
        name: String,
        /// The file with the key that is known.
        path: PathBuf,
        /// Its line.
        line: usize,
        /// The kind of the key that is known.
        old_algorithm: String,
        /// The fingerprint of the key that is known.
        old_fingerprint: String,
        /// The kind of the key shown.
        algorithm: String,
        /// The fingerprint of the key shown.
        fingerprint: String,
    },
    /// The key, or the authority that signed it, is marked `@revoked`.
    #[error("the host key of {name} is revoked: {fingerprint} ({}:{line})\n  hint: do not trust this machine before it \
             has a new key", path.display())]
    Revoked {
        /// The host's name in known_hosts.
        name: String,
        /// The fingerprint of the revoked key.
        fingerprint: String,
        /// The file that says so.
        path: PathBuf,
        /// Its line.
        line: usize,
    },
    /// The host shows a certificate that does not hold.
    #[error("the host certificate of {name} is not valid: {reason}")]
    Certificate {
        /// The host's name in known_hosts.
        name: String,
        /// Why not.
        reason: String,
    },
    /// A known_hosts file cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Arc<std::io::Error>,
    },
}

/// Checks the key of one host, and knows which kinds of key to ask it for.
#[derive(Debug)]
pub(crate) struct Verifier {
    name: String,
    /// The bare name, which certificates carry.
    principal: String,
    policy: HostKeyPolicy,
    /// Where new keys go.
    file: Option<PathBuf>,
    hashed: bool,
    entries: Vec<Entry>,
    /// Keeps this process to one writer; the lock on the file is for other processes.
    writer: Arc<tokio::sync::Mutex<()>>,
}

impl Verifier {
    pub(crate) fn new(hop: &Hop, writer: Arc<tokio::sync::Mutex<()>>) -> Result<Self, HostKeyError> {
        let (name, principal) = match &hop.host_key_alias {
            Some(alias) => (alias.to_lowercase(), alias.clone()),
            None => (known_hosts::host_name(&hop.host, hop.port), hop.host.clone()),
        };
        let entries =
            known_hosts::find(&hop.known_hosts, &name).map_err(|(path, source)| failed(&path, source))?;
        Ok(Self {
            name,
            principal,
            policy: hop.policy,
            file: hop.new_host_keys.clone(),
            hashed: hop.hash_known_hosts,
            entries,
            writer,
        })
    }

    /// The kinds of key to ask for: those known first, so that a host with several keys shows one that can be compared.
    pub(crate) fn algorithms(&self, usual: &[Algorithm]) -> Vec<Algorithm> {
        let known = |algorithm: &Algorithm| {
            self.with_marker(Marker::None).any(|entry| same_kind(&entry.key.algorithm(), algorithm))
        };
        let (mut first, rest): (Vec<_>, Vec<_>) = usual.iter().cloned().partition(known);
        first.extend(rest);
        first
    }

    /// Whether to ask for certificates: only when somebody is trusted to sign them.
    pub(crate) fn wants_certificates(&self) -> bool {
        self.with_marker(Marker::CertAuthority).next().is_some()
    }

    pub(crate) async fn check(&self, shown: &PublicKeyOrCertificate) -> Result<(), HostKeyError> {
        let key = shown.public_key();
        self.check_revoked(&key)?;
        if let Some(certificate) = shown.certificate() {
            return self.check_certificate(certificate);
        }
        let known: Vec<&Entry> = self.with_marker(Marker::None).collect();
        match self.judge(&known.iter().copied(), &key) {
            Some(judgement) => return judgement,
            None if self.policy == HostKeyPolicy::Strict => return Err(self.unknown(&key)),
            None => {}
        }
        let Some(file) = self.file.clone() else {
            return Err(HostKeyError::NowhereToRecord {
                name: self.name.clone(),
                algorithm: key.algorithm().to_string(),
                fingerprint: print(&key),
            });
        };
        let _one = self.writer.lock().await;
        let (path, name, hashed, new) = (file.clone(), self.name.clone(), self.hashed, key.clone());
        let added = tokio::task::spawn_blocking(move || known_hosts::add(&path, &name, &new, hashed))
            .await
            .unwrap_or_else(|error| Err(std::io::Error::other(error)))
            .map_err(|error| failed(&file, error))?;
        match added {
            Added::Yes => {
                tracing::info!(host = %self.name, key = %print(&key), "recorded a new host key");
                Ok(())
            }
            Added::Already(entries) => {
                self.judge(&entries.iter(), &key).unwrap_or_else(|| Err(self.unknown(&key)))
            }
        }
    }

    /// `None` when there is nothing to compare with.
    fn judge<'a>(
        &self,
        known: &(impl Iterator<Item = &'a Entry> + Clone),
        key: &PublicKey,
    ) -> Option<Result<(), HostKeyError>> {
        if known.clone().any(|entry| entry.key.key_data() == key.key_data()) {
            return Some(Ok(()));
        }
        let old = known
            .clone()
            .find(|entry| same_kind(&entry.key.algorithm(), &key.algorithm()))
            .or_else(|| known.clone().next())?;
        Some(Err(HostKeyError::Changed {
            name: self.name.clone(),
            path: old.path.clone(),
            line: old.line,
            old_algorithm: old.key.algorithm().to_string(),
            old_fingerprint: print(&old.key),
            algorithm: key.algorithm().to_string(),
            fingerprint: print(key),
        }))
    }

    fn check_revoked(&self, key: &PublicKey) -> Result<(), HostKeyError> {
        match self.with_marker(Marker::Revoked).find(|entry| entry.key.key_data() == key.key_data()) {
            None => Ok(()),
            Some(entry) => Err(HostKeyError::Revoked {
                name: self.name.clone(),
                fingerprint: print(key),
                path: entry.path.clone(),
                line: entry.line,
            }),
        }
    }

    fn check_certificate(&self, certificate: &Certificate) -> Result<(), HostKeyError> {
        let refuse =
            |reason: &str| HostKeyError::Certificate { name: self.name.clone(), reason: reason.to_owned() };
        self.check_revoked(&PublicKey::new(certificate.signature_key().clone(), ""))?;
        if certificate.cert_type() != CertType::Host {
            return Err(refuse("it is a user's"));
        }
        let principals = certificate.valid_principals();
        if principals.is_empty() || !principals.iter().any(|p| pattern::matches(p, &self.principal)) {
            return Err(refuse(&format!("it is for {}", principals.join(", "))));
        }
        if certificate.critical_options().iter().next().is_some() {
            return Err(refuse("it has critical options, and none are known for hosts"));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if now < certificate.valid_after() || now >= certificate.valid_before() {
            return Err(refuse("it is not in force at this time"));
        }
        let trusted: Vec<_> = self
            .with_marker(Marker::CertAuthority)
            .map(|entry| entry.key.fingerprint(HashAlg::Sha256))
            .collect();
        certificate
            .validate_at(now, &trusted)
            .map_err(|_| refuse("no @cert-authority line of known_hosts is for the authority that signed it"))
    }

    fn unknown(&self, key: &PublicKey) -> HostKeyError {
        HostKeyError::Unknown {
            name: self.name.clone(),
            algorithm: key.algorithm().to_string(),
            fingerprint: print(key),
        }
    }

    fn with_marker(&self, marker: Marker) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.marker == marker)
    }
}

fn print(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

fn failed(path: &Path, source: std::io::Error) -> HostKeyError {
    HostKeyError::File { path: path.to_owned(), source: Arc::new(source) }
}

/// Whether keys are of one kind; for RSA the hash belongs to the signature, not the key.
fn same_kind(a: &Algorithm, b: &Algorithm) -> bool {
    match (a, b) {
        (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }) => true,
        _ => a == b,
    }
}
