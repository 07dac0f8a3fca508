//! Where state is kept, as operators write it.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use engine_scheduler::ports::Store;

use crate::{Address, AddressError, PostgresStore, SqliteStore, StoreError};

/// A file, or a database of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// An SQLite file.
    File(PathBuf),
    /// A PostgreSQL database.
    Postgres(Box<Address>),
}

impl FromStr for Location {
    type Err = AddressError;

    /// `postgres://...` or `postgresql://...`; all else is the path of a file.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let is_url = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
        if is_url {
            Ok(Location::Postgres(Box::new(Address::parse(text)?)))
        } else {
            Ok(Location::File(text.into()))
        }
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Location::File(path.to_owned())
    }
}

/// Without a password.
impl std::fmt::Display for Location {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Location::File(path) => path.display().fmt(formatter),
            Location::Postgres(address) => address.fmt(formatter),
        }
    }
}

/// Opens the state, making it if it is not there.
pub async fn open(location: &Location) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match location {
        Location::File(path) => Arc::new(SqliteStore::open(path)?),
        Location::Postgres(address) => Arc::new(PostgresStore::open(Address::clone(address)).await?),
    })
}

/// Opens the state, if anything was ever remembered in it. Else nothing is left behind.
pub async fn open_existing(location: &Location) -> Result<Option<Arc<dyn Store>>, StoreError> {
    match location {
        Location::File(path) if !path.exists() => Ok(None),
        Location::File(_) => open(location).await.map(Some),
        Location::Postgres(address) => {
            let store = PostgresStore::open_existing(Address::clone(address)).await?;
            Ok(store.map(|store| Arc::new(store) as Arc<dyn Store>))
        }
    }
}
