//! The provider of archives.

use engine_protocol::{Action, Resource, resource::ArchiveSpec};

use crate::provider::{Check, Context, Error, not_yet};

/// Says that it is not written yet.
pub fn check<'r>(
    resource: &'r Resource,
    _spec: &'r ArchiveSpec,
    _action: Action,
    _context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    Err(not_yet(resource))
}
