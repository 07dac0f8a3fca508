//! Keys that sign a repository once.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::command::{capture, command, run_command};
use crate::error::{IoContext, Result};

use super::MAKER;

/// A key without a passphrase, in a directory of its own that goes with it.
pub(super) struct Key {
    home: PathBuf,
}

impl Key {
    /// Makes one.
    pub(super) fn generate(home: PathBuf) -> Result<Self> {
        fs::DirBuilder::new().mode(0o700).create(&home).at("create", &home)?;
        let key = Self { home };
        // What every rpm and every apt can verify.
        run_command(key.gpg().args(["--quick-generate-key", MAKER, "rsa3072", "sign", "never"]))?;
        Ok(key)
    }

    fn gpg(&self) -> std::process::Command {
        let mut gpg = command("gpg");
        gpg.arg("--homedir").arg(&self.home).args(["--quiet", "--batch", "--yes", "--passphrase", ""]);
        gpg
    }

    /// Writes its public half, armoured.
    pub(super) fn export(&self, to: &Path) -> Result<()> {
        run_command(self.gpg().args(["--armor", "--output"]).arg(to).arg("--export")).map(drop)
    }

    /// Signs a text in place: the signature is around it.
    pub(super) fn sign_text(&self, file: &Path, to: &Path) -> Result<()> {
        run_command(self.gpg().arg("--output").arg(to).arg("--clearsign").arg(file)).map(drop)
    }

    /// Its directory.
    pub(super) fn home(&self) -> &Path {
        &self.home
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        // gpg leaves an agent behind. One that cannot be told ends when its directory is gone.
        let _ = capture(command("gpgconf").arg("--homedir").arg(&self.home).args(["--kill", "all"]));
        let _ = fs::remove_dir_all(&self.home);
    }
}
