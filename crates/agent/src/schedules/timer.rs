//! The provider of timers of systemd.

use engine_protocol::{Action, Resource, resource::TimerSpec};

use crate::provider::{Check, Context, Error, unsupported};

/// Checks it.
pub fn check<'r>(
    resource: &'r Resource,
    _spec: &'r TimerSpec,
    action: Action,
    _context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    Err(unsupported(resource, action))
}
