//! Errors of recipes.

use std::fmt;

/// What recipes return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Something that cannot stand: what the engine refused, or what a recipe itself finds wrong.
///
/// ```
/// use engine_sdk::Error;
///
/// let error = Error::new("unsupported-platform", "this cookbook knows Debian only");
/// assert_eq!(error.to_string(), "this cookbook knows Debian only");
///
/// let error = Error::new("invalid-value", "`9` is no mode").of("file[/etc/motd]").on("mode");
/// assert_eq!(error.to_string(), "file[/etc/motd]: mode: `9` is no mode");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What kind of error: `invalid-value`, `invalid-resource`, `unknown-action`, `not-found`,
    /// `denied`, `limit-exceeded`, `already-applied`, `template`, `stopped`, `missing-attribute`,
    /// `invalid-attribute`, or a word of the recipe's own. The set can grow.
    pub code: String,
    /// The resource it is about, as in `file[/etc/motd]`.
    pub resource: Option<String>,
    /// The property, or the attribute's path, that it is about.
    pub property: Option<String>,
    /// What is wrong and what to do.
    pub message: String,
}

impl Error {
    /// An error that is about no resource.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Error { code: code.into(), resource: None, property: None, message: message.into() }
    }

    /// The same, about a resource.
    pub fn of(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// The same, about a property.
    pub fn on(mut self, property: impl Into<String>) -> Self {
        self.property = Some(property.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.resource, &self.property].into_iter().flatten() {
            formatter.write_str(part)?;
            formatter.write_str(": ")?;
        }
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
