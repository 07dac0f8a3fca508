//! The provider of the locale that services and logins begin with.

use std::fs;

use engine_protocol::{Action, Mode, Resource, resource::LocaleSpec};

use super::{SystemError, locale_text as text};
use crate::{
    command::{self, CommandError, Run},
    files::{
        managed::{self, Managed},
        state::State,
    },
    overlay::Prediction,
    provider::{Check, Context, Error, done, property, unsupported},
};

/// systemd's file.
const FILE: &str = "/etc/locale.conf";

/// Debian's file, which may be a link to the other.
const DEBIAN_FILE: &str = "/etc/default/locale";

/// What `locale-gen` generates.
const GENERATED: &str = "/etc/locale.gen";

/// What `locale-gen` can generate.
const SUPPORTED: &str = "/usr/share/i18n/SUPPORTED";

/// Why the locale could not be set.
#[derive(Debug, thiserror::Error)]
pub enum LocaleError {
    /// Nobody knows which locales there are.
    #[error("the locales of the node cannot be listed: {source}")]
    Listing {
        /// What happened.
        source: CommandError,
    },
    /// It cannot be generated.
    #[error("the locale `{name}` is not there, and what would make it is missing; {hint}")]
    Missing {
        /// The locale.
        name: String,
        /// What to install.
        hint: String,
    },
    /// There is no such locale.
    #[error("`{name}` is no locale: {SUPPORTED} does not have it")]
    Unsupported {
        /// The locale.
        name: String,
    },
    /// Generating it failed.
    #[error("the locale `{name}` cannot be generated: {output}")]
    Generate {
        /// The locale.
        name: String,
        /// What `locale-gen` says.
        output: String,
    },
}

/// Where a locale comes from.
enum Origin {
    /// It is there.
    Present,
    /// `locale-gen` makes it of this entry; `None` as long as its package is only planned.
    Generated(Option<String>),
    /// Nobody knows, because of this resource.
    Unknown(String),
}

/// Checks the locale.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r LocaleSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    if action != Action::Update {
        return Err(unsupported(resource, action));
    }
    let mut wanted = vec![("LANG", spec.lang.as_str())];
    wanted.extend(spec.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let (mut changes, mut predictions, mut generated) = (Vec::new(), Vec::new(), Vec::new());
    let before = managed::read(context, GENERATED)?.unwrap_or_default();
    let before = String::from_utf8_lossy(&before).into_owned();
    let mut list = before.clone();
    // LANGUAGE names languages of messages, which are no locales.
    let mut locales: Vec<&str> =
        wanted.iter().filter(|(name, _)| *name != "LANGUAGE").map(|(_, value)| *value).collect();
    locales.sort_unstable();
    locales.dedup_by_key(|name| text::normal(name));
    for name in locales {
        match origin(name, context)? {
            Origin::Present => {}
            Origin::Unknown(because) => return Ok(Check::Unknown(because)),
            Origin::Generated(entry) => {
                changes.push(done(&format!("generated {name}")));
                predictions.push(Prediction::Value(key(name), Some(String::new())));
                list = entry.map_or(list.clone(), |entry| text::enable(&list, &entry));
                generated.push(name);
            }
        }
    }
    let path = file(context)?;
    let old = managed::read(context, path)?.unwrap_or_default();
    let old = String::from_utf8_lossy(&old).into_owned();
    let new = text::set_variables(&old, &wanted);
    let set = text::variables(&old);
    for (name, value) in &wanted {
        let present = set.iter().find(|(set, _)| set == name).map(|(_, value)| value.clone());
        if present.as_deref() != Some(value) {
            changes.push(property(name, present, Some((*value).to_owned())));
        }
    }
    let unwanted = set.iter().filter(|(name, _)| !wanted.iter().any(|(wanted, _)| wanted == name));
    changes.extend(unwanted.map(|(name, value)| property(name, Some(value.clone()), None)));
    if changes.is_empty() {
        return Ok(Check::UpToDate);
    }
    let mut edited = |path: &str, old: &str, new: String, context: &mut Context<'_>| -> Result<_, Error> {
        if old == new {
            return Ok(None);
        }
        let file = Managed::edited(context, path, new)?;
        predictions.extend(file.compare(context)?.map(|(_, predictions)| predictions).unwrap_or_default());
        Ok(Some(file))
    };
    let list = edited(GENERATED, &before, list, context)?;
    let variables = edited(path, &old, new, context)?;
    Ok(Check::differs(changes, predictions, move |context| {
        list.map_or(Ok(()), |file| file.put(context))?;
        generate(&generated)?;
        // Last, so that nothing names a locale that is not there.
        variables.map_or(Ok(()), |file| file.put(context))?;
        Ok(Vec::new())
    }))
}

