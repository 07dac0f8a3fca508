//! apt, through `apt-get` and `apt-cache`.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant, SystemTime},
};

use engine_protocol::{Action, Change, Mode, Resource, resource::PackageSpec};

use super::{
    PackageError,
    dpkg::{Installed, lock_holder},
};
use crate::{
    command::{CommandError, Run},
    overlay::Prediction,
    provider::{Check, Context, Error, property, unsupported},
};

/// Package lists that are younger than this are not fetched again.
pub const FRESH: Duration = Duration::from_hours(1);

/// A transaction may take this long.
const TRANSACTION: Duration = Duration::from_hours(1);

/// Files whose age is the age of the package lists; the state directory has one more.
const STAMPS: [&str; 2] = ["/var/lib/apt/periodic/update-success-stamp", "/var/lib/apt/lists"];

/// The stamp in the agent's state directory: apt leaves no trace of a fetch that found nothing new.
const STAMP: &str = "apt-updated";

/// Checks packages.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r PackageSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    validate(spec)?;
    if context.node.packages.is_none() {
        context.node.packages = Some(Installed::read()?);
    }
    let installed = context.node.packages.clone().unwrap_or_default();
    let planning = context.mode == Mode::Plan;
    let is_installed = |name: &str| {
        let planned = if planning { context.overlay.package(name) } else { None };
        planned.unwrap_or_else(|| installed.version(name).is_some())
    };
    let (mut changes, mut targets, mut predictions) = (Vec::new(), Vec::new(), Vec::new());
    let mut change = |name: &str, new: Option<String>| {
        changes.push(property(name, installed.version(name).map(ToOwned::to_owned), new.clone()));
        predictions.push(Prediction::Package(name.to_owned(), new.is_some()));
        targets.push(name.to_owned());
    };
    match action {
        Action::Install | Action::Upgrade => {
            let asked: Vec<&str> = spec
                .names
                .iter()
                .map(String::as_str)
                .filter(|name| match (&spec.version, action) {
                    (Some(version), _) => {
                        !is_installed(name)
                            || installed.version(name).is_some_and(|present| present != version)
                    }
                    (None, Action::Upgrade) => true,
                    (None, _) => !is_installed(name),
                })
                .collect();
            if asked.is_empty() {
                return Ok(Check::UpToDate);
            }
            let candidates = candidates(&asked, context.mode)?;
            for name in asked {
                let candidate =
                    candidates.iter().find(|(known, _)| known == name).map(|(_, version)| version);
                let wanted = spec.version.clone().or_else(|| candidate.cloned());
                let same = installed.version(name).is_some() && installed.version(name) == wanted.as_deref();
                let kept = installed.version(name).is_some() && wanted.is_none();
                let planned = planning && context.overlay.package(name) == Some(true);
                let provided = wanted.is_none() && installed.is_provided(name);
                if !(same || kept || planned || provided) {
                    change(name, Some(wanted.unwrap_or_else(|| "newest".to_owned())));
                }
            }
        }
        Action::Remove => {
            spec.names.iter().filter(|name| is_installed(name)).for_each(|name| change(name, None));
        }
        Action::Purge => {
            let left = |name: &String| is_installed(name) || installed.has_configuration(name);
            spec.names.iter().filter(|name| left(name)).for_each(|name| change(name, None));
        }
        _ => return Err(unsupported(resource, action)),
    }
    if targets.is_empty() {
        return Ok(Check::UpToDate);
    }
    let verb = match action {
        Action::Install | Action::Upgrade => "install",
        Action::Remove => "remove",
        _ => "purge",
    };
    Ok(Check::differs(changes, predictions, move |context| {
        wait_for_lock(resource, context)?;
        let names: Vec<String> = targets
            .iter()
            .map(|name| match &spec.version {
                Some(version) if verb == "install" => format!("{name}={version}"),
                _ => name.clone(),
            })
            .collect();
        let what = format!("`apt-get {verb} {}`", names.join(" "));
        let mut arguments = vec![verb, "--"];
        if spec.version.is_some() && verb == "install" {
            arguments.insert(1, "--allow-downgrades");
        }
        arguments.extend(names.iter().map(String::as_str));
        let result = match transaction(&arguments, context).succeed() {
            Err(error) if verb == "install" && lists_may_be_old(&error) => {
                update(context)?;
                transaction(&arguments, context).succeed()
            }
            result => result,
        };
        result.map_err(|source| PackageError::Manager { what, source })?;
        Ok(Vec::new())
    }))
}

