//! What a cookbook says of itself, readable without running it.

use std::collections::BTreeMap;

use engine_protocol::Grants;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The cookbook that engine's own resources are of, for example the updates of a setup. They need no
/// grants, so no other cookbook may have the name.
pub const BUILT_IN: &str = "engine";

/// The content of `cookbook.toml`, and of the custom section `engine:metadata` as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// Name of the cookbook.
    pub name: String,
    /// Its version.
    pub version: semver::Version,
    /// One sentence on what it is for.
    #[serde(default)]
    pub description: String,
    /// SPDX expression.
    #[serde(default)]
    pub license: String,
    /// Version of the WIT package `engine:cookbook` it is built against; filled in when it is packed.
    #[serde(default = "wit_version")]
    pub wit: semver::Version,
    /// Its recipes.
    pub recipes: BTreeMap<String, RecipeMetadata>,
    /// The attributes it reads, by dotted path.
    #[serde(default)]
    pub attributes: BTreeMap<String, AttributeMetadata>,
    /// What it asks the operator to grant.
    #[serde(default)]
    pub capabilities: Grants,
}

fn wit_version() -> semver::Version {
    crate::WIT_VERSION.parse().expect("the version of the WIT package is a version")
}

/// A recipe, as its cookbook describes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipeMetadata {
    /// What it does.
    #[serde(default)]
    pub description: String,
}

/// An attribute, as its cookbook describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeMetadata {
    /// The type that its value must have.
    #[serde(rename = "type")]
    pub value_type: AttributeType,
    /// The value it has if nobody sets it; without one it may be absent.
    #[serde(default)]
    pub default: Option<Value>,
    /// What it is for.
    #[serde(default)]
    pub description: String,
}

/// Types of attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttributeType {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// True or false.
    Boolean,
    /// Values in order.
    Array,
    /// Values by key.
    Object,
}

impl AttributeType {
    /// Whether the value is of the type.
    pub fn admits(self, value: &Value) -> bool {
        match self {
            AttributeType::String => value.is_string(),
            AttributeType::Integer => value.is_i64() || value.is_u64(),
            AttributeType::Number => value.is_number(),
            AttributeType::Boolean => value.is_boolean(),
            AttributeType::Array => value.is_array(),
            AttributeType::Object => value.is_object(),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            AttributeType::String => "string",
            AttributeType::Integer => "integer",
            AttributeType::Number => "number",
            AttributeType::Boolean => "boolean",
            AttributeType::Array => "array",
            AttributeType::Object => "object",
        }
    }
}

/// What is wrong with a cookbook's metadata or with the attributes given to it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// A name that is not made of lower-case letters, digits, `-` and `_`.
    #[error("`{0}` is not a name: lower-case letters, digits, `-` and `_`, beginning with a letter")]
    Name(String),
    /// The name of what is built in.
    #[error("a cookbook cannot be named `{BUILT_IN}`: that is the name of what is built in")]
    Reserved,
    /// No recipe at all.
    #[error("the cookbook has no recipe")]
    NoRecipe,
    /// A default of another type than the attribute's.
    #[error("attribute `{path}` is declared as {expected}, but its default is {default}")]
    Default {
        /// The attribute's path.
        path: String,
        /// The declared type.
        expected: &'static str,
        /// The default as JSON.
        default: String,
    },
    /// A value of another type than the cookbook declares.
    #[error("attribute `{path}` must be of type {expected}, but is {value}")]
    Type {
        /// The attribute's path.
        path: String,
        /// The declared type.
        expected: &'static str,
        /// The value as JSON.
        value: String,
    },
}

impl Metadata {
    /// Checks what the types do not.
    pub fn validate(&self) -> Result<(), MetadataError> {
        for name in std::iter::once(&self.name).chain(self.recipes.keys()) {
            let good = name.starts_with(|first: char| first.is_ascii_lowercase())
                && name.len() <= 63
                && name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
            if !good {
                return Err(MetadataError::Name(name.clone()));
            }
        }
        if self.name == BUILT_IN {
            return Err(MetadataError::Reserved);
        }
        if self.recipes.is_empty() {
            return Err(MetadataError::NoRecipe);
        }
        for (path, attribute) in &self.attributes {
            if let Some(default) = &attribute.default
                && !attribute.value_type.admits(default)
            {
                return Err(MetadataError::Default {
                    path: path.clone(),
                    expected: attribute.value_type.name(),
                    default: default.to_string(),
                });
            }
        }
        Ok(())
    }

    /// The defaults as a tree.
    pub fn default_attributes(&self) -> Value {
        let mut tree = Value::Object(serde_json::Map::new());
        for (path, attribute) in &self.attributes {
            let Some(default) = &attribute.default else { continue };
            let mut place = &mut tree;
            for key in path.split('.') {
                if !place.is_object() {
                    *place = Value::Object(serde_json::Map::new());
                }
                place = &mut place[key];
            }
            *place = default.clone();
        }
        tree
    }

    /// Checks the attributes that the cookbook would see against the types it declares.
    pub fn check_attributes(&self, attributes: &Value) -> Result<(), MetadataError> {
        for (path, declared) in &self.attributes {
            let value = path.split('.').try_fold(attributes, |value, key| value.get(key));
            if let Some(value) = value
                && !declared.value_type.admits(value)
            {
                return Err(MetadataError::Type {
                    path: path.clone(),
                    expected: declared.value_type.name(),
                    value: value.to_string(),
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metadata() -> Metadata {
        serde_json::from_value(json!({
            "name": "nginx", "version": "1.2.3",
            "recipes": {"install": {"description": "Installs it."}},
            "attributes": {
                "nginx.port": {"type": "integer", "default": 80, "description": "TCP port"},
                "nginx.name": {"type": "string"},
            },
        }))
        .unwrap()
    }

    #[test]
    fn defaults_become_a_tree() {
        assert_eq!(metadata().default_attributes(), json!({"nginx": {"port": 80}}));
    }

    #[test]
    fn attributes_are_checked_against_their_types() {
        assert_eq!(metadata().check_attributes(&json!({"nginx": {"port": 1}})), Ok(()));
        let error = metadata().check_attributes(&json!({"nginx": {"port": "1"}})).unwrap_err();
        assert_eq!(error.to_string(), "attribute `nginx.port` must be of type integer, but is \"1\"");
    }

    #[test]
    fn bad_metadata_is_refused() {
        let mut bad = metadata();
        bad.name = "Nginx".into();
        assert!(matches!(bad.validate(), Err(MetadataError::Name(_))));
        let mut bad = metadata();
        bad.name = BUILT_IN.into();
        assert_eq!(bad.validate(), Err(MetadataError::Reserved));
        let mut bad = metadata();
        bad.recipes.clear();
        assert_eq!(bad.validate(), Err(MetadataError::NoRecipe));
        let mut bad = metadata();
        bad.attributes.get_mut("nginx.port").unwrap().default = Some(json!("x"));
        assert!(matches!(bad.validate(), Err(MetadataError::Default { .. })));
    }
}
