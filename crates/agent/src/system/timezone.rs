//! The provider of the time zone: the link `/etc/localtime`, and `/etc/timezone` where Debian has it.

use std::path::Path;

use engine_protocol::{
    Action, Resource,
    resource::{LinkSpec, TimezoneSpec},
};

use super::SystemError;
use crate::{
    files::{
        managed::{self, Managed},
        state::State,
    },
    overlay::Prediction,
    provider::{Check, Context, Error, property, unsupported},
};

const LOCALTIME: &str = "/etc/localtime";
const TIMEZONE: &str = "/etc/timezone";
const ZONES: &str = "/usr/share/zoneinfo";

/// Checks the time zone.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r TimezoneSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    if action != Action::Set {
        return Err(unsupported(resource, action));
    }
    let zone = format!("{ZONES}/{}", spec.name);
    if !Path::new(&zone).is_file() {
        return match context.opaque() {
            Some(because) => Ok(Check::Unknown(because)),
            None => Err(SystemError::NoZone { name: spec.name.clone() }.into()),
        };
    }
    let now = zone_of(managed::look(context, LOCALTIME)?);
    let text =
        managed::read(context, TIMEZONE)?.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
    let relink = now.as_deref() != Some(&spec.name);
    let rewrite = text.as_ref().is_some_and(|text| *text != spec.name);
    if !relink && !rewrite {
        return Ok(Check::UpToDate);
    }
    let old = if relink { now } else { text };
    let mut predictions = vec![Prediction::Path(LOCALTIME.to_owned(), State::Link(zone.clone()))];
    let file = Managed::present(TIMEZONE, format!("{}\n", spec.name), 0o644);
    if rewrite && let Some((_, foreseen)) = file.compare(context)? {
        predictions.extend(foreseen);
    }
    let changes = vec![property("time zone", old, Some(spec.name.clone()))];
    Ok(Check::differs(changes, predictions, move |context| {
        if relink {
            managed::put_link(context, &LinkSpec { path: LOCALTIME.to_owned(), to: zone })?;
        }
        if rewrite {
            file.put(context)?;
        }
        Ok(Vec::new())
    }))
}

/// The name of the zone that the link points to.
fn zone_of(state: State) -> Option<String> {
    match state {
        State::Link(to) => Some(to.rsplit_once("zoneinfo/").map_or(to.clone(), |(_, name)| name.to_owned())),
        _ => None,
    }
}
