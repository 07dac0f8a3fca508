//! The provider of blocks in files that others own.

use engine_protocol::{Action, Resource, resource::BlockInFileSpec};

use crate::provider::{Check, Context, Error, unsupported};

/// Checks it.
pub fn check<'r>(
    resource: &'r Resource,
    _spec: &'r BlockInFileSpec,
    action: Action,
    _context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    Err(unsupported(resource, action))
}
