//! Names of recipes, in Chef's form.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::name::{Name, NameError};

/// `cookbook::recipe`; a bare `cookbook` means its recipe `default`, as in Chef.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecipeName {
    /// The cookbook.
    pub cookbook: Name,
    /// The recipe in it.
    pub recipe: Name,
}

/// Why a text is not a [`RecipeName`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a recipe: {source}; write `cookbook::recipe`")]
pub struct RecipeNameError {
    /// The text.
    pub text: String,
    /// What is wrong with its parts.
    pub source: NameError,
}

impl FromStr for RecipeName {
    type Err = RecipeNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (cookbook, recipe) = text.split_once("::").unwrap_or((text, "default"));
        let part =
            |part: &str| part.parse().map_err(|source| RecipeNameError { text: text.to_owned(), source });
        Ok(RecipeName { cookbook: part(cookbook)?, recipe: part(recipe)? })
    }
}

impl TryFrom<String> for RecipeName {
    type Error = RecipeNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<RecipeName> for String {
    fn from(name: RecipeName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for RecipeName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}::{}", self.cookbook, self.recipe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_cookbook_means_its_default_recipe() {
        assert_eq!("nginx".parse::<RecipeName>().unwrap().to_string(), "nginx::default");
        assert_eq!("nginx::site".parse::<RecipeName>().unwrap().to_string(), "nginx::site");
        assert!("nginx::".parse::<RecipeName>().is_err());
        assert!("a::b::c".parse::<RecipeName>().is_err());
    }
}
