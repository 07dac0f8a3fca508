//! Errors that speak of a resource and a property.

use std::fmt;

/// Something that a recipe said and that cannot stand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ContractError {
    /// What kind of error it is.
    pub code: Code,
    /// The resource in Chef's form, if it is about one: `file[/etc/motd]`.
    pub resource: Option<String>,
    /// The property, if it is about one.
    pub property: Option<String>,
    /// What is wrong and what to do.
    pub message: String,
}

/// Kinds of errors. They reach a cookbook as their [names](Code::name), a set that can grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// A value is not of the form that the property takes.
    InvalidValue,
    /// A property or argument is missing, or two exclude each other.
    InvalidResource,
    /// The type does not know the action.
    UnknownAction,
    /// There is no such resource, recipe, template or file.
    NotFound,
    /// The operator did not grant it.
    Denied,
    /// A limit was reached.
    LimitExceeded,
    /// The resource has been applied already (before a checkpoint) and can't be altered any more.
    AlreadyApplied,
    /// A template cannot be rendered.
    Template,
    /// A checkpoint was not reached: a resource before it failed.
    Stopped,
}

impl Code {
    /// The name that a cookbook sees.
    pub const fn name(self) -> &'static str {
        match self {
            Code::InvalidValue => "invalid-value",
            Code::InvalidResource => "invalid-resource",
            Code::UnknownAction => "unknown-action",
            Code::NotFound => "not-found",
            Code::Denied => "denied",
            Code::LimitExceeded => "limit-exceeded",
            Code::AlreadyApplied => "already-applied",
            Code::Template => "template",
            Code::Stopped => "stopped",
        }
    }
}

impl ContractError {
    /// An error that is about no resource.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        ContractError { code, resource: None, property: None, message: message.into() }
    }

    /// The same, about a resource.
    #[must_use]
    pub fn of(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// The same, about a property.
    #[must_use]
    pub fn on(mut self, property: impl Into<String>) -> Self {
        self.property = Some(property.into());
        self
    }
}

impl fmt::Display for ContractError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(resource) = &self.resource {
            write!(formatter, "{resource}: ")?;
        }
        if let Some(property) = &self.property {
            write!(formatter, "{property}: ")?;
        }
        formatter.write_str(&self.message)
    }
}
