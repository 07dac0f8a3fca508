//! What a cookbook says of itself, readable without running it.

use std::collections::BTreeMap;

use engine_protocol::Grants;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    diagnose::did_you_mean,
    error::{Code, ContractError},
};

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
    /// Version of the WIT package `engine:cookbook` that the component is built against; filled in when it is packed.
    #[serde(default)]
    pub wit: Option<semver::Version>,
    /// Its recipes.
    pub recipes: BTreeMap<String, RecipeMetadata>,
    /// Resources of its own making that recipes of any cookbook can declare (Chef's custom resources).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resources: BTreeMap<String, ResourceMetadata>,
    /// The attributes it reads, by dotted path.
    #[serde(default)]
    pub attributes: BTreeMap<String, AttributeMetadata>,
    /// What it asks the operator to grant.
    #[serde(default)]
    pub capabilities: Grants,
}

/// A recipe, as its cookbook describes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipeMetadata {
    /// What it does.
    #[serde(default)]
    pub description: String,
}

/// A resource of a cookbook's own making, as the cookbook describes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceMetadata {
    /// What it stands for.
    #[serde(default)]
    pub description: String,
    /// What can be said of it.
    #[serde(default)]
    pub properties: BTreeMap<String, ResourceProperty>,
}

/// A property of such a resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceProperty {
    /// The type that its value must have.
    #[serde(rename = "type")]
    pub value_type: AttributeType,
    /// The value it has if nothing is said.
    #[serde(default)]
    pub default: Option<Value>,
    /// Whether something must be said.
    #[serde(default)]
    pub required: bool,
    /// What it is for.
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
    /// A default of another type than the property's, or one that would never be used.
    #[error("property `{property}` of the resource `{resource}`: {problem}")]
    Property {
        /// The resource.
        resource: String,
        /// Its property.
        property: String,
        /// What is wrong with it.
        problem: String,
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
        for name in std::iter::once(&self.name).chain(self.recipes.keys()).chain(self.resources.keys()) {
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
        for (name, resource) in &self.resources {
            resource.validate(name)?;
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

impl ResourceMetadata {
    fn validate(&self, name: &str) -> Result<(), MetadataError> {
        for (property, said) in &self.properties {
            let problem = match &said.default {
                Some(_) if said.required => "what must be said needs no default".to_owned(),
                Some(default) if !said.value_type.admits(default) => {
                    format!("it is declared as {}, but its default is {default}", said.value_type.name())
                }
                _ => continue,
            };
            return Err(MetadataError::Property {
                resource: name.to_owned(),
                property: property.clone(),
                problem,
            });
        }
        Ok(())
    }

    /// What the cookbook is to be given of what a recipe said: an object with all properties that have a value.
    pub fn complete(&self, given: &Value) -> Result<Value, ContractError> {
        let Value::Object(given) = given else {
            let message = format!("the properties are {given}, but an object is wanted");
            return Err(ContractError::new(Code::InvalidValue, message));
        };
        let invalid =
            |property: &str, message: String| ContractError::new(Code::InvalidValue, message).on(property);
        let mut complete = serde_json::Map::new();
        for (name, value) in given {
            let Some(said) = self.properties.get(name) else {
                let known: Vec<&str> = self.properties.keys().map(String::as_str).collect();
                return Err(invalid(name, format!("there is no such property{}", did_you_mean(name, known))));
            };
            if !said.value_type.admits(value) {
                return Err(invalid(
                    name,
                    format!("it is {value}, but {} is wanted", said.value_type.name()),
                ));
            }
            complete.insert(name.clone(), value.clone());
        }
        for (name, said) in &self.properties {
            match &said.default {
                _ if complete.contains_key(name) => {}
                Some(default) => drop(complete.insert(name.clone(), default.clone())),
                None if said.required => return Err(invalid(name, "it must be given".to_owned())),
                None => {}
            }
        }
        Ok(Value::Object(complete))
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

    #[test]
    fn properties_of_a_resource_are_completed_and_checked() {
        let site: ResourceMetadata = serde_json::from_value(json!({"properties": {
            "port": {"type": "integer", "default": 80},
            "root": {"type": "string", "required": true},
            "title": {"type": "string"},
        }}))
        .unwrap();
        let complete = site.complete(&json!({"root": "/srv"})).unwrap();
        assert_eq!(complete, json!({"port": 80, "root": "/srv"}));
        let message = |given| site.complete(&given).unwrap_err().to_string();
        assert_eq!(message(json!({"port": 1})), "root: it must be given");
        assert_eq!(message(json!({"root": 1})), "root: it is 1, but string is wanted");
        assert_eq!(message(json!({"rot": "/srv"})), "rot: there is no such property; did you mean `root`?");
        assert_eq!(message(json!([])), "the properties are [], but an object is wanted");
    }

    #[test]
    fn a_default_that_cannot_be_is_refused() {
        let mut bad = metadata();
        let site = json!({"properties": {"port": {"type": "integer", "default": "x"}}});
        bad.resources.insert("site".into(), serde_json::from_value(site).unwrap());
        assert!(matches!(bad.validate(), Err(MetadataError::Property { .. })));
    }
}