fn validate(spec: &PackageSpec) -> Result<(), PackageError> {
    let odd = |c: char| !(c.is_ascii_alphanumeric() || "+-.:".contains(c));
    for name in &spec.names {
        // apt-get reads a `-` or `+` at the end of a name as an instruction; `g++` is a name all the same.
        let instruction = name.ends_with('-') || (name.ends_with('+') && !name.ends_with("++"));
        let bad = name.is_empty() || !name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if bad || name.contains(odd) || instruction {
            return Err(PackageError::Name { name: name.clone() });
        }
    }
    let odd = |c: char| !(c.is_ascii_alphanumeric() || "+-.:~".contains(c));
    match &spec.version {
        Some(_) if spec.names.len() != 1 => Err(PackageError::OneVersion),
        Some(version) if version.is_empty() || version.contains(odd) => {
            Err(PackageError::Version { version: version.clone() })
        }
        _ => Ok(()),
    }
}

fn lists_may_be_old(error: &CommandError) -> bool {
    const SIGNS: [&str; 5] = [
        "Unable to locate package",
        "has no installation candidate",
        "Unable to fetch some archives",
        "was not found",
        "404  Not Found",
    ];
    let text = error.to_string();
    SIGNS.iter().any(|sign| text.contains(sign))
}

/// The newest versions that can be had.
fn candidates(names: &[&str], mode: Mode) -> Result<Vec<(String, String)>, PackageError> {
    let words = ["apt-cache"].iter().chain(read_only(mode)).chain(&["policy", "--"]).chain(names);
    let run = Run::new(words).parsed();
    let output = run
        .succeed()
        .map_err(|source| PackageError::Manager { what: "`apt-cache policy`".to_owned(), source })?;
    Ok(parse_policy(&output))
}

/// Even those programs of apt that only look keep what they made of the package lists in `/var/cache/apt`; in a plan
/// they must make it anew, which takes half a second, and forget it.
fn read_only(mode: Mode) -> &'static [&'static str] {
    match mode {
        Mode::Plan => &["-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="],
        Mode::Apply => &[],
    }
}

/// Reads names and candidates from the output of `apt-cache policy`.
pub fn parse_policy(output: &str) -> Vec<(String, String)> {
    let mut name = "";
    let mut candidates = Vec::new();
    for line in output.lines() {
        if let Some(heading) = line.strip_suffix(':').filter(|line| !line.starts_with(' ')) {
            name = heading;
        } else if let Some(version) =
            line.strip_prefix("  Candidate: ").filter(|version| *version != "(none)")
        {
            candidates.push((name.to_owned(), version.to_owned()));
        }
    }
    candidates
}

/// Reads package, old and new version from the output of a simulated upgrade.
pub fn parse_simulation(output: &str) -> Vec<(String, Option<String>, String)> {
    output
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.strip_prefix("Inst ")?.split_once(' ')?;
            let (old, rest) = match rest.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
                Some((old, rest)) => (Some(old.to_owned()), rest),
                None => (None, rest),
            };
            let new = rest.strip_prefix('(')?.split([' ', ')']).next()?;
            Some((name.to_owned(), old, new.to_owned()))
        })
        .collect()
}

/// Checks for pending updates. When changes may be made, lists that are not [`FRESH`] are fetched
/// before; a plan speaks of the lists that are there.
pub fn check_update<'r>(
    resource: &'r Resource,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    if action != Action::Update {
        return Err(unsupported(resource, action));
    }
    if context.mode == Mode::Apply && !lists_are_fresh(context) {
        wait_for_lock(resource, context)?;
        update(context)?;
    }
    let words = ["-s", "-o", "Debug::NoLocking=1", "upgrade", "--with-new-pkgs"];
    let words = ["apt-get"].iter().chain(read_only(context.mode)).chain(&words);
    let output = Run::new(words)
        .parsed()
        .succeed()
        .map_err(|source| PackageError::Manager { what: "`apt-get -s upgrade`".to_owned(), source })?;
    let changes: Vec<Change> = parse_simulation(&output)
        .into_iter()
        .map(|(name, old, new)| property(&name, old, Some(new)))
        .collect();
    if changes.is_empty() {
        return Ok(Check::UpToDate);
    }
    Ok(Check::differs(changes, vec![Prediction::Anything], move |context| {
        wait_for_lock(resource, context)?;
        transaction(&["upgrade", "--with-new-pkgs"], context)
            .succeed()
            .map_err(|source| PackageError::Manager { what: "`apt-get upgrade`".to_owned(), source })?;
        Ok(Vec::new())
    }))
}

