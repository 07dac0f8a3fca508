//! The provider of the host's name.

use engine_protocol::{Action, Resource, resource::HostnameSpec};

use crate::provider::{Check, Context, Error, unsupported};

/// Checks it.
pub fn check<'r>(
    resource: &'r Resource,
    _spec: &'r HostnameSpec,
    action: Action,
    _context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    Err(unsupported(resource, action))
}
