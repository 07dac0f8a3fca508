//! What is the same for all package managers: what is missing, what would come of it, and that it did.

use engine_protocol::{
    Action, Change, Mode, Resource,
    resource::{PackageSpec, PackageUpdateSpec},
};

use super::{
    Installed, PackageError, installed,
    manager::{self, Manager, Transaction},
};
use crate::{
    overlay::Prediction,
    provider::{Check, Context, Error, property, unsupported},
};

/// What stands for a version that is not known before.
const NEWEST: &str = "newest";

/// The changes of one transaction.
#[derive(Default)]
struct Differences {
    changes: Vec<Change>,
    predictions: Vec<Prediction>,
    /// Names, and what their version shall be.
    targets: Vec<(String, Option<String>)>,
}

impl Differences {
    fn add(&mut self, name: &str, old: Option<&str>, new: Option<String>) {
        self.changes.push(property(name, old.map(ToOwned::to_owned), new.clone()));
        self.predictions.push(Prediction::Package(name.to_owned(), new.clone()));
        self.targets.push((name.to_owned(), new));
    }

    fn names(&self) -> Vec<String> {
        self.targets.iter().map(|(name, _)| name.clone()).collect()
    }
}

/// Packages as they are, or in a plan as earlier resources would leave them.
struct Present<'a, 'c> {
    installed: &'a Installed,
    context: &'a Context<'c>,
}

impl Present<'_, '_> {
    fn is_planned(&self, name: &str) -> bool {
        self.context.mode == Mode::Plan && self.context.overlay.package(name).is_some()
    }

    fn version(&self, name: &str) -> Option<&str> {
        match self.context.overlay.package(name) {
            Some(planned) if self.context.mode == Mode::Plan => planned,
            _ => self.installed.version(name),
        }
    }

    fn is_held(&self, name: &str) -> bool {
        match self.context.overlay.value(&hold_key(name)) {
            Some(planned) if self.context.mode == Mode::Plan => planned.is_some(),
            _ => self.installed.is_held(name),
        }
    }
}

fn hold_key(name: &str) -> String {
    format!("hold:{name}")
}

/// Checks packages.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r PackageSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    validate(spec)?;
    let manager = manager::of(context)?;
    let installed = installed(context)?.clone();
    let present = Present { installed: &installed, context: &*context };
    let differences = match action {
        Action::Install | Action::Upgrade => match &spec.source {
            Some(path) => match from_file(spec, path, manager, &present)? {
                Found::Differences(differences) => differences,
                Found::Unknown(because) => return Ok(Check::Unknown(because)),
            },
            None => from_repositories(spec, action, manager, &present)?,
        },
        Action::Remove | Action::Purge => to_remove(spec, action, &present),
        Action::Lock | Action::Unlock => {
            return check_hold(resource, spec, action == Action::Lock, manager, &present);
        }
        _ => return Err(unsupported(resource, action)),
    };
    if differences.targets.is_empty() {
        return Ok(Check::UpToDate);
    }
    let transaction = match (action, &spec.source) {
        (Action::Install | Action::Upgrade, Some(path)) => Transaction::InstallFile(path.clone()),
        (Action::Install | Action::Upgrade, None) => Transaction::Install(
            differences.names().into_iter().map(|name| (name, spec.version.clone())).collect(),
        ),
        (Action::Remove, _) => Transaction::Remove(differences.names()),
        _ => Transaction::Purge(differences.names()),
    };
    let Differences { changes, predictions, targets } = differences;
    Ok(Check::differs(changes, predictions, move |context| {
        manager.carry_out(&transaction, resource, context)?;
        let now = manager.installed()?;
        for (name, wanted) in &targets {
            proof(manager, &now, name, wanted.as_deref(), spec)?;
        }
        context.node.packages = Some(now);
        Ok(Vec::new())
    }))
}

