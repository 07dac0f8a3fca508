//! Files of secrets: a table of names and values, encrypted with age. Whole or not at all, and never in plain on a disk.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use zeroize::Zeroizing;

use crate::keys::{Identity, KeyError, recipients};

/// Names and values.
pub type Table = BTreeMap<String, Zeroizing<String>>;

/// Why a file of secrets cannot be read or written. Quotes nothing of it.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system says no.
    #[error("{} cannot be {what}: {source}", path.display())]
    System {
        /// `read` or `written`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is not encrypted for this key, or is no such file.
    #[error("{} cannot be decrypted: {source}", path.display())]
    Decrypt {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Box<age::DecryptError>,
    },
    /// It cannot be encrypted.
    #[error("{} cannot be encrypted: {source}", path.display())]
    Encrypt {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Box<age::EncryptError>,
    },
    /// There is no table in it.
    #[error("{} must be a table of names and texts, in TOML or JSON{}", path.display(), line.map(|line| format!("; line {line} is not")).unwrap_or_default())]
    Table {
        /// The file.
        path: PathBuf,
        /// Where it is not.
        line: Option<usize>,
    },
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A file of secrets.
#[derive(Debug, Clone)]
pub struct SecretFile {
    path: PathBuf,
}

impl SecretFile {
    /// The file at a path, which need not be there yet.
    pub fn new(path: PathBuf) -> Self {
        SecretFile { path }
    }

    /// Whether it is there.
    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    /// The text in it.
    pub fn decrypt(&self, identity: &Identity) -> Result<Zeroizing<String>, FileError> {
        let bytes = fs::read(&self.path).map_err(|source| self.system("read", source))?;
        let failed = |source| FileError::Decrypt { path: self.path.clone(), source: Box::new(source) };
        let decryptor = age::Decryptor::new(ArmoredReader::new(&bytes[..])).map_err(failed)?;
        let mut reader = decryptor.decrypt(identity.keys()).map_err(failed)?;
        let mut text = Zeroizing::new(String::new());
        reader.read_to_string(&mut text).map_err(|source| self.system("read", source))?;
        Ok(text)
    }

    /// Its names and values.
    pub fn read(&self, identity: &Identity) -> Result<Table, FileError> {
        self.table(&self.decrypt(identity)?)
    }

    /// The names and values in its text.
    pub fn table(&self, text: &str) -> Result<Table, FileError> {
        if text.trim_start().starts_with('{') {
            let table: Result<BTreeMap<String, String>, _> = serde_json::from_str(text);
            let line = |error: serde_json::Error| self.no_table(Some(error.line()));
            return Ok(table
                .map_err(line)?
                .into_iter()
                .map(|(name, value)| (name, Zeroizing::new(value)))
                .collect());
        }
        let table: Result<BTreeMap<String, String>, toml::de::Error> = toml::from_str(text);
        // The error quotes the text.
        let line = |error: toml::de::Error| {
            self.no_table(
                error.span().map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count()),
            )
        };
        Ok(table.map_err(line)?.into_iter().map(|(name, value)| (name, Zeroizing::new(value))).collect())
    }

    /// Writes names and values for those who are to read them.
    pub fn write(&self, table: &Table, to: &[String]) -> Result<(), FileError> {
        let plain: BTreeMap<&str, &str> =
            table.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let text = toml::to_string(&plain).map(Zeroizing::new).map_err(|_| self.no_table(None))?;
        self.encrypt(&text, to)
    }

    /// Writes a text for those who are to read it.
    pub fn encrypt(&self, text: &str, to: &[String]) -> Result<(), FileError> {
        let keys = recipients(to)?;
        let failed = |source| FileError::Encrypt { path: self.path.clone(), source: Box::new(source) };
        let encryptor = age::Encryptor::with_recipients(keys.iter().map(|key| &**key as &dyn age::Recipient))
            .map_err(failed)?;
        let put = || {
            let armored = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
            let mut writer = encryptor.wrap_output(armored)?;
            writer.write_all(text.as_bytes())?;
            let bytes = writer.finish()?.finish()?;
            let directory =
                self.path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
            let mut file = tempfile::NamedTempFile::new_in(directory)?;
            file.write_all(&bytes)?;
            file.as_file().sync_all()?;
            file.persist(&self.path).map_err(|error| error.error)?;
            Ok(())
        };
        put().map_err(|source| self.system("written", source))
    }

    fn system(&self, what: &'static str, source: io::Error) -> FileError {
        FileError::System { what, path: self.path.clone(), source }
    }

    fn no_table(&self, line: Option<usize>) -> FileError {
        FileError::Table { path: self.path.clone(), line }
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt as _, process::Command};

    use super::*;
    use crate::keys::{Prompt, generate};

    fn table() -> Table {
        let values = [("db", "hunter2"), ("tls", "-----BEGIN\n\"é\"\n"), ("odd name", "\\\u{7f}\u{1}")];
        values.map(|(name, value)| (name.to_owned(), Zeroizing::new(value.to_owned()))).into()
    }

    fn load(path: &Path) -> Identity {
        Identity::load(Some(path), &Prompt::none()).unwrap()
    }

    #[test]
    fn a_file_is_read_as_it_was_written_by_who_may() {
        let directory = tempfile::tempdir().unwrap();
        let (own, others) = (directory.path().join("own.key"), directory.path().join("others.key"));
        let public = generate(&own).unwrap();
        generate(&others).unwrap();
        assert_eq!(fs::metadata(&own).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(generate(&own), Err(KeyError::Write { .. })), "a key is written over");
        let file = SecretFile::new(directory.path().join("secrets.age"));
        for _ in 0..2 {
            file.write(&table(), std::slice::from_ref(&public)).unwrap();
        }
        assert_eq!(file.read(&load(&own)).unwrap(), table());
        assert!(matches!(file.read(&load(&others)), Err(FileError::Decrypt { .. })));
        let text = fs::read_to_string(directory.path().join("secrets.age")).unwrap();
        assert!(text.starts_with("-----BEGIN AGE ENCRYPTED FILE-----") && !text.contains("hunter2"));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 3, "a temporary file is left");
    }

    #[test]
    fn keys_of_ssh_work_with_and_without_a_passphrase() {
        let directory = tempfile::tempdir().unwrap();
        for (name, passphrase) in [("plain", ""), ("locked", "open sesame")] {
            let key = directory.path().join(name);
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", passphrase, "-f"])
                .arg(&key)
                .status();
            assert!(made.unwrap().success());
            let public = fs::read_to_string(key.with_extension("pub")).unwrap().trim().to_owned();
            let file = SecretFile::new(directory.path().join(format!("{name}.age")));
            file.write(&table(), &[public]).unwrap();
            let asked = Prompt::new(|_| Some(Zeroizing::new("open sesame".to_owned())));
            assert_eq!(file.read(&Identity::load(Some(&key), &asked).unwrap()).unwrap(), table());
            let alone = Identity::load(Some(&key), &Prompt::none()).unwrap();
            assert_eq!(file.read(&alone).is_ok(), passphrase.is_empty());
        }
    }

    #[test]
    fn tables_are_toml_or_json_and_errors_quote_nothing() {
        let file = SecretFile::new("secrets.age".into());
        assert_eq!(file.table("# c\ndb = 'hunter2'\n").unwrap()["db"].as_str(), "hunter2");
        assert_eq!(file.table("{\"db\": \"hunter2\"}").unwrap()["db"].as_str(), "hunter2");
        for bad in [
            "a = 'b'\ndb = hunter2\n",
            "{\"a\": \"b\",\n \"db\": hunter2}",
            "a = 'b'\ndb = {hunter2 = 1}",
            "hunter2",
        ] {
            let error = file.table(bad).unwrap_err().to_string();
            assert!(!error.contains("hunter2") && error.contains("line"), "{error}");
        }
    }

    #[test]
    fn who_can_read_it_must_be_said() {
        let file = SecretFile::new("/nonexistent/secrets.age".into());
        assert!(matches!(file.write(&table(), &[]), Err(FileError::Key(KeyError::NoRecipient))));
        let nobody = vec!["age1nobody".to_owned()];
        assert!(matches!(file.write(&table(), &nobody), Err(FileError::Key(KeyError::Recipient(_)))));
    }
}
