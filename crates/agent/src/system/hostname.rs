//! The provider of the host's name: now in the kernel, at boot from `/etc/hostname`, and on Debian and what comes from it
//! with a line in `/etc/hosts`, since there nothing else resolves the name.

use std::net::{IpAddr, Ipv4Addr};

use engine_protocol::{Action, Mode, Resource, resource::HostnameSpec};
use rustix::system::{sethostname, uname};

use super::{SystemError, hosts};
use crate::{
    files::managed::{self, Managed},
    overlay::Prediction,
    provider::{Check, Context, Error, property, unsupported},
};

/// Read at boot, by systemd as by the scripts of others.
const PATH: &str = "/etc/hostname";

/// The address that Debian gives a host without a constant one of its own.
const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 1, 1));

/// Key of the running name among predicted values.
const KEY: &str = "hostname";

/// Why the name could not be set.
#[derive(Debug, thiserror::Error)]
pub enum HostnameError {
    /// The kernel refuses.
    #[error(
        "the kernel does not take `{name}` as its host name: {source}; in a container it may be the host's to set"
    )]
    Kernel {
        /// The name.
        name: String,
        /// What it says.
        source: std::io::Error,
    },
}

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
    let name = spec.name.as_str();
    let (mut changes, mut predictions, mut files) = (Vec::new(), Vec::new(), Vec::new());
    let now = running(context);
    let new_now = now != name;
    if new_now {
        changes.push(property("name", Some(now), Some(name.to_owned())));
        predictions.push(Prediction::Value(KEY.to_owned(), Some(name.to_owned())));
    }
    let text = managed::read(context, PATH)?;
    let at_boot = text.as_deref().map(|text| static_name(&String::from_utf8_lossy(text)));
    if at_boot.as_deref() != Some(name) {
        changes.push(property("name at boot", at_boot, Some(name.to_owned())));
        files.push(Managed::edited(context, PATH, format!("{name}\n"))?);
    }
    if context.node.facts.platform.family == "debian"
        && let Some((old, new, file)) = own_line(name, context)?
    {
        changes.push(property("names of 127.0.1.1", old, Some(new)));
        files.push(file);
    }
    if changes.is_empty() {
        return Ok(Check::UpToDate);
    }
    for file in &files {
        predictions.extend(file.compare(context)?.map(|(_, predictions)| predictions).unwrap_or_default());
    }
    Ok(Check::differs(changes, predictions, move |context| {
        for file in &files {
            file.put(context)?;
        }
        if new_now {
            sethostname(name.as_bytes()).map_err(|errno| {
                SystemError::from(HostnameError::Kernel { name: name.to_owned(), source: errno.into() })
            })?;
        }
        Ok(Vec::new())
    }))
}

fn running(context: &Context<'_>) -> String {
    let planned = if context.mode == Mode::Plan { context.overlay.value(KEY) } else { None };
    match planned.flatten() {
        Some(planned) => planned.to_owned(),
        None => uname().nodename().to_string_lossy().into_owned(),
    }
}

/// The name in hostname(5): the first line that is no comment.
fn static_name(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.next().unwrap_or_default().to_owned()
}

/// Old and new names of the host's own address, and the file with them; nothing if the file knows the name, be it under
/// another address.
fn own_line(
    name: &str,
    context: &mut Context<'_>,
) -> Result<Option<(Option<String>, String, Managed)>, Error> {
    let short = name.split('.').next().unwrap_or_default();
    let names: Vec<&str> = if short == name { vec![name] } else { vec![name, short] };
    let text = managed::read(context, hosts::PATH)?.unwrap_or_default();
    let old = hosts::names(&text, OWN);
    if old.is_none() && hosts::known_elsewhere(&text, OWN, &names) {
        return Ok(None);
    }
    let new = hosts::set(&text, OWN, &names, Some(Ipv4Addr::LOCALHOST.into()));
    if new == text {
        return Ok(None);
    }
    let file = Managed::edited(context, hosts::PATH, new)?;
    Ok(Some((old.map(|old| old.join(" ")), names.join(" "), file)))
}

#[cfg(test)]
mod tests {
    use super::static_name;

    #[test]
    fn the_name_at_boot_is_the_first_line_that_says_something() {
        assert_eq!(static_name("# by hand\n\n web-1 \nother\n"), "web-1");
        assert_eq!(static_name(""), "");
    }
}
