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
        Action::Install | Action::Upgrade => {
            if let Some(path) = &spec.source {
                match from_file(spec, path, manager, &present)? {
                    Found::Differences(differences) => differences,
                    Found::Unknown(because) => return Ok(Check::Unknown(because)),
                }
            } else {
                let asked = asked(spec, action, manager, &present);
                if let Some(because) = unforeseen(spec, &asked, manager, &present) {
                    return Ok(Check::Unknown(because));
                }
                refresh(spec, &asked, manager, &installed, resource, context)?;
                let present = Present { installed: &installed, context: &*context };
                from_repositories(spec, &asked, manager, &present)?
            }
        }
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

/// Names about which the repositories have to be asked.
fn asked<'r>(
    spec: &'r PackageSpec,
    action: Action,
    manager: &dyn Manager,
    present: &Present<'_, '_>,
) -> Vec<&'r str> {
    let wants = |name: &&str| match (&spec.version, present.version(name)) {
        (_, None) => true,
        (Some(version), Some(found)) => !manager.is_version(version, found),
        (None, Some(_)) => action == Action::Upgrade && !present.is_held(name),
    };
    spec.names.iter().map(String::as_str).filter(wants).collect()
}

/// Why a plan cannot know whether a package that is there would be upgraded.
fn unforeseen(
    spec: &PackageSpec,
    asked: &[&str],
    manager: &dyn Manager,
    present: &Present<'_, '_>,
) -> Option<String> {
    if present.context.mode == Mode::Apply || spec.version.is_some() {
        return None;
    }
    let overlay = present.context.overlay;
    asked.iter().find_map(|name| {
        let found = present.version(name)?;
        let before = if present.is_planned(name) { overlay.anything() } else { overlay.opaque() };
        let outdated = || manager.outdated(present.context).filter(|_| found != NEWEST);
        before.map(ToOwned::to_owned).or_else(outdated)
    })
}

/// Makes fresh in a run what is known of the repositories, if which version is newest matters. What is missing can often
/// be installed all the same if that fails.
fn refresh(
    spec: &PackageSpec,
    asked: &[&str],
    manager: &dyn Manager,
    installed: &Installed,
    resource: &Resource,
    context: &mut Context<'_>,
) -> Result<(), Error> {
    let upgrades = asked.iter().any(|name| installed.version(name).is_some());
    let tried = context.node.lists_tried && !upgrades;
    if context.mode == Mode::Plan || spec.version.is_some() || asked.is_empty() || tried {
        return Ok(());
    }
    context.node.lists_tried = true;
    match manager.outdated(context).map(|_| manager.refresh(resource, context)) {
        Some(Err(Error::Package(PackageError::Manager { .. }))) if !upgrades => Ok(()),
        Some(result) => result,
        None => Ok(()),
    }
}

