//! The provider of kernel parameters: now in `/proc/sys`, and at boot in a file of each key's own.

use std::{fs, io};

use engine_protocol::{Action, Resource, resource::SysctlSpec};

use super::SystemError;
use crate::{
    files::managed::Managed,
    provider::{Check, Context, Error, property, unsupported},
};

/// Checks a kernel parameter.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r SysctlSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let (file, value) = match action {
        Action::Apply => {
            let line = format!("{} = {}\n", spec.key, spec.value.trim());
            (Managed::present(&path(&spec.key), line, 0o644), Some(normal(&spec.value)))
        }
        // What the kernel has now is left as it is: nobody knows what it was before.
        Action::Remove => (Managed::absent(&path(&spec.key)), None),
        _ => return Err(unsupported(resource, action)),
    };
    let mut changes = Vec::new();
    let now = value.as_ref().map(|_| read(&spec.key)).transpose()?;
    let differs = now != value;
    if differs {
        changes.push(property("value", now, value));
    }
    let parts = file.compare(context)?;
    let mut predictions = Vec::new();
    if let Some((of_file, foreseen)) = parts {
        changes.extend(of_file);
        predictions = foreseen;
    }
    if changes.is_empty() {
        return Ok(Check::UpToDate);
    }
    Ok(Check::differs(changes, predictions, move |context| {
        // The kernel judges the value before it is kept.
        if differs {
            write(&spec.key, spec.value.trim())?;
        }
        file.put(context)?;
        Ok(Vec::new())
    }))
}

/// A slash in a key is a dot of a name, as of an interface (sysctl.d(5)).
fn swapped(key: &str) -> String {
    let swap = |character| match character {
        '.' => '/',
        '/' => '.',
        character => character,
    };
    key.chars().map(swap).collect()
}

fn path(key: &str) -> String {
    format!("/etc/sysctl.d/99-engine-{}.conf", key.replace('/', "_"))
}

/// Fields with one space between them: the kernel writes tabs.
fn normal(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn read(key: &str) -> Result<String, SystemError> {
    let text = fs::read_to_string(format!("/proc/sys/{}", swapped(key)));
    text.map(|text| normal(&text)).map_err(|source| failed(key, source))
}

fn write(key: &str, value: &str) -> Result<(), SystemError> {
    fs::write(format!("/proc/sys/{}", swapped(key)), format!("{value}\n"))
        .map_err(|source| failed(key, source))
}

fn failed(key: &str, source: io::Error) -> SystemError {
    match source.kind() {
        io::ErrorKind::NotFound => SystemError::NoParameter { key: key.to_owned() },
        _ => SystemError::Parameter { key: key.to_owned(), source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_paths_and_values_are_fields() {
        assert_eq!(swapped("net.ipv4.conf.eth0/100.forwarding"), "net/ipv4/conf/eth0.100/forwarding");
        assert_eq!(path("net.ipv4.ip_forward"), "/etc/sysctl.d/99-engine-net.ipv4.ip_forward.conf");
        assert_eq!(normal("4096\t131072\t6291456\n"), "4096 131072 6291456");
        assert_eq!(read("kernel.ostype").unwrap(), "Linux");
        assert!(matches!(read("kernel.no_such_thing"), Err(SystemError::NoParameter { .. })));
    }
}
