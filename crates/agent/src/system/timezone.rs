//! The provider of the time zone: the link `/etc/localtime`, and `/etc/timezone` where the distribution has that as well.

use engine_protocol::{Action, Mode, Resource, resource::TimezoneSpec};

use super::SystemError;
use crate::{
    facts::regional::zone_of,
    files::{
        managed::{self, Managed},
        state::{State, wrong_kind},
    },
    overlay::Prediction,
    provider::{Check, Context, Error, property, unsupported},
};

/// The C library reads the rules here.
const LINK: &str = "/etc/localtime";

/// Debian keeps the name here as well, and so do others who came from it.
const NAME: &str = "/etc/timezone";

/// Where the rules of all zones are.
const ZONES: &str = "/usr/share/zoneinfo";

/// The package with the rules, of the same name in nearly all distributions.
const PACKAGE: &str = "tzdata";

/// Why the time zone could not be set.
#[derive(Debug, thiserror::Error)]
pub enum TimezoneError {
    /// There are no rules at all.
    #[error(
        "the time zone `{name}` cannot be set because {ZONES} is missing; install the package `{PACKAGE}` before"
    )]
    NoZones {
        /// The zone.
        name: String,
    },
    /// There is no such zone.
    #[error("`{name}` is no time zone: there is no file of this name in {ZONES}")]
    NoZone {
        /// The zone.
        name: String,
    },
}

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
    let name = spec.name.as_str();
    if let Some(because) = refuse(name, context)? {
        return Ok(Check::Unknown(because));
    }
    let present = managed::look(context, LINK)?;
    let (zone, relative) = match &present {
        State::Link(target) => (Some(zone_of(target)), target.starts_with('.')),
        State::File { .. } | State::Absent => (None, false),
        other => return Err(wrong_kind(LINK, other, "symbolic link").into()),
    };
    let (mut changes, mut predictions) = (Vec::new(), Vec::new());
    let link = (zone != Some(name)).then(|| format!("{}{ZONES}/{name}", if relative { ".." } else { "" }));
    if let Some(target) = &link {
        changes.push(property("zone", zone.map(ToOwned::to_owned), Some(name.to_owned())));
        predictions.push(Prediction::Path(LINK.to_owned(), State::Link(target.clone())));
    }
    let text = managed::read(context, NAME)?;
    let mut file = None;
    if text.is_some() || context.node.facts.platform.family == "debian" {
        let old = text.map(|text| String::from_utf8_lossy(&text).trim().to_owned());
        if old.as_deref() != Some(name) {
            changes.push(property(NAME, old, Some(name.to_owned())));
            let new = Managed::edited(context, NAME, format!("{name}\n"))?;
            predictions.extend(new.compare(context)?.map(|(_, predictions)| predictions).unwrap_or_default());
            file = Some(new);
        }
    }
    if changes.is_empty() {
        return Ok(Check::UpToDate);
    }
    Ok(Check::differs(changes, predictions, move |context| {
        if let Some(file) = &file {
            file.put(context)?;
        }
        if let Some(target) = &link {
            managed::put_link(context, LINK, target)?;
        }
        Ok(Vec::new())
    }))
}

/// Refuses a zone that does not exist. What an earlier resource may bring is not known, but for the package of the rules.
fn refuse(name: &str, context: &mut Context<'_>) -> Result<Option<String>, Error> {
    if context.mode == Mode::Plan && matches!(context.overlay.package(PACKAGE), Some(Some(_))) {
        return Ok(None);
    }
    let error = match managed::look(context, &format!("{ZONES}/{name}"))? {
        // Zones of old names are links to those of today.
        State::File { .. } | State::Link(_) => return Ok(None),
        State::NoParent(missing) if missing.len() <= ZONES.len() => {
            TimezoneError::NoZones { name: name.to_owned() }
        }
        _ => TimezoneError::NoZone { name: name.to_owned() },
    };
    match context.opaque() {
        Some(because) => Ok(Some(because)),
        None => Err(SystemError::from(error).into()),
    }
}