fn from_repositories(
    spec: &PackageSpec,
    asked: &[&str],
    manager: &dyn Manager,
    present: &Present<'_, '_>,
) -> Result<Differences, Error> {
    let mut differences = Differences::default();
    if asked.is_empty() {
        return Ok(differences);
    }
    let candidates = manager.candidates(asked, present.context)?;
    let unsure = present.context.mode == Mode::Plan
        && spec.version.is_none()
        && (present.context.overlay.anything().is_some() || manager.outdated(present.context).is_some());
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
            let known = wanted.filter(|_| !unsure);
            differences.add(name, found, Some(known.map_or_else(|| NEWEST.to_owned(), Clone::clone)));
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
    if context.mode == Mode::Plan
        && let Some(because) = context.opaque().or_else(|| manager.outdated(context))
    {
        return Ok(Check::Unknown(because));
    }
    if context.mode == Mode::Apply && manager.outdated(context).is_some() {
        manager.refresh(resource, context)?;
    }
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
    use std::cell::Cell;

    use super::*;
    use crate::{overlay::Overlay, provider::tests::with_context};

    /// Knows `old` and `missing` in version 2, and of `old` that 1 is installed.
    #[derive(Default)]
    struct Fake {
        fresh: bool,
        refreshed: Cell<u32>,
        down: bool,
    }

    impl Manager for Fake {
        fn name(&self) -> &'static str {
            "fake"
        }

        fn installed(&self) -> Result<Installed, PackageError> {
            let mut installed = Installed::default();
            installed.versions.insert("old".to_owned(), "1".to_owned());
            Ok(installed)
        }

        fn candidates(&self, names: &[&str], _: &Context<'_>) -> Result<Vec<(String, String)>, PackageError> {
            Ok(names.iter().map(|name| ((*name).to_owned(), "2".to_owned())).collect())
        }

        fn file(&self, path: &str) -> Result<(String, String), PackageError> {
            Err(PackageError::NoFile { path: path.to_owned() })
        }

        fn outdated(&self, _: &Context<'_>) -> Option<String> {
            (!self.fresh && (self.refreshed.get() == 0 || self.down)).then(|| "the lists".to_owned())
        }

        fn refresh(&self, _: &Resource, _: &mut Context<'_>) -> Result<(), Error> {
            self.refreshed.set(self.refreshed.get() + 1);
            let source = crate::command::CommandError::Stopped { command: String::new() };
            let error = PackageError::Manager { what: String::new(), source };
            if self.down { Err(error.into()) } else { Ok(()) }
        }

        fn updates(&self, _: bool, _: &Resource, _: &mut Context<'_>) -> Result<Vec<manager::Update>, Error> {
            Ok(Vec::new())
        }

        fn carry_out(&self, _: &Transaction, _: &Resource, _: &mut Context<'_>) -> Result<(), Error> {
            Ok(())
        }
    }

    fn overlay(predictions: Vec<Prediction>) -> Overlay {
        let mut overlay = Overlay::default();
        overlay.record("the earlier one", predictions);
        overlay
    }

    fn package(name: &str, version: Option<&str>) -> PackageSpec {
        let version = version.map(ToOwned::to_owned);
        PackageSpec { names: vec![name.to_owned()], version, ..PackageSpec::default() }
    }

    /// Why an upgrade is unknown, or else the new versions.
    fn planned(manager: &Fake, spec: &PackageSpec, overlay: &Overlay) -> Result<Vec<String>, String> {
        let installed = manager.installed().unwrap();
        with_context(Mode::Plan, overlay, |context| {
            let present = Present { installed: &installed, context: &*context };
            let asked = asked(spec, Action::Upgrade, manager, &present);
            if let Some(because) = unforeseen(spec, &asked, manager, &present) {
                return Err(because);
            }
            let differences = from_repositories(spec, &asked, manager, &present).unwrap();
            Ok(differences.targets.into_iter().filter_map(|(_, version)| version).collect())
        })
    }

    #[test]
    fn a_plan_goes_by_lists_that_are_fresh_and_by_no_others() {
        let (fresh, old) = (Fake { fresh: true, ..Fake::default() }, Fake::default());
        let nothing = Overlay::default();
        assert_eq!(planned(&fresh, &package("old", None), &nothing), Ok(vec!["2".to_owned()]));
        assert_eq!(planned(&old, &package("old", None), &nothing), Err("the lists".to_owned()));
        assert_eq!(planned(&fresh, &package("missing", None), &nothing), Ok(vec!["2".to_owned()]));
        // That it would be installed is sure.
        assert_eq!(planned(&old, &package("missing", None), &nothing), Ok(vec![NEWEST.to_owned()]));
        assert_eq!(planned(&old, &package("old", Some("3")), &nothing), Ok(vec!["3".to_owned()]));
        assert_eq!(planned(&old, &package("old", Some("1")), &nothing), Ok(Vec::new()));
        assert_eq!(old.refreshed.get(), 0);
    }

    #[test]
    fn after_another_repository_nobody_knows_what_is_newest() {
        let fresh = Fake { fresh: true, ..Fake::default() };
        let repository = overlay(vec![Prediction::Anything]);
        let because = Err("the earlier one".to_owned());
        assert_eq!(planned(&fresh, &package("old", None), &repository), because);
        assert_eq!(planned(&fresh, &package("missing", None), &repository), Ok(vec![NEWEST.to_owned()]));
        assert_eq!(planned(&fresh, &package("old", Some("1")), &repository), Ok(Vec::new()));
        // Another package may upgrade this one, but is no repository.
        let other = overlay(vec![Prediction::Package("other".to_owned(), Some("1".to_owned()))]);
        assert_eq!(planned(&fresh, &package("old", None), &other), because);
        assert_eq!(planned(&fresh, &package("missing", None), &other), Ok(vec!["2".to_owned()]));
        // What an earlier resource would install in its newest version is as new as it gets.
        let same = overlay(vec![Prediction::Package("missing".to_owned(), Some(NEWEST.to_owned()))]);
        assert_eq!(planned(&Fake::default(), &package("missing", None), &same), Ok(Vec::new()));
    }

    #[test]
    fn a_run_fetches_old_lists_and_goes_on_without_them_where_something_is_only_missing() {
        let resource = Resource {
            id: engine_protocol::ResourceId(0),
            kind: "package".to_owned(),
            name: String::new(),
            origin: engine_protocol::resource::Origin { cookbook: String::new(), recipe: String::new() },
            actions: Vec::new(),
            spec: engine_protocol::Spec::Package(PackageSpec::default()),
            common: engine_protocol::resource::Common::default(),
        };
        let run = |manager: &Fake, names: [&str; 2], version| {
            let installed = manager.installed().unwrap();
            with_context(Mode::Apply, &Overlay::default(), |context| {
                let mut again = |name| {
                    let spec = package(name, version);
                    refresh(&spec, &[name], manager, &installed, &resource, context).is_ok()
                };
                names.map(&mut again)
            })
        };
        let old = Fake::default();
        assert_eq!((run(&old, ["missing", "old"], None), old.refreshed.get()), ([true, true], 1));
        let fixed = Fake::default();
        assert_eq!((run(&fixed, ["missing", "old"], Some("1")), fixed.refreshed.get()), ([true, true], 0));
        let down = Fake { down: true, ..Fake::default() };
        assert_eq!((run(&down, ["missing", "missing"], None), down.refreshed.get()), ([true, true], 1));
        assert_eq!((run(&down, ["missing", "old"], None), down.refreshed.get()), ([true, false], 3));
    }

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
