//! The provider of the host's name: the kernel's now, `/etc/hostname` for every boot, and on Debian the line in
//! `/etc/hosts` that makes the name resolve.

use engine_protocol::{Action, Mode, Resource, resource::HostnameSpec};
use rustix::system::{sethostname, uname};

use super::{SystemError, hosts_entry};
use crate::{
    files::managed::{self, Managed},
    overlay::Prediction,
    provider::{Check, Context, Error, property, unsupported},
};

const PATH: &str = "/etc/hostname";

/// The address that Debian gives to a host's own name.
const OWN_ADDRESS: &str = "127.0.1.1";

/// Key of the name among predicted values.
const KEY: &str = "hostname";

/// Checks the name.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r HostnameSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    if action != Action::Set {
        return Err(unsupported(resource, action));
    }
    let name = &spec.name;
    let now = match context.overlay.value(KEY) {
        Some(Some(planned)) if context.mode == Mode::Plan => planned.to_owned(),
        _ => uname().nodename().to_string_lossy().into_owned(),
    };
    let mut files = vec![Managed::present(PATH, format!("{name}\n"), 0o644)];
    if context.node.facts.platform.family == "debian" {
        let text = managed::read(context, hosts_entry::PATH)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let short = name.split('.').next().unwrap_or(name);
        let names = if short == name { name.clone() } else { format!("{name} {short}") };
        if hosts_entry::names_of(&text, OWN_ADDRESS).as_ref() != Some(&names) {
            let edited = hosts_entry::edit(&text, OWN_ADDRESS, Some(&names));
            files.push(Managed::present(hosts_entry::PATH, edited, 0o644));
        }
    }
    let (mut changes, mut predictions) = (Vec::new(), Vec::new());
    if now != *name {
        changes.push(property("hostname", Some(now.clone()), Some(name.clone())));
        predictions.push(Prediction::Value(KEY.to_owned(), Some(name.clone())));
    }
    for file in &files {
        if let Some((parts, foreseen)) = file.compare(context)? {
            changes.extend(parts);
            predictions.extend(foreseen);
        }
    }
    if changes.is_empty() {
        return Ok(Check::UpToDate);
    }
    let differs = now != *name;
    Ok(Check::differs(changes, predictions, move |context| {
        for file in &files {
            file.put(context)?;
        }
        if differs {
            sethostname(name.as_bytes()).map_err(|errno| SystemError::Hostname { source: errno.into() })?;
        }
        Ok(Vec::new())
    }))
}
