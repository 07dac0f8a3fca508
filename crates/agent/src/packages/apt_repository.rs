//! The provider of repositories for apt.

use engine_protocol::{Action, Resource, resource::AptRepositorySpec};

use crate::provider::{Check, Context, Error, unsupported};

/// Checks it.
pub fn check<'r>(
    resource: &'r Resource,
    _spec: &'r AptRepositorySpec,
    action: Action,
    _context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    Err(unsupported(resource, action))
}
