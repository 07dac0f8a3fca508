//! The provider of files in `/etc/sudoers.d`.
//!
//! `visudo` looks at the content alone before it goes live, in a plan as well, and afterwards at all files together. What
//! it does not like is taken back: with a mistake in one file, sudo works for nobody.

use engine_protocol::{Action, Mode, Resource, resource::SudoersSpec};

use super::{AccountError, sudoers_text};
use crate::{
    command::{self, CommandError, Run},
    files::{
        managed::{self, Managed},
        state::State,
    },
    provider::{Check, Context, Error, unsupported},
};

/// Where sudo begins to read.
const MAIN: &str = "/etc/sudoers";

/// Where the files are.
const DIRECTORY: &str = "/etc/sudoers.d";

/// sudo's package, of the same name in all distributions.
const PACKAGE: &str = "sudo";

/// Why a file for sudo could not be checked or applied.
#[derive(Debug, thiserror::Error)]
pub enum SudoersError {
    /// sudo is not installed.
    #[error("{path} cannot be looked at because `visudo` is missing; install the package `sudo` before")]
    NoSudo {
        /// The file.
        path: String,
    },
    /// sudo does not read the directory.
    #[error("{path} would have no effect: {MAIN} does not read it; add the line `@includedir {DIRECTORY}`")]
    NotIncluded {
        /// The file.
        path: String,
    },
    /// It is for nobody.
    #[error("{path} is for nobody; set `users` or `groups`")]
    Nobody {
        /// The file.
        path: String,
    },
    /// The content alone is wrong.
    #[error("{path} is left as it is, since sudo would not understand what it shall be:\n{output}")]
    Content {
        /// The file.
        path: String,
        /// What visudo says.
        output: String,
    },
    /// All files together are wrong.
    #[error(
        "{path} is as it was: with it, `visudo -c` does not accept all files of sudo together:\n{output}"
    )]
    Whole {
        /// The file.
        path: String,
        /// What visudo says.
        output: String,
    },
    /// All files together were wrong before.
    #[error(
        "{path} is as it was: `visudo -c` does not accept the files of sudo as they are; mend them first:\n{output}"
    )]
    Broken {
        /// The file.
        path: String,
        /// What visudo says.
        output: String,
    },
    /// visudo cannot be run.
    #[error("{path} cannot be looked at: {source}")]
    Visudo {
        /// The file.
        path: String,
        /// What happened.
        source: CommandError,
    },
}

/// Checks a file.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r SudoersSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let path = format!("{DIRECTORY}/{}", spec.name);
    let visudo = command::find("visudo").is_some();
    let file = match action {
        Action::Create if spec.users.is_empty() && spec.groups.is_empty() => {
            return Err(sudoers(SudoersError::Nobody { path }));
        }
        Action::Create => {
            let text = sudoers_text::render(spec);
            if visudo {
                refuse_mistakes(&path, &text)?;
                refuse_if_not_included(&path, context)?;
            }
            Managed::present(&path, text, 0o440)
        }
        Action::Delete => Managed::absent(&path),
        _ => return Err(unsupported(resource, action)),
    };
    let parts = if action == Action::Create && !visudo {
        let planned = context.mode == Mode::Plan && matches!(context.overlay.package(PACKAGE), Some(Some(_)));
        match (managed::look(context, &path)?, context.opaque()) {
            (State::NoParent(_), _) if planned => Some(file.compare_with_nothing(context)?),
            _ if planned => file.compare(context)?,
            (_, Some(because)) => return Ok(Check::Unknown(because)),
            (_, None) => return Err(sudoers(SudoersError::NoSudo { path })),
        }
    } else {
        file.compare(context)?
    };
    let Some((changes, predictions)) = parts else { return Ok(Check::UpToDate) };
    Ok(Check::differs(changes, predictions, move |context| {
        let before = managed::look(context, &path)?;
        file.put(context)?;
        if visudo && let Some(output) = complaint(&path, whole())? {
            Managed::as_it_was(&path, &before)?.put(context)?;
            let error = match complaint(&path, whole())? {
                None => SudoersError::Whole { path, output },
                Some(output) => SudoersError::Broken { path, output },
            };
            return Err(sudoers(error));
        }
        Ok(Vec::new())
    }))
}

fn sudoers(error: SudoersError) -> Error {
    AccountError::from(error).into()
}

/// All files together. With `-f` their modes are no matter, as they are none to sudo itself.
fn whole() -> Run {
    Run::new(["visudo", "-c", "-f", MAIN])
}

/// What visudo says against something; nothing if it accepts it.
fn complaint(path: &str, run: Run) -> Result<Option<String>, Error> {
    let finished =
        run.finish().map_err(|source| sudoers(SudoersError::Visudo { path: path.to_owned(), source }))?;
    Ok((!finished.status.success()).then(|| finished.output.trim_end().to_owned()))
}

fn refuse_mistakes(path: &str, text: &str) -> Result<(), Error> {
    match complaint(path, Run::new(["visudo", "-c", "-f", "-"]).input(text))? {
        None => Ok(()),
        Some(output) => Err(sudoers(SudoersError::Content { path: path.to_owned(), output })),
    }
}

fn refuse_if_not_included(path: &str, context: &mut Context<'_>) -> Result<(), Error> {
    let text = managed::read(context, MAIN)?.unwrap_or_default();
    if sudoers_text::includes(&String::from_utf8_lossy(&text), DIRECTORY) {
        return Ok(());
    }
    Err(sudoers(SudoersError::NotIncluded { path: path.to_owned() }))
}
