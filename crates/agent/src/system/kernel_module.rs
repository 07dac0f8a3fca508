//! The provider of kernel modules: modprobe(8) now, and files of modules-load.d(5) and modprobe.d(5) for every boot.

use std::{fs, path::Path};

use engine_protocol::{Action, Mode, Resource, resource::KernelModuleSpec};

use super::SystemError;
use crate::{
    command::Run,
    files::managed::Managed,
    overlay::Prediction,
    provider::{Check, Context, Error, property, unsupported},
};

/// Checks a kernel module.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r KernelModuleSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let name = &spec.name;
    let at_boot = |wanted: bool| {
        let path = format!("/etc/modules-load.d/engine-{name}.conf");
        if wanted { Managed::present(&path, format!("{name}\n"), 0o644) } else { Managed::absent(&path) }
    };
    let options = || {
        let path = format!("/etc/modprobe.d/engine-options-{name}.conf");
        if spec.options.is_empty() {
            return Managed::absent(&path);
        }
        Managed::present(&path, format!("options {name} {}\n", spec.options.join(" ")), 0o644)
    };
    let blacklist = |wanted: bool| {
        let path = format!("/etc/modprobe.d/engine-blacklist-{name}.conf");
        if wanted {
            Managed::present(&path, format!("blacklist {name}\n"), 0o644)
        } else {
            Managed::absent(&path)
        }
    };
    let (files, loaded) = match action {
        Action::Install => (vec![blacklist(false), options(), at_boot(true)], Some(true)),
        Action::Uninstall => {
            let absent = Managed::absent(&format!("/etc/modprobe.d/engine-options-{name}.conf"));
            (vec![absent, at_boot(false)], Some(false))
        }
        Action::Load => (Vec::new(), Some(true)),
        Action::Unload => (Vec::new(), Some(false)),
        Action::Blacklist => (vec![at_boot(false), blacklist(true)], Some(false)),
        _ => return Err(unsupported(resource, action)),
    };
    let (mut changes, mut predictions) = (Vec::new(), Vec::new());
    for file in &files {
        if let Some((parts, foreseen)) = file.compare(context)? {
            changes.extend(parts);
            predictions.extend(foreseen);
        }
    }
    let key = format!("kernel_module:{name}");
    let now = match context.overlay.value(&key) {
        Some(planned) if context.mode == Mode::Plan => planned.is_some(),
        _ => is_loaded(name)?,
    };
    let differs = loaded.is_some_and(|loaded| loaded != now);
    if differs {
        let word = |loaded: bool| Some(if loaded { "loaded" } else { "not loaded" }.to_owned());
        changes.push(property("module", word(now), word(!now)));
        predictions.push(Prediction::Value(key, (!now).then(String::new)));
    }
    if changes.is_empty() {
        return Ok(Check::UpToDate);
    }
    Ok(Check::differs(changes, predictions, move |context| {
        for file in &files {
            file.put(context)?;
        }
        if differs {
            let verb: &[&str] = if now { &["modprobe", "-r", "--"] } else { &["modprobe", "--"] };
            let what = if now { "unloaded" } else { "loaded" };
            Run::new(verb.iter().copied().chain([name.as_str()])).succeed().map_err(|source| {
                SystemError::Tool { what: format!("the kernel module `{name}` cannot be {what}"), source }
            })?;
        }
        Ok(Vec::new())
    }))
}

/// Whether a module is loaded, or part of the kernel. The kernel writes every dash as an underscore.
fn is_loaded(name: &str) -> Result<bool, SystemError> {
    let path = "/proc/modules";
    let modules = match fs::read_to_string(path) {
        Ok(text) => text,
        // A kernel without modules.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(source) => return Err(SystemError::Read { path: path.to_owned(), source }),
    };
    let name = name.replace('-', "_");
    Ok(parse_modules(&modules).any(|module| module == name) || Path::new("/sys/module").join(&name).exists())
}

fn parse_modules(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.split(' ').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Linux 6.1.
    #[test]
    fn modules_are_read() {
        let text = "br_netfilter 32768 0 - Live 0xffffffffc0a5f000\nbridge 311296 1 br_netfilter, Live 0xffffffffc0a00000\n";
        assert_eq!(parse_modules(text).collect::<Vec<_>>(), ["br_netfilter", "bridge"]);
        assert!(!is_loaded("no-such-module").unwrap());
    }
}
