//! The provider of kernel modules: loaded now, at boot, with options, or not at all.

use engine_protocol::{Action, Change, Mode, Resource, resource::KernelModuleSpec};

use super::{
    SystemError,
    modules::{self, Module},
};
use crate::{
    command::{self, Run},
    files::managed::{self, Managed},
    overlay::Prediction,
    provider::{Check, Context, Error, done, property, unsupported},
};

/// Why a module could not be checked or applied.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// There is no such module.
    #[error(
        "the kernel {release} has no module `{name}`; install the package that brings it before:\n{output}"
    )]
    NoModule {
        /// The module.
        name: String,
        /// The running kernel.
        release: String,
        /// What modprobe says.
        output: String,
    },
    /// modprobe is missing.
    #[error(
        "the kernel module `{name}` cannot be managed because `modprobe` is missing; install the package `kmod`"
    )]
    NoModprobe {
        /// The module.
        name: String,
    },
    /// It is a part of the kernel.
    #[error("the kernel module `{name}` cannot be unloaded: it is built into the kernel")]
    BuiltIn {
        /// The module.
        name: String,
    },
}

/// What shall be of a module.
struct Wanted {
    /// In the kernel now; `None` leaves that alone.
    loaded: Option<bool>,
    /// Loaded at boot, with options; `None` leaves that alone.
    at_boot: Option<bool>,
    /// Not loaded for a device; `None` leaves that alone.
    blacklisted: Option<bool>,
}

/// Checks a module.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r KernelModuleSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let wanted = |loaded, at_boot, blacklisted| Wanted { loaded, at_boot, blacklisted };
    let wanted = match action {
        // What is blacklisted is not loaded at boot either, so that goes.
        Action::Install => wanted(Some(true), Some(true), Some(false)),
        Action::Uninstall => wanted(Some(false), Some(false), Some(false)),
        Action::Blacklist => wanted(Some(false), None, Some(true)),
        Action::Load => wanted(Some(true), None, None),
        Action::Unload => wanted(Some(false), None, None),
        _ => return Err(unsupported(resource, action)),
    };
    let name = spec.name.as_str();
    let state = state(name, context);
    if action == Action::Unload && state == Module::BuiltIn {
        return Err(module_error(ModuleError::BuiltIn { name: name.to_owned() }));
    }
    let files = files(spec, &wanted);
    let (mut changes, mut predictions) = (Vec::new(), Vec::new());
    for file in &files {
        if let Some((_, more)) = file.managed.compare(context)? {
            changes.push(file.change(name, context)?);
            predictions.extend(more);
        }
    }
    let step = match (wanted.loaded, state) {
        (Some(true), Module::Absent) => match refuse(name, context)? {
            Some(because) => return Ok(Check::Unknown(because)),
            None => Some(true),
        },
        (Some(false), Module::Loaded) => Some(false),
        _ => None,
    };
    if let Some(load) = step {
        changes.push(done(if load { "loaded" } else { "unloaded" }));
        let state = load.then(String::new);
        // With a module come devices and parameters of the kernel.
        predictions.extend([Prediction::Value(key(name), state), Prediction::Anything]);
    }
    if changes.is_empty() {
        return Ok(Check::UpToDate);
    }
    // The options of a module that is only loaded are in no file.
    let options = if action == Action::Load { spec.options.as_slice() } else { &[] };
    Ok(Check::differs(changes, predictions, move |context| {
        for file in &files {
            file.managed.put(context)?;
        }
        if let Some(load) = step {
            let argv = modprobe(name, load, options);
            Run::new(argv).succeed().map_err(|source| {
                let what = if load { "loaded" } else { "unloaded" };
                SystemError::Tool { what: format!("the kernel module `{name}` cannot be {what}"), source }
            })?;
        }
        Ok(Vec::new())
    }))
}

fn module_error(error: ModuleError) -> Error {
    SystemError::from(error).into()
}

fn key(name: &str) -> String {
    format!("kernel_module:{}", modules::normal(name))
}