fn transaction(arguments: &[&str], context: &Context<'_>) -> Run {
    let wait = format!("DPkg::Lock::Timeout={}", context.node.settings.lock_wait.as_secs());
    let options = [
        "apt-get",
        "-y",
        "-q",
        "-o",
        "Dpkg::Options::=--force-confdef",
        "-o",
        "Dpkg::Options::=--force-confold",
        "-o",
        &wait,
    ];
    Run::new(options.iter().chain(arguments)).env("DEBIAN_FRONTEND", "noninteractive").timeout(TRANSACTION)
}

fn update(context: &mut Context<'_>) -> Result<(), PackageError> {
    let run = transaction(&["-o", "APT::Update::Error-Mode=any", "update"], context);
    run.succeed().map_err(|source| PackageError::Manager { what: "`apt-get update`".to_owned(), source })?;
    // Without the stamp the lists are fetched again too early, which does no harm.
    let _ = fs::create_dir_all(&context.node.settings.state_dir);
    let _ = fs::write(context.node.settings.state_dir.join(STAMP), b"");
    Ok(())
}

fn lists_are_fresh(context: &Context<'_>) -> bool {
    let own = context.node.settings.state_dir.join(STAMP);
    let fresh = |path: &Path| {
        let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
        modified.is_ok_and(|time| SystemTime::now().duration_since(time).is_ok_and(|age| age < FRESH))
    };
    fresh(&own) || STAMPS.iter().any(|path| fresh(Path::new(path)))
}

/// Waits until no other package manager runs.
fn wait_for_lock(resource: &Resource, context: &mut Context<'_>) -> Result<(), Error> {
    let limit = context.node.settings.lock_wait;
    let deadline = Instant::now() + limit;
    let mut told = false;
    while let Some(holder) = lock_holder() {
        let seconds = limit.as_secs();
        if (context.stopping)() {
            return Err(Error::Stopped);
        }
        if Instant::now() >= deadline {
            return Err(PackageError::Locked { holder, seconds }.into());
        }
        if !told {
            let message = format!("the package lock, held by {holder}, for at most {seconds} s");
            context.waiting(resource, message);
            told = true;
        }
        thread::sleep(Duration::from_millis(250));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_read_from_policy() {
        let output = "nginx-light:\n  Installed: (none)\n  Candidate: 1.22.1-9+deb12u1\n  Version table:\n\
                      \x20    1.22.1-9+deb12u1 500\n        500 http://mirror.example/debian bookworm/main amd64 Packages\n\
                      awk:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n";
        assert_eq!(parse_policy(output), [("nginx-light".to_owned(), "1.22.1-9+deb12u1".to_owned())]);
    }

    #[test]
    fn a_simulated_upgrade_says_what_goes_from_what_to_what() {
        let output = "Reading package lists...\nThe following packages will be upgraded:\n  base-files\n\
            Inst base-files [12.4+deb12u5] (12.4+deb12u6 Debian:12.6/stable [amd64])\n\
            Inst linux-image-6.1.0-23-amd64 (6.1.99-1 Debian-Security:12/stable-security [amd64])\n\
            Conf base-files (12.4+deb12u6 Debian:12.6/stable [amd64])\n";
        assert_eq!(
            parse_simulation(output),
            [
                ("base-files".to_owned(), Some("12.4+deb12u5".to_owned()), "12.4+deb12u6".to_owned()),
                ("linux-image-6.1.0-23-amd64".to_owned(), None, "6.1.99-1".to_owned()),
            ]
        );
    }

    #[test]
    fn names_that_apt_would_take_for_instructions_are_refused() {
        let spec = |name: &str| PackageSpec { names: vec![name.to_owned()], ..PackageSpec::default() };
        for name in ["", "-y", "nginx-", "a=1", "a b", "nginx+", "a/b", "./x.deb"] {
            assert!(validate(&spec(name)).is_err(), "{name:?}");
        }
        for name in ["g++", "libstdc++6", "libc6:i386", "python3.11"] {
            assert!(validate(&spec(name)).is_ok(), "{name:?}");
        }
    }
}
