//! Keys that files are encrypted to and decrypted with: of age, and of SSH.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use age::{
    Callbacks, IdentityFile,
    secrecy::{ExposeSecret as _, SecretString},
    ssh, x25519,
};
use zeroize::Zeroizing;

/// Asks a person for the passphrase of a key; nothing if there is nobody to ask.
#[derive(Clone)]
pub struct Prompt(Arc<Ask>);

type Ask = dyn Fn(&str) -> Option<Zeroizing<String>> + Send + Sync;

impl Prompt {
    /// Asks by a function, which is given what to ask for.
    pub fn new(ask: impl Fn(&str) -> Option<Zeroizing<String>> + Send + Sync + 'static) -> Self {
        Prompt(Arc::new(ask))
    }

    /// Asks nobody.
    pub fn none() -> Self {
        Prompt::new(|_| None)
    }
}

impl Callbacks for Prompt {
    fn display_message(&self, _: &str) {}

    fn confirm(&self, _: &str, _: &str, _: Option<&str>) -> Option<bool> {
        None
    }

    fn request_public_string(&self, _: &str) -> Option<String> {
        None
    }

    fn request_passphrase(&self, description: &str) -> Option<SecretString> {
        (self.0)(description).map(|passphrase| SecretString::from(passphrase.as_str().to_owned()))
    }
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Nobody said which.
    #[error("no private key is named")]
    None,
    /// It cannot be read.
    #[error("the private key {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is none.
    #[error("{} is no private key of age or SSH", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// It is of a kind that cannot decrypt.
    #[error("{} is an SSH key of a kind that cannot decrypt; ed25519 and RSA can", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
    },
    /// There is nobody to encrypt for.
    #[error("the stack file names nobody who can read the file")]
    NoRecipient,
    /// A public key is none.
    #[error("`{0}` is no public key of age or SSH")]
    Recipient(String),
    /// A private key is not to be written over another.
    #[error("{} cannot be made: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl KeyError {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            KeyError::None => {
                "name its file with --identity, in ENGINE_AGE_IDENTITY, or as `identity` under [secret_file]; `engine secret keygen` makes one"
            }
            KeyError::NoRecipient => "add a public key to `recipients` under [secret_file]",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// Private keys that decrypt.
pub struct Identity(Vec<Box<dyn age::Identity>>);

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} keys", self.0.len())
    }
}

impl Identity {
    /// Reads keys from a file: those of age, one a line, or one of SSH.
    pub fn load(path: Option<&Path>, prompt: &Prompt) -> Result<Self, KeyError> {
        let path = path.ok_or(KeyError::None)?;
        let (of, no_key) = (|| path.to_owned(), || KeyError::NoKey { path: path.to_owned() });
        let bytes = fs::read(path).map_err(|source| KeyError::Read { path: of(), source })?;
        let bytes = Zeroizing::new(bytes);
        if bytes.starts_with(b"-----BEGIN ") {
            let name = Some(path.display().to_string());
            let key = ssh::Identity::from_buffer(&bytes[..], name).map_err(|_| no_key())?;
            if matches!(key, ssh::Identity::Unsupported(_)) {
                return Err(KeyError::Unsupported { path: of() });
            }
            return Ok(Identity(vec![Box::new(key.with_callbacks(prompt.clone()))]));
        }
        let keys = IdentityFile::from_buffer(&bytes[..]).map_err(|_| no_key())?;
        let keys = keys.into_identities().map_err(|_| no_key())?;
        if keys.is_empty() { Err(no_key()) } else { Ok(Identity(keys)) }
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.0.iter().map(|key| &**key)
    }
}

/// Reads public keys, as `recipients` in the stack file has them.
pub(crate) fn recipients(keys: &[String]) -> Result<Vec<Box<dyn age::Recipient + Send>>, KeyError> {
    if keys.is_empty() {
        return Err(KeyError::NoRecipient);
    }
    keys.iter()
        .map(|key| {
            let native =
                key.parse::<x25519::Recipient>().map(|key| Box::new(key) as Box<dyn age::Recipient + Send>);
            let of_ssh =
                || key.parse::<ssh::Recipient>().map(|key| Box::new(key) as Box<dyn age::Recipient + Send>);
            native.or_else(|_| of_ssh()).map_err(|_| KeyError::Recipient(key.clone()))
        })
        .collect()
}

/// Makes a private key in a new file that only its owner can read; gives its public part.
pub fn generate(path: &Path) -> Result<String, KeyError> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let failed = |source| KeyError::Write { path: path.to_owned(), source };
    let key = x25519::Identity::generate();
    let public = key.to_public().to_string();
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    let text = Zeroizing::new(format!("# public key: {public}\n{}\n", key.to_string().expose_secret()));
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(public)
}
