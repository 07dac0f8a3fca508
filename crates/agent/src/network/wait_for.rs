//! The provider of waiting.

use std::time::{Duration, Instant};

use engine_protocol::{Action, Mode, Resource, resource::WaitForSpec};

use super::{NetworkError, Seen, patience::Patience, port_open, url_answers};
use crate::{
    converge::guards::path_exists,
    provider::{Check, Context, Error, done, unsupported},
};

/// Pauses between looks: the first one, doubled up to the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// Checks it.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r WaitForSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    if action != Action::Wait {
        return Err(unsupported(resource, action));
    }
    let begin = Instant::now();
    let seen = match look(spec, context)? {
        Look::Seen(Ok(())) => return Ok(Check::UpToDate),
        Look::Seen(Err(seen)) => seen,
        Look::Unknown(because) => return Ok(Check::Unknown(because)),
    };
    // What comes before may be what it waits for.
    match context.overlay.first_change() {
        Some(because) if context.mode == Mode::Plan => Ok(Check::Unknown(because.to_owned())),
        _ => Ok(Check::differs(vec![done("waited")], Vec::new(), move |context| {
            wait(resource, spec, (begin, seen), context)?;
            Ok(Vec::new())
        })),
    }
}

fn wait(
    resource: &Resource,
    spec: &WaitForSpec,
    (begin, mut last): (Instant, String),
    context: &mut Context<'_>,
) -> Result<(), Error> {
    let patience = Patience::of(context);
    let seconds = patience.left().as_secs_f64().ceil();
    context.waiting(resource, format!("waiting for at most {seconds} s; {last}"));
    let mut pause = PAUSES.0;
    loop {
        match patience.pause(pause) {
            Ok(()) => pause = (pause * 2).min(PAUSES.1),
            Err(error) if super::is_stop(&error) => return Err(Error::Stopped),
            Err(_) => {
                let seconds = begin.elapsed().as_secs_f64().round();
                return Err(NetworkError::InVain { seconds, seen: last }.into());
            }
        }
        match look(spec, context)? {
            // A look that was cut short saw nothing.
            Look::Seen(Err(_)) if patience.left().is_zero() => {}
            Look::Seen(Err(seen)) => last = seen,
            Look::Seen(Ok(())) | Look::Unknown(_) => return Ok(()),
        }
    }
}

/// What one look says.
enum Look {
    Seen(Seen),
    /// It depends on a change that is not made yet; plan mode only.
    Unknown(String),
}

fn look(spec: &WaitForSpec, context: &mut Context<'_>) -> Result<Look, Error> {
    let wanted = |seen: Seen, what: &str| match seen {
        Ok(()) if spec.absent => Err(what.to_owned()),
        Err(_) if spec.absent => Ok(()),
        seen => seen,
    };
    if let Some(path) = &spec.path {
        let there = match path_exists(path, context) {
            Ok(there) => there,
            Err(because) => return Ok(Look::Unknown(because)),
        };
        let seen = if there { Ok(()) } else { Err(format!("nothing is at `{path}`")) };
        if let Err(seen) = wanted(seen, &format!("something is at `{path}`")) {
            return Ok(Look::Seen(Err(seen)));
        }
    }
    if let Some(address) = &spec.address {
        let seen = port_open(address, Patience::of(context))?;
        if let Err(seen) = wanted(seen, &format!("`{address}` accepts connections")) {
            return Ok(Look::Seen(Err(seen)));
        }
    }
    if let Some(url) = &spec.url {
        let seen = url_answers(url, &spec.statuses, Patience::of(context))?;
        let what = format!("{} answers", super::Shown::text(url));
        return Ok(Look::Seen(wanted(seen, &what)));
    }
    Ok(Look::Seen(Ok(())))
}
