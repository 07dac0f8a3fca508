//! The provider of timers of systemd.

use std::{io::ErrorKind, time::Duration};

use engine_protocol::{Action, Resource, resource::TimerSpec};

use super::{ScheduleError, timer_units, unless_brought};
use crate::{
    accounts,
    command::{CommandError, Run, Tail},
    files::managed::Managed,
    overlay::Prediction,
    provider::{Check, Context, Error, done, unsupported},
    services::{
        ServiceError,
        manager::Manager,
        state::{Activity, State},
        systemd, unit_file, verify,
    },
};

/// Permission bits of the unit that everybody may read.
const TIMER_MODE: u32 = 0o644;

/// Permission bits of the unit with the variables, which are nobody else's business, as those of a cron job.
const SERVICE_MODE: u32 = 0o600;

/// Checks a timer.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r TimerSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    if context.node.facts.init_system != "systemd" {
        let init = context.node.facts.init_system.clone();
        return Err(ServiceError::NeedsSystemd { name: format!("{}.timer", spec.name), init }.into());
    }
    let units = Units::look(&spec.name, context)?;
    match action {
        Action::Create => create(spec, units, context),
        Action::Delete => delete(units, context),
        _ => Err(unsupported(resource, action)),
    }
}

/// The two units of a timer.
struct Units {
    timer: String,
    service: String,
    state: State,
    /// Whether systemd has not read them since they were written.
    stale: bool,
}

impl Units {
    fn look(name: &str, context: &mut Context<'_>) -> Result<Self, Error> {
        let (timer, service) = (format!("{name}.timer"), format!("{name}.service"));
        let (state, started) =
            (Manager::Systemd.look(&timer, context)?, Manager::Systemd.look(&service, context)?);
        for (unit, state) in [(&timer, &state), (&service, &started)] {
            if state.mask.as_ref().is_some_and(|mask| *mask == own(unit)) {
                return Err(ServiceError::Masked { name: unit.clone() }.into());
            }
        }
        let stale = state.stale || started.stale;
        Ok(Self { timer, service, state, stale })
    }

    fn predict(&self, on: bool) -> Prediction {
        Prediction::Service { name: self.timer.clone(), active: Some(on), enabled: Some(on) }
    }
}

fn own(unit: &str) -> String {
    format!("{}/{unit}", unit_file::OWN)
}

fn create<'r>(spec: &'r TimerSpec, units: Units, context: &mut Context<'_>) -> Result<Check<'r>, Error> {
    if let Some(user) = spec.user.as_ref().filter(|user| !accounts::user_exists(user, context)) {
        let (name, user) = (spec.name.clone(), user.clone());
        return unless_brought(context, ScheduleError::NoUser { name, user });
    }
    let texts = [(&units.timer, timer_units::timer(spec)), (&units.service, timer_units::service(spec))];
    // The service first: the timer is nothing without it.
    let files = [
        Managed::present(&own(&units.service), texts[1].1.clone(), SERVICE_MODE),
        Managed::present(&own(&units.timer), texts[0].1.clone(), TIMER_MODE),
    ];
    let (mut changes, mut predictions) = (Vec::new(), Vec::new());
    for file in &files {
        if let Some((parts, foreseen)) = file.compare(context)? {
            changes.extend(parts);
            predictions.extend(foreseen);
        }
    }
    let written = !changes.is_empty();
    if written {
        check_calendar(spec)?;
        verify::verify(&texts.each_ref().map(|(name, text)| (name.as_str(), text.as_str())), context)?;
    } else if units.stale {
        // An earlier run broke between the files and this.
        changes.push(done("read again by systemd"));
    }
    let enable = !units.state.enabled;
    let start = units.state.activity != Activity::Running;
    changes.extend(enable.then(|| done("enabled")));
    changes.extend(start.then(|| done("started")));
    if changes.is_empty() {
        return Ok(Check::UpToDate);
    }
    predictions.push(units.predict(true));
    Ok(Check::differs(changes, predictions, move |context| {
        for file in &files {
            file.put(context)?;
        }
        if written || units.stale {
            systemd::reload_files(&units.timer)?;
        }
        let now = State { stale: false, ..units.state };
        if enable {
            systemd::act(&units.timer, Action::Enable, &now)?;
        }
        if start {
            systemd::act(&units.timer, Action::Start, &now)?;
        }
        Ok(Vec::new())
    }))
}

/// Takes away both units. What the timer has started runs to its end.
fn delete<'r>(units: Units, context: &mut Context<'_>) -> Result<Check<'r>, Error> {
    let files = [Managed::absent(&own(&units.timer)), Managed::absent(&own(&units.service))];
    let (mut changes, mut predictions, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    for file in &files {
        if let Some((parts, foreseen)) = file.compare(context)? {
            gone.extend(parts);
            predictions.extend(foreseen);
        }
    }
    if gone.is_empty() {
        return Ok(Check::UpToDate);
    }
    // The system's own timer of that name, which this one stood before, goes on.
    let ends = !unit_file::has_other(&units.timer, context)?;
    let stop = ends && units.state.activity != Activity::Stopped;
    let disable = ends && units.state.enabled;
    changes.extend(stop.then(|| done("stopped")));
    changes.extend(disable.then(|| done("disabled")));
    changes.extend(gone);
    if ends {
        predictions.push(units.predict(false));
    }
    Ok(Check::differs(changes, predictions, move |context| {
        if stop {
            systemd::act(&units.timer, Action::Stop, &units.state)?;
        }
        if disable {
            systemd::act(&units.timer, Action::Disable, &units.state)?;
        }
        for file in &files {
            file.put(context)?;
        }
        systemd::reload_files(&units.timer)?;
        if ends {
            systemd::forget_failure(&units.timer);
            systemd::forget_failure(&units.service);
        }
        Ok(Vec::new())
    }))
}

/// Says what is wrong with a time: of a timer with a wrong one, `systemd-analyze verify` says only that it has none.
fn check_calendar(spec: &TimerSpec) -> Result<(), Error> {
    let Some(calendar) = &spec.on_calendar else { return Ok(()) };
    let run = Run::new(["systemd-analyze", "calendar", "--", calendar]).timeout(Duration::from_secs(20));
    let finished = match run.finish() {
        // The verification says so.
        Err(CommandError::Start { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(()),
        finished => finished?,
    };
    // Before systemd 240 there is no such command.
    if finished.status.success() || !finished.output.contains(calendar.as_str()) {
        return Ok(());
    }
    let (name, output) = (spec.name.clone(), Tail(finished.output));
    Err(ScheduleError::Calendar { name, calendar: calendar.clone(), output }.into())
}
