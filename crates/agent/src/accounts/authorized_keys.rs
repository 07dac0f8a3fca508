//! The provider of SSH keys of users.

use engine_protocol::{Action, Resource, resource::AuthorizedKeysSpec};

use crate::provider::{Check, Context, Error, unsupported};

/// Checks it.
pub fn check<'r>(
    resource: &'r Resource,
    _spec: &'r AuthorizedKeysSpec,
    action: Action,
    _context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    Err(unsupported(resource, action))
}