/// A manager may end well without having done what it was asked for.
fn proof(
    manager: &dyn Manager,
    now: &Installed,
    name: &str,
    wanted: Option<&str>,
    spec: &PackageSpec,
) -> Result<(), PackageError> {
    let found = now.version(name);
    let good = match (wanted, found) {
        (None, None) => true,
        (Some(_), Some(found)) => {
            spec.version.as_ref().is_none_or(|version| manager.is_version(version, found))
        }
        (Some(_), None) => now.is_provided(name),
        (None, Some(_)) => false,
    };
    if good {
        return Ok(());
    }
    let word =
        |version: Option<&str>| version.map_or_else(|| "not installed".to_owned(), |v| format!("at {v}"));
    Err(PackageError::NotSo {
        manager: manager.name(),
        name: name.to_owned(),
        found: word(found),
        wanted: word(spec.version.as_deref().filter(|_| wanted.is_some()).or(wanted)),
    })
}

fn validate(spec: &PackageSpec) -> Result<(), PackageError> {
    let odd = |c: char| !(c.is_ascii_alphanumeric() || "+-._:~@".contains(c));
    for name in &spec.names {
        let bad = name.is_empty() || !name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        if bad || name.contains(odd) {
            return Err(PackageError::Name { name: name.clone() });
        }
    }
    let odd = |c: char| !(c.is_ascii_alphanumeric() || "+-._:~^".contains(c));
    match &spec.version {
        Some(version) if version.is_empty() || version.starts_with('-') || version.contains(odd) => {
            Err(PackageError::Version { version: version.clone() })
        }
        _ if spec.names.len() != 1 && (spec.version.is_some() || spec.source.is_some()) => {
            Err(PackageError::OneVersion)
        }
        _ => Ok(()),
    }
}

fn from_repositories(
    spec: &PackageSpec,
    action: Action,
    manager: &dyn Manager,
    present: &Present<'_, '_>,
) -> Result<Differences, Error> {
    let wants = |name: &&str| match (&spec.version, present.version(name)) {
        (_, None) => true,
        (Some(version), Some(found)) => !manager.is_version(version, found),
        (None, Some(_)) => action == Action::Upgrade && !present.is_held(name),
    };
    let asked: Vec<&str> = spec.names.iter().map(String::as_str).filter(wants).collect();
    let mut differences = Differences::default();
    if asked.is_empty() {
        return Ok(differences);
    }
    let candidates = manager.candidates(&asked, present.context)?;
    for name in asked {
        let candidate = candidates.iter().find(|(known, _)| known == name).map(|(_, version)| version);
        let wanted = spec.version.as_ref().or(candidate);
        let found = present.version(name);
        let as_wanted = match (found, wanted) {
            (Some(found), Some(wanted)) => manager.is_version(wanted, found),
            // There is nothing newer, or nobody knows of it.
            (Some(_), None) => true,
            (None, None) => present.installed.is_provided(name),
            (None, Some(_)) => false,
        };
        if !as_wanted && found != Some(NEWEST) {
            differences.add(name, found, Some(wanted.map_or_else(|| NEWEST.to_owned(), Clone::clone)));
        }
    }
    Ok(differences)
}

enum Found {
    Differences(Differences),
    Unknown(String),
}

fn from_file(
    spec: &PackageSpec,
    path: &str,
    manager: &dyn Manager,
    present: &Present<'_, '_>,
) -> Result<Found, Error> {
    let foreseen = present.context.mode == Mode::Plan
        && (present.context.overlay.is_created(path) || present.context.overlay.path(path).is_some());
    if foreseen || !std::path::Path::new(path).exists() {
        let because = present.context.overlay.first_change().map(ToOwned::to_owned);
        return match because {
            Some(because) if present.context.mode == Mode::Plan => Ok(Found::Unknown(because)),
            _ => Err(PackageError::NoFile { path: path.to_owned() }.into()),
        };
    }
    let (name, version) = manager.file(path)?;
    let mut differences = Differences::default();
    for wanted in &spec.names {
        // Grants are of names, so a file must not be another package than it is declared as.
        if *wanted != name {
            let (path, found) = (path.to_owned(), name.clone());
            return Err(PackageError::OtherPackage { path, found, wanted: wanted.clone() }.into());
        }
        let found = present.version(wanted);
        if found.is_none_or(|found| !manager.is_version(&version, found)) {
            differences.add(wanted, found, Some(version.clone()));
        }
    }
    Ok(Found::Differences(differences))
}

