//! Live state: what the stack file does not say. Instances' statuses, runs with what happened in them, and who holds
//! which stack.
//!
//! In one SQLite file next to the stacks, or in a PostgreSQL database that several controllers share. Both behave alike;
//! `tests/store` holds them to the same sentences.

mod rows;
mod sqlite;

use std::path::PathBuf;

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
