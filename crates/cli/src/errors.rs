//! What goes wrong before a run, and how it is said: `error:`, what follows from it, `hint:`.

use std::process::ExitCode;

use engine_contract::visible;
use engine_manifest::{Diagnostics, EditError, FindError, LoadError, WriteError};

/// Exit status when something that was asked for failed.
pub(crate) const FAILED: u8 = 1;
/// Exit status when what was asked for makes no sense.
pub(crate) const USAGE: u8 = 2;
/// Exit status after Ctrl-C, as shells have it: 128 + SIGINT.
pub(crate) const STOPPED: u8 = 130;

/// A reason to end without having done what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    messages: Vec<String>,
    hint: Option<String>,
    /// Ready for the screen, instead of messages.
    rendered: Option<String>,
}

#[allow(clippy::needless_pass_by_value)] // Texts and errors alike, without an `&` at every call.
impl Failure {
    /// What was asked for failed.
    pub(crate) fn failed(message: impl ToString) -> Self {
        Failure { code: FAILED, messages: vec![message.to_string()], hint: None, rendered: None }
    }

    /// What was asked for makes no sense.
    pub(crate) fn usage(message: impl ToString) -> Self {
        Failure { code: USAGE, ..Failure::failed(message) }
    }

    /// The same with another exit status.
    pub(crate) fn with_code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }

    /// What to do next.
    pub(crate) fn hint(mut self, hint: impl ToString) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// Prints it and says with which status to end.
    pub(crate) fn report(&self) -> ExitCode {
        if let Some(rendered) = &self.rendered {
            anstream::eprintln!("{}", rendered.trim_end());
        }
        for message in &self.messages {
            error(message);
        }
        if let Some(text) = &self.hint {
            hint(text);
        }
        ExitCode::from(self.code)
    }
}

/// Prints an error. It may quote a cookbook or a node.
pub(crate) fn error(message: &str) {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    anstream::eprintln!("{style}error{style:#}: {}", visible::lines(message));
}

/// Prints what to do next.
pub(crate) fn hint(text: &str) {
    let style = anstyle::AnsiColor::Cyan.on_default().bold();
    anstream::eprintln!("{style}hint{style:#}: {}", visible::lines(text));
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Self {
        Failure { code: USAGE, messages: Vec::new(), hint: None, rendered: Some(diagnostics.render(true)) }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Invalid(diagnostics) => Failure::from(*diagnostics),
            other => Failure::usage(other),
        }
    }
}

impl From<EditError> for Failure {
    fn from(error: EditError) -> Self {
        match error {
            EditError::Invalid(diagnostics) => {
                let rendered = diagnostics.render(true);
                Failure { rendered: Some(rendered), ..Failure::usage("the stack file is left as it was") }
            }
            other => Failure::usage(other),
        }
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Exists { .. } => Failure::usage(error),
            WriteError::System { .. } | WriteError::Changed { .. } => Failure::failed(error),
        }
    }
}

impl From<FindError> for Failure {
    fn from(error: FindError) -> Self {
        Failure::usage(format!("there is no stack `{}` here", error.stack)).hint(error.hint())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Failure::failed(format!("{error:#}"))
    }
}