fn locale_error(error: LocaleError) -> Error {
    SystemError::from(error).into()
}

fn key(name: &str) -> String {
    format!("locale:{}", text::normal(name))
}

fn file(context: &mut Context<'_>) -> Result<&'static str, Error> {
    if context.node.facts.platform.family != "debian" {
        return Ok(FILE);
    }
    Ok(match managed::look(context, DEBIAN_FILE)? {
        State::Link(target) if target.ends_with("/locale.conf") => FILE,
        _ => DEBIAN_FILE,
    })
}

fn listing() -> Result<String, Error> {
    let run = Run::new(["locale", "-a"]).parsed();
    run.succeed().map_err(|source| locale_error(LocaleError::Listing { source }))
}

fn origin(name: &str, context: &mut Context<'_>) -> Result<Origin, Error> {
    if context.mode == Mode::Plan && context.overlay.value(&key(name)).is_some() {
        return Ok(Origin::Present);
    }
    if text::lists(&listing()?, name) {
        return Ok(Origin::Present);
    }
    let planned = |package: &str| {
        context.mode == Mode::Plan && matches!(context.overlay.package(package), Some(Some(_)))
    };
    let language = name.split(['_', '.', '@']).next().unwrap_or_default();
    let langpack = format!("glibc-langpack-{language}");
    if [langpack.as_str(), "glibc-all-langpacks", "glibc-locale", "locales-all"].into_iter().any(planned) {
        return Ok(Origin::Present);
    }
    if command::find("locale-gen").is_none() {
        if planned("locales") {
            return Ok(Origin::Generated(None));
        }
        let hint = match context.node.facts.platform.family.as_str() {
            "debian" => "install the package `locales` before".to_owned(),
            "rhel" | "fedora" => format!("install the package `{langpack}` before"),
            "suse" => "install the package `glibc-locale` before".to_owned(),
            _ => "install what brings the locales of this distribution before".to_owned(),
        };
        return match context.opaque() {
            Some(because) => Ok(Origin::Unknown(because)),
            None => Err(locale_error(LocaleError::Missing { name: name.to_owned(), hint })),
        };
    }
    let supported = fs::read_to_string(SUPPORTED).unwrap_or_default();
    match (text::supported(&supported, name), context.opaque()) {
        (Some(entry), _) => Ok(Origin::Generated(Some(entry))),
        (None, Some(because)) => Ok(Origin::Unknown(because)),
        (None, None) => Err(locale_error(LocaleError::Unsupported { name: name.to_owned() })),
    }
}

/// Generates what `/etc/locale.gen` lists and is not there. The program's status says little, so that is looked at.
fn generate(names: &[&str]) -> Result<(), Error> {
    if names.is_empty() {
        return Ok(());
    }
    let output = Run::new(["locale-gen", "--keep-existing"])
        .succeed()
        .map_err(|source| SystemError::Tool { what: "locales cannot be generated".to_owned(), source })?;
    let listing = listing()?;
    match names.iter().find(|name| !text::lists(&listing, name)) {
        Some(name) => Err(locale_error(LocaleError::Generate {
            name: (*name).to_owned(),
            output: output.trim().to_owned(),
        })),
        None => Ok(()),
    }
}