fn state(name: &str, context: &Context<'_>) -> Module {
    let planned = if context.mode == Mode::Plan { context.overlay.value(&key(name)) } else { None };
    match planned {
        Some(Some(_)) => Module::Loaded,
        Some(None) => Module::Absent,
        None => modules::state(name, &context.node.facts.kernel.release),
    }
}

/// Refuses a module that modprobe does not find. What an earlier resource may bring is not known.
fn refuse(name: &str, context: &Context<'_>) -> Result<Option<String>, Error> {
    let error = if command::find("modprobe").is_some() {
        let finished = Run::new(["modprobe", "--dry-run", "--", name]).finish()?;
        if finished.status.success() {
            return Ok(None);
        }
        let (name, release) = (name.to_owned(), context.node.facts.kernel.release.clone());
        ModuleError::NoModule { name, release, output: finished.output.trim().to_owned() }
    } else {
        ModuleError::NoModprobe { name: name.to_owned() }
    };
    match context.opaque() {
        Some(because) => Ok(Some(because)),
        None => Err(module_error(error)),
    }
}

fn modprobe(name: &str, load: bool, options: &[String]) -> Vec<String> {
    let mut argv = vec!["modprobe".to_owned()];
    if !load {
        argv.push("--remove".to_owned());
    }
    argv.extend(["--".to_owned(), name.to_owned()]);
    argv.extend_from_slice(options);
    argv
}

/// What a file is about.
enum About {
    /// Whether the module is loaded at boot.
    Boot(bool),
    /// Its options.
    Options(Option<String>),
    /// Whether it is blacklisted.
    Blacklist(bool),
}

struct ModuleFile {
    about: About,
    managed: Managed,
    path: String,
}

impl ModuleFile {
    fn change(&self, name: &str, context: &mut Context<'_>) -> Result<Change, Error> {
        Ok(match &self.about {
            About::Boot(true) => done("loaded at boot"),
            About::Boot(false) => done("no longer loaded at boot"),
            About::Blacklist(true) => done("blacklisted"),
            About::Blacklist(false) => done("no longer blacklisted"),
            About::Options(new) => {
                let old = managed::read(context, &self.path)?.unwrap_or_default();
                let old = modules::options(&String::from_utf8_lossy(&old), name);
                property("options", old, new.clone())
            }
        })
    }
}

fn files(spec: &KernelModuleSpec, wanted: &Wanted) -> Vec<ModuleFile> {
    let name = &spec.name;
    let file = |about, path: String, text: Option<String>| {
        let head = "# Written by engine; what is changed here is lost.";
        let managed = match text {
            Some(text) => Managed::present(&path, format!("{head}\n{text}\n"), 0o644).with_directory(),
            None => Managed::absent(&path),
        };
        ModuleFile { about, managed, path }
    };
    let mut files = Vec::new();
    if let Some(at_boot) = wanted.at_boot {
        let path = format!("/etc/modules-load.d/{name}.conf");
        files.push(file(About::Boot(at_boot), path, at_boot.then(|| name.clone())));
        let options = (at_boot && !spec.options.is_empty()).then(|| spec.options.join(" "));
        let text = options.as_ref().map(|options| format!("options {name} {options}"));
        files.push(file(About::Options(options), format!("/etc/modprobe.d/options-{name}.conf"), text));
    }
    if let Some(blacklisted) = wanted.blacklisted {
        let path = format!("/etc/modprobe.d/blacklist-{name}.conf");
        let text = blacklisted.then(|| format!("blacklist {name}"));
        files.push(file(About::Blacklist(blacklisted), path, text));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::modprobe;

    #[test]
    fn modprobe_is_asked_to_load_and_to_remove() {
        let options = ["numdummies=2".to_owned()];
        assert_eq!(modprobe("dummy", true, &options), ["modprobe", "--", "dummy", "numdummies=2"]);
        assert_eq!(modprobe("dummy", false, &[]), ["modprobe", "--remove", "--", "dummy"]);
    }
}
