//! Where the values of secrets come from: the environment of the command, a file that is encrypted with age, or a command.
//! What AWS keeps will be another module of this crate.

mod command;
mod environment;
pub mod file;
pub mod keys;

use std::path::PathBuf;

use engine_model::{Secret, SecretSource};
use engine_scheduler::ports::{PortFuture, SecretFailure, SecretProvider, SecretValue};
use zeroize::Zeroizing;

pub use file::{FileError, SecretFile};
pub use keys::{Identity, KeyError, Prompt};

/// Gives the values of a stack's secrets.
#[derive(Clone)]
pub struct Providers {
    /// File with the private key that decrypts files.
    identity: Option<PathBuf>,
    prompt: Prompt,
}

impl Providers {
    /// Providers that decrypt with the key in a file, and ask for its passphrase if it has one.
    pub fn new(identity: Option<PathBuf>, prompt: Prompt) -> Self {
        Providers { identity, prompt }
    }

    async fn read(&self, source: &SecretSource) -> Result<Zeroizing<String>, SecretFailure> {
        match source {
            SecretSource::Environment(variable) => environment::read(variable),
            SecretSource::Command(argv) => command::read(argv, command::PATIENCE).await,
            SecretSource::File { path, key } => {
                let (this, path, key) = (self.clone(), path.clone(), key.clone());
                // Decrypting computes, and may ask a person.
                let read = tokio::task::spawn_blocking(move || this.read_file(path, &key));
                read.await.unwrap_or_else(|error| Err(failure(format!("it could not be read: {error}"))))
            }
        }
    }

    fn read_file(&self, path: PathBuf, key: &str) -> Result<Zeroizing<String>, SecretFailure> {
        let shown = path.display().to_string();
        let file = SecretFile::new(path);
        let identity = Identity::load(self.identity.as_deref(), &self.prompt).map_err(|error| {
            SecretFailure { message: format!("{shown} cannot be decrypted: {error}"), hint: error.hint() }
        })?;
        let table = file.read(&identity).map_err(|error| failure(error.to_string()))?;
        table.get(key).cloned().ok_or_else(|| SecretFailure {
            message: format!("{shown} has no entry `{key}`"),
            hint: Some("`engine secret set` makes one".to_owned()),
        })
    }
}

fn failure(message: String) -> SecretFailure {
    SecretFailure { message, hint: None }
}

impl SecretProvider for Providers {
    fn value<'a>(&'a self, secret: &'a Secret) -> PortFuture<'a, Result<SecretValue, SecretFailure>> {
        Box::pin(async move {
            let value = self.read(&secret.source).await?;
            if value.is_empty() {
                return Err(failure(format!("{} is empty", secret.source)));
            }
            Ok(SecretValue::new(value))
        })
    }
}
