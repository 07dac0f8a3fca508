//! The provider of files from URLs.

use engine_protocol::{Action, Resource, resource::RemoteFileSpec};

use crate::provider::{Check, Context, Error, unsupported};

/// Checks it.
pub fn check<'r>(
    resource: &'r Resource,
    _spec: &'r RemoteFileSpec,
    action: Action,
    _context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    Err(unsupported(resource, action))
}
