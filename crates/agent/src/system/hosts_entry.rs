//! The provider of lines in `/etc/hosts`.

use std::net::IpAddr;

use engine_protocol::{Action, Resource, resource::HostsEntrySpec};

use super::{SystemError, hosts};
use crate::{
    files::managed::{self, Managed},
    provider::{Check, Context, Error, property, unsupported},
};

/// Programs of all kinds count on it.
const LOCALHOST: &str = "localhost";

/// Why a line could not be checked or applied.
#[derive(Debug, thiserror::Error)]
pub enum HostsError {
    /// No address.
    #[error("`{address}` is no IP address")]
    Address {
        /// What was given.
        address: String,
    },
    /// No name.
    #[error("the address {address} shall have a line in {path}, but no name; set `hostname`", path = hosts::PATH)]
    NoName {
        /// The address.
        address: IpAddr,
    },
    /// The name of the machine for itself would be gone.
    #[error("the line of {address} has the name `{LOCALHOST}`, which must stay; add it to `aliases`")]
    Localhost {
        /// The address.
        address: IpAddr,
    },
    /// A name that the cookbook must not take away.
    #[error(
        "the line of {address} has the name `{name}`, which would go; the cookbook is not granted `hosts:{name}`"
    )]
    NotGranted {
        /// The address.
        address: IpAddr,
        /// The name.
        name: String,
    },
}

/// Checks the line of an address.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r HostsEntrySpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let address: IpAddr = spec
        .address
        .parse()
        .map_err(|_| hosts_error(HostsError::Address { address: spec.address.clone() }))?;
    let wanted: Vec<&str> = match action {
        Action::Create if spec.hostname.is_empty() => {
            return Err(hosts_error(HostsError::NoName { address }));
        }
        Action::Create => [&spec.hostname].into_iter().chain(&spec.aliases).map(String::as_str).collect(),
        Action::Delete => Vec::new(),
        _ => return Err(unsupported(resource, action)),
    };
    let text = managed::read(context, hosts::PATH)?.unwrap_or_default();
    let old = hosts::names(&text, address);
    refuse_loss(address, old.as_deref().unwrap_or_default(), &wanted, context)?;
    let new = match action {
        Action::Create => hosts::set(&text, address, &wanted, None),
        _ => hosts::remove(&text, address),
    };
    if new == text {
        return Ok(Check::UpToDate);
    }
    let file = Managed::edited(context, hosts::PATH, new)?;
    let Some((_, predictions)) = file.compare(context)? else { return Ok(Check::UpToDate) };
    let wanted = (!wanted.is_empty()).then(|| wanted.join(" "));
    let change = property("names", old.map(|old| old.join(" ")), wanted);
    Ok(Check::differs(vec![change], predictions, move |context| {
        file.put(context)?;
        Ok(Vec::new())
    }))
}

fn hosts_error(error: HostsError) -> Error {
    SystemError::from(error).into()
}

/// Refuses to take away names that are not the cookbook's to take away: an address alone says nothing of them.
fn refuse_loss(address: IpAddr, old: &[String], wanted: &[&str], context: &Context<'_>) -> Result<(), Error> {
    for name in old.iter().filter(|name| !wanted.contains(&name.as_str())) {
        if name == LOCALHOST {
            return Err(hosts_error(HostsError::Localhost { address }));
        }
        if context.grants.is_some_and(|grants| !grants.allows_host(name)) {
            return Err(hosts_error(HostsError::NotGranted { address, name: name.clone() }));
        }
    }
    Ok(())
}
