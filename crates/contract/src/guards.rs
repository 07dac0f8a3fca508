//! Conditions on resources: which there are, and what they take.

use engine_protocol::resource::Guard;

use crate::{
    definition::{Value, ValueType},
    error::{Code, ContractError},
    lower,
};

/// A function of a capability's interface that makes guards.
#[derive(Debug)]
pub struct GuardDefinition {
    /// The capability it belongs to.
    pub capability: &'static str,
    /// Name, for example `user_exists`.
    pub name: &'static str,
    /// Name of its argument.
    pub argument: &'static str,
    /// Type of its argument: text or a list of texts.
    pub value: ValueType,
    /// When it holds.
    pub documentation: &'static str,
    make: fn(Value) -> Option<Result<Guard, ContractError>>,
}

const fn text(
    capability: &'static str,
    name: &'static str,
    argument: &'static str,
    documentation: &'static str,
    make: fn(Value) -> Option<Result<Guard, ContractError>>,
) -> GuardDefinition {
    GuardDefinition { capability, name, argument, value: ValueType::Text, documentation, make }
}

/// Checks the text and makes a guard of it.
macro_rules! of_text {
    ($check:path, $argument:literal, $guard:expr) => {
        |value| match value {
            Value::Text(text) => Some($check($argument, &text).map(|()| $guard(text))),
            _ => None,
        }
    };
}

/// All of them; those of one capability stand together.
pub static GUARDS: &[GuardDefinition] = &[
    text(
        "packages",
        "installed",
        "name",
        "Holds if the package is installed.",
        of_text!(lower::plain, "name", |name| Guard::PackageInstalled { name }),
    ),
    text(
        "files",
        "exists",
        "path",
        "Holds if something is at the absolute path; a dangling link counts.",
        of_text!(lower::absolute, "path", |path| Guard::PathExists { path }),
    ),
    text(
        "services",
        "running",
        "name",
        "Holds if the service runs.",
        of_text!(lower::plain, "name", |name| Guard::ServiceRunning { name }),
    ),
    text(
        "services",
        "enabled",
        "name",
        "Holds if the service starts at boot.",
        of_text!(lower::plain, "name", |name| Guard::ServiceEnabled { name }),
    ),
    text(
        "users",
        "user_exists",
        "name",
        "Holds if the user exists.",
        of_text!(lower::plain, "name", |name| Guard::UserExists { name }),
    ),
    text(
        "groups",
        "group_exists",
        "name",
        "Holds if the group exists.",
        of_text!(lower::plain, "name", |name| Guard::GroupExists { name }),
    ),
    GuardDefinition {
        capability: "execute",
        name: "succeeds",
        argument: "argv",
        value: ValueType::TextList,
        documentation: "Holds if the command (program and arguments) exits with 0. It is run in a plan as well, so it must change nothing.",
        make: |value| match value {
            Value::TextList(argv) => Some(lower::arguments(&argv).map(|()| Guard::Command { argv })),
            _ => None,
        },
    },
    text(
        "network",
        "port_open",
        "address",
        "Holds if `host:port` accepts a TCP connection within 5 seconds.",
        of_text!(lower::address, "address", |address| Guard::PortOpen { address }),
    ),
    text(
        "network",
        "url_answers",
        "url",
        "Holds if a GET of the URL is answered with a status from 200 to 299 within 10 seconds. Redirects are not followed.",
        of_text!(lower::url, "url", |url| Guard::UrlAnswers { url }),
    ),
];

impl GuardDefinition {
    /// The definition of that name.
    pub fn find(name: &str) -> Option<&'static GuardDefinition> {
        GUARDS.iter().find(|guard| guard.name == name)
    }

    /// Makes a guard, if the value can stand.
    pub fn make(&self, value: Value) -> Result<Guard, ContractError> {
        (self.make)(value).unwrap_or_else(|| {
            Err(ContractError::new(Code::InvalidValue, "the value is of another type").on(self.argument))
        })
    }
}
