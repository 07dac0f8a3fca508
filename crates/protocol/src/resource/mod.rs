//! What a recipe declares, in the form in which it travels: validated, in order, immutable.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::grants::Grants;

mod action;
mod common;
mod spec;
mod ssh_key;

pub use action::Action;
pub use common::{CONFIRM_SECONDS, Common, Guard, Notification, Timing};
pub use spec::*;
pub use ssh_key::SshKey;

/// Position of a resource in its node run, counted from 0 over all batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ResourceId(pub u32);

/// An ordered collection of resources: what Chef calls the resource collection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    /// The resources, in the order of declaration; ids are ascending.
    pub resources: Vec<Resource>,
    /// What each cookbook that declared one of them may do.
    pub grants: Vec<CookbookGrants>,
}

impl Collection {
    /// The grants of a cookbook; `None` if it has none at all.
    pub fn grants_of(&self, cookbook: &str) -> Option<&Grants> {
        self.grants.iter().find(|entry| entry.cookbook == cookbook).map(|entry| &entry.grants)
    }
}

/// The grants that a cookbook's resources are checked against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CookbookGrants {
    /// Name of the cookbook.
    pub cookbook: String,
    /// What it may do.
    pub grants: Grants,
}

/// One declared resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Its position in the node run.
    pub id: ResourceId,
    /// The type's name as the recipe wrote it, for example `template`.
    pub kind: String,
    /// The name that identifies it among its type, for example a path.
    pub name: String,
    /// Who declared it.
    pub origin: Origin,
    /// What shall be done, in order; `[Nothing]` waits for a notification.
    pub actions: Vec<Action>,
    /// The state that is wanted.
    pub spec: Spec,
    /// What all resources have.
    pub common: Common,
}

/// Chef's form of naming a resource: `file[/etc/motd]`. A sensitive command is its own name, so it
/// is named by its position instead: `execute[sensitive #3]`.
impl fmt::Display for Resource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.spec {
            Spec::Execute(_) if self.common.sensitive => {
                write!(formatter, "{}[sensitive #{}]", self.kind, self.id.0)
            }
            _ => write!(formatter, "{}[{}]", self.kind, self.name),
        }
    }
}

/// The recipe that declared a resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Name of the cookbook, `engine` for what is built in.
    pub cookbook: String,
    /// Name of the recipe.
    pub recipe: String,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}::{}", self.cookbook, self.recipe)
    }
}
