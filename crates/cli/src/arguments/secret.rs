//! The command line of `engine secret`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Commands on secrets.
#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// List the secrets of a stack, where they come from, and whether they can be had; never what they are
    #[command(after_help = "Examples:
  engine secret list --stack demo
  engine secret list --stack demo --json")]
    List {
        /// Which stack, and with which key.
        #[command(flatten)]
        options: SecretOptions,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Set a secret that is in an encrypted file
    ///
    /// The value comes from standard input, or is asked for. It is no argument: everybody on this machine could see it.
    #[command(after_help = "Examples:
  engine secret set db-password --stack demo
  openssl rand -base64 24 | engine secret set db-password --stack demo
  engine secret set tls-key --stack demo < tls.pem")]
    Set {
        /// The secret's name in the stack file
        name: String,
        /// Which stack, and with which key.
        #[command(flatten)]
        options: SecretOptions,
    },
    /// Edit an encrypted file of secrets
    ///
    /// $VISUAL or $EDITOR gets a file in memory, which is wiped at the end.
    #[command(after_help = "Example:
  EDITOR=vim engine secret edit --stack demo")]
    Edit {
        /// The file, where the stack has several
        file: Option<PathBuf>,
        /// Which stack, and with which key.
        #[command(flatten)]
        options: SecretOptions,
        /// Let the editor have a file in this directory if there is none in memory
        #[arg(long, value_name = "DIR")]
        plain_in: Option<PathBuf>,
    },
    /// Make a private key of age, and print its public part
    #[command(after_help = "Example:
  engine secret keygen ~/.config/engine/age.key

The printed line belongs into `recipients` under [secret_file] of the stack file.")]
    Keygen {
        /// Where to write the private key; nothing is written over
        file: PathBuf,
    },
}

/// Which stack, and with which key.
#[derive(Debug, Args)]
pub(crate) struct SecretOptions {
    /// Name of a stack or path of a stack file
    #[arg(long, short)]
    pub(crate) stack: String,
    /// Private key that decrypts files of secrets [default: the stack file's]
    #[arg(long, env = "ENGINE_AGE_IDENTITY", value_name = "FILE")]
    pub(crate) identity: Option<PathBuf>,
}
