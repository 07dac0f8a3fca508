//! The provider of cron jobs.

use engine_protocol::{Action, Resource, resource::CronSpec};

use crate::provider::{Check, Context, Error, not_yet};

/// Says that it is not written yet.
pub fn check<'r>(
    resource: &'r Resource,
    _spec: &'r CronSpec,
    _action: Action,
    _context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    Err(not_yet(resource))
}
