//! Units of systemd, looked at by `systemd-analyze verify` before they are put in place.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};

use engine_protocol::Mode;
use rustix::rand::{GetRandomFlags, getrandom};

use super::{ServiceError, unit_file};
use crate::{
    command::{CommandError, Run, Tail},
    files::{managed, state::State},
    provider::{Context, Error},
};

/// Verifies units of these names and contents; all are there when one of them is looked at.
///
/// In a plan, those that earlier resources would make are there as well, and what other changes before could mend is
/// no error.
pub fn verify(units: &[(&str, &str)], context: &mut Context<'_>) -> Result<(), Error> {
    let name = units.first().map_or("", |(name, _)| name);
    let unwritten = |source| ServiceError::Draft { name: name.to_owned(), source };
    let drafts = Drafts::new().map_err(unwritten)?;
    if context.mode == Mode::Plan {
        for (name, content) in foreseen(context)? {
            drafts.add(&name, &content).map_err(unwritten)?;
        }
    }
    let mut paths = Vec::new();
    for (name, content) in units {
        paths.push(drafts.add(name, content).map_err(unwritten)?);
    }
    let words = ["systemd-analyze", "verify", "--man=no"].into_iter();
    let run = Run::new(words.chain(paths.iter().map(String::as_str))).timeout(Duration::from_mins(1));
    let finished = match run.finish() {
        Ok(finished) => finished,
        Err(CommandError::Start { source, .. }) if source.kind() == ErrorKind::NotFound => {
            return Err(ServiceError::NoVerify { name: name.to_owned() }.into());
        }
        Err(source) => return Err(source.into()),
    };
    if finished.status.success() {
        return Ok(());
    }
    let output = finished.output.replace(&format!("{}/", drafts.0.display()), "");
    let problems: Vec<Problem<'_>> = problems(&output).collect();
    if !problems.is_empty() && problems.iter().all(|problem| may_be_mended(problem, context)) {
        return Ok(());
    }
    Err(ServiceError::Refused { name: name.to_owned(), output: Tail(output) }.into())
}

/// The operator's units that earlier resources would make.
fn foreseen(context: &mut Context<'_>) -> Result<Vec<(String, String)>, Error> {
    let entries = context.overlay.entries(unit_file::OWN);
    let names: Vec<String> = entries.filter(|(_, there)| *there).map(|(name, _)| name.to_owned()).collect();
    let mut units = Vec::new();
    for name in names {
        let path = format!("{}/{name}", unit_file::OWN);
        if let State::File { body, .. } = managed::look(context, &path)? {
            units.push((name, unit_file::text(&body, &path)?));
        }
    }
    Ok(units)
}

/// Something that makes `systemd-analyze verify` fail.
#[derive(Debug, PartialEq, Eq)]
enum Problem<'o> {
    /// This program is not there.
    NoProgram(&'o str),
    /// Another unit is not there.
    NoUnit,
    /// Anything else.
    Other,
}

/// What systemd says of units: of what it ignores, it would say nothing but a warning.
fn problems(output: &str) -> impl Iterator<Item = Problem<'_>> {
    let lines =
        output.lines().filter(|line| !line.is_empty() && !line.to_ascii_lowercase().contains("ignoring"));
    lines.map(|line| {
        let program =
            line.split_once(": Command ").and_then(|(_, rest)| rest.split_once(" is not executable: "));
        match program {
            Some((program, "No such file or directory")) => Problem::NoProgram(program),
            None if line.ends_with(" not found.") || line.contains(" not loaded,") => Problem::NoUnit,
            _ => Problem::Other,
        }
    })
}

/// Whether an earlier resource of the plan would bring what is missing.
fn may_be_mended(problem: &Problem<'_>, context: &Context<'_>) -> bool {
    let opaque = context.opaque().is_some();
    match problem {
        Problem::NoProgram(program) => {
            let foreseen = context.overlay.path(program);
            let there = matches!(foreseen, Some(State::File { .. } | State::Link(_)));
            context.mode == Mode::Plan && (opaque || there || context.overlay.is_created(program))
        }
        Problem::NoUnit => opaque,
        Problem::Other => false,
    }
}

/// A directory of units that goes when this is dropped. It is in memory, so that a plan writes nothing to a disk.
struct Drafts(PathBuf);

impl Drafts {
    fn new() -> std::io::Result<Self> {
        let mut random = [0; 8];
        getrandom(&mut random, GetRandomFlags::empty())?;
        let path = Path::new("/run").join(format!("engine-units-{:016x}", u64::from_ne_bytes(random)));
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    fn add(&self, name: &str, content: &str) -> std::io::Result<String> {
        let path = self.0.join(name);
        fs::write(&path, content)?;
        Ok(path.to_string_lossy().into_owned())
    }
}

impl Drop for Drafts {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{command, overlay::Overlay, provider::tests::with_context};

    // All output is what systemd-analyze 252 of Debian 12 printed.

    #[test]
    fn missing_programs_are_named() {
        let output = "nobin.service:3: Unknown key 'ExecStrat' in section [Service], ignoring.\n\
                      nobin.service:4: Missing '=', ignoring line.\n\
                      nobin.service: Command /opt/nothere is not executable: No such file or directory\n";
        assert_eq!(problems(output).collect::<Vec<_>>(), [Problem::NoProgram("/opt/nothere")]);
    }

    #[test]
    fn what_a_refused_unit_has_in_it_is_shown_of_no_sensitive_resource() {
        let units = [("engine-test.service", "[Service]\nExecStart=/hunter2 --password\n")];
        let error = with_context(Mode::Apply, &Overlay::default(), |context| verify(&units, context));
        let error = error.unwrap_err();
        let shown = error.to_string();
        // Without the program there is another error, which quotes nothing.
        assert_eq!(shown.contains("hunter2"), command::find("systemd-analyze").is_some(), "{shown}");
        assert_eq!(error.may_quote(), shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn missing_units_are_told_from_what_no_other_resource_can_mend() {
        let output = "dep.service: Failed to create dep.service/start: Unit missing.service not found.\n\
                      s.socket: service s.service not loaded, socket cannot be started.\n\
                      t.timer:2: Failed to parse calendar specification, ignoring: nonsense\n\
                      t.timer: Timer unit lacks value setting. Refusing.\n\
                      Unit t.timer has a bad unit file setting.\n";
        let expected = [Problem::NoUnit, Problem::NoUnit, Problem::Other, Problem::Other];
        assert_eq!(problems(output).collect::<Vec<_>>(), expected);
    }
}
