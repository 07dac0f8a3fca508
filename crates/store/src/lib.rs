//! Live state: what the stack file does not say. Instances' statuses, runs with what happened in them, and who holds
//! which stack.
//!
//! In one SQLite file next to the stacks, or in a PostgreSQL database that several controllers share. Both behave alike;
//! `tests/store` holds them to the same sentences.

mod location;
mod postgres;
mod rows;
mod sqlite;

use std::path::PathBuf;

pub use location::{Location, open, open_existing};
pub use postgres::{Address, AddressError, PasswordError, PostgresStore};
pub use sqlite::SqliteStore;

/// The version of the schema, the same in all databases.
const VERSION: u32 = 4;

/// What happened is remembered of so many runs of a stack; that they were, of all.
const KEPT: u32 = 200;

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Its file or directory cannot be made.
    #[error("{}: {source}", .path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// What happened.
        source: std::io::Error,
    },
    /// SQLite says no.
    #[error("{}: {source}", .path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What it says.
        source: rusqlite::Error,
    },
    /// PostgreSQL says no, or nobody answers.
    #[error("{place}: {message}")]
    Postgres {
        /// The database, without a password.
        place: String,
        /// What happened.
        message: String,
    },
    /// Connections cannot be encrypted.
    #[error("TLS to the state's database: {message}")]
    Tls {
        /// What is missing.
        message: String,
    },
    /// The password of the database cannot be had.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// It was written by a later version.
    #[error(
        "{place} has schema version {found}, and this engine knows {VERSION} at the most; use a later engine"
    )]
    Newer {
        /// The file or database.
        place: String,
        /// Its version.
        found: u32,
    },
}
