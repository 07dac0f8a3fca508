//! The provider of directories that are filled from a cookbook.

use engine_protocol::{Action, Resource, resource::RemoteDirectorySpec};

use crate::provider::{Check, Context, Error, unsupported};

/// Checks it.
pub fn check<'r>(
    resource: &'r Resource,
    _spec: &'r RemoteDirectorySpec,
    action: Action,
    _context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    Err(unsupported(resource, action))
}