fn to_remove(spec: &PackageSpec, action: Action, present: &Present<'_, '_>) -> Differences {
    let mut differences = Differences::default();
    for name in &spec.names {
        let found = present.version(name);
        let left = !present.is_planned(name) && present.installed.has_configuration(name);
        if found.is_some() || (action == Action::Purge && left) {
            let old = found.or(left.then_some("configuration"));
            differences.add(name, old, None);
        }
    }
    differences
}

fn check_hold<'r>(
    resource: &'r Resource,
    spec: &'r PackageSpec,
    hold: bool,
    manager: &'static dyn Manager,
    present: &Present<'_, '_>,
) -> Result<Check<'r>, Error> {
    if let Some(reason) = manager.cannot_lock() {
        return Err(PackageError::Cannot { manager: manager.name(), reason }.into());
    }
    let differ = |name: &&String| present.is_held(name) != hold;
    let names: Vec<String> = spec.names.iter().filter(differ).cloned().collect();
    if names.is_empty() {
        return Ok(Check::UpToDate);
    }
    let word = |held: bool| Some(if held { "held" } else { "not held" }.to_owned());
    let changes = names.iter().map(|name| property(name, word(!hold), word(hold))).collect();
    let value = hold.then(String::new);
    let predictions = names.iter().map(|name| Prediction::Value(hold_key(name), value.clone())).collect();
    let transaction = if hold { Transaction::Lock(names) } else { Transaction::Unlock(names) };
    Ok(Check::differs(changes, predictions, move |context| {
        manager.carry_out(&transaction, resource, context)?;
        Ok(Vec::new())
    }))
}

/// Checks for pending updates.
pub fn check_update<'r>(
    resource: &'r Resource,
    spec: &'r PackageUpdateSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    if action != Action::Update {
        return Err(unsupported(resource, action));
    }
    let manager = manager::of(context)?;
    let updates = manager.updates(spec.security_only, resource, context)?;
    if updates.is_empty() {
        return Ok(Check::UpToDate);
    }
    let changes = updates
        .iter()
        .map(|update| property(&update.name, update.old.clone(), Some(update.new.clone())))
        .collect();
    let security_only = spec.security_only;
    Ok(Check::differs(changes, vec![Prediction::Anything], move |context| {
        let transaction = Transaction::Update { security_only, updates };
        manager.carry_out(&transaction, resource, context)?;
        // Known only once the updates are in.
        let reboot = manager.reboot_required();
        Ok(reboot
            .map(|why| Change::Output { text: format!("a reboot is needed: {why}\n") })
            .into_iter()
            .collect())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_tools_would_take_for_something_else_are_refused() {
        let spec = |name: &str| PackageSpec { names: vec![name.to_owned()], ..PackageSpec::default() };
        for name in ["", "-y", "a=1", "a b", "a/b", "./x.deb", "@group", "a>1"] {
            assert!(validate(&spec(name)).is_err(), "{name:?}");
        }
        for name in ["g++", "libstdc++6", "libc6:i386", "python3.11", "NetworkManager", "java-17-openjdk"] {
            assert!(validate(&spec(name)).is_ok(), "{name:?}");
        }
    }

    #[test]
    fn a_version_or_a_file_goes_with_one_name() {
        let names = vec!["a".to_owned(), "b".to_owned()];
        let versioned = PackageSpec { names: names.clone(), version: Some("1".into()), source: None };
        assert!(matches!(validate(&versioned), Err(PackageError::OneVersion)));
        let file = PackageSpec { names, version: None, source: Some("/x.deb".into()) };
        assert!(matches!(validate(&file), Err(PackageError::OneVersion)));
    }
}
