//! The provider of cron jobs.

use engine_protocol::{Action, Resource, resource::CronSpec};

use super::{
    ScheduleError,
    crontab::{self, TooLong},
    unless_brought,
};
use crate::{
    accounts,
    files::{
        managed::{self, Managed},
        state::State,
    },
    provider::{Check, Context, Error, unsupported},
};

/// Where cron finds the jobs of others than users.
const DIRECTORY: &str = "/etc/cron.d";

/// Permission bits of a job, Chef's: its variables are nobody else's business.
const MODE: u32 = 0o600;

/// Checks a job.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r CronSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let path = format!("{DIRECTORY}/{}", spec.name);
    let file =
        match action {
            Action::Create => {
                let text = crontab::file(spec).map_err(|TooLong { what, length }| {
                    ScheduleError::TooLong { name: spec.name.clone(), what, length }
                })?;
                if !accounts::user_exists(&spec.user, context) {
                    return unless_brought(
                        context,
                        ScheduleError::NoUser { name: spec.name.clone(), user: spec.user.clone() },
                    );
                }
                if !matches!(managed::look(context, DIRECTORY)?, State::Directory { .. } | State::Link(_)) {
                    return unless_brought(context, ScheduleError::NoCron { name: spec.name.clone() });
                }
                Managed::present(&path, text, MODE)
            }
            Action::Delete => Managed::absent(&path),
            _ => return Err(unsupported(resource, action)),
        };
    let Some((changes, predictions)) = file.compare(context)? else { return Ok(Check::UpToDate) };
    Ok(Check::differs(changes, predictions, move |context| {
        file.put(context)?;
        Ok(Vec::new())
    }))
}
