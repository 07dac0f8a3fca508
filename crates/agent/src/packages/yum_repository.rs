//! The provider of repositories for dnf, yum and zypper.

use engine_protocol::{Action, Resource, resource::YumRepositorySpec};

use crate::provider::{Check, Context, Error, unsupported};

/// Checks it.
pub fn check<'r>(
    resource: &'r Resource,
    _spec: &'r YumRepositorySpec,
    action: Action,
    _context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    Err(unsupported(resource, action))
}
