//! Names of stacks, layers, instances, apps and cookbooks.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A name: lower-case letters, digits, `-` and `_`, beginning with a letter, at most 63 characters.
///
/// That makes every name usable as a host name label's relative, a file name and a TOML bare key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// Why a text is not a [`Name`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a name: {problem}")]
pub struct NameError {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl Name {
    /// Longest name, in characters.
    pub const MAXIMUM_LENGTH: usize = 63;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let problem = if text.is_empty() {
            "it is empty"
        } else if text.len() > Self::MAXIMUM_LENGTH {
            "it is longer than 63 characters"
        } else if !text.starts_with(|first: char| first.is_ascii_lowercase()) {
            "it must begin with a lower-case letter"
        } else if !text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'))
        {
            "only lower-case letters, digits, `-` and `_` may be in it"
        } else {
            return Ok(Name(text.to_owned()));
        };
        Err(NameError { text: text.to_owned(), problem })
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for good in ["a", "app-1", "load_balancer"] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        for bad in ["", "1a", "App", "a b", "a/b", "ä", "-a", &"a".repeat(64)] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
    }
}
