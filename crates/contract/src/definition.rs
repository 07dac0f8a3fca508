//! How a resource type is described.

use engine_protocol::Action;

pub use crate::definitions::TYPES;

/// A resource type: what a recipe can declare.
#[derive(Debug)]
pub struct TypeDefinition {
    /// Name in Chef's spelling, for example `package_update`.
    pub name: &'static str,
    /// The capability it belongs to: the WIT interface's name and the key in the stack file's grants.
    pub capability: &'static str,
    /// Meaning, one or more sentences.
    pub documentation: &'static str,
    /// The argument that identifies a resource, if it has one.
    pub identity: Option<PropertyDefinition>,
    /// The actions it knows; the first is the default.
    pub actions: &'static [Action],
    /// Everything else that can be said of it.
    pub properties: &'static [PropertyDefinition],
    /// Statements of a recipe in Rust, where `ctx` is the context. The SDK's tests compile them.
    pub example: &'static str,
    /// Where it works.
    pub support: &'static [Support],
}

/// A tool or system that a resource type works with, and how that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Support(pub &'static str, pub Proof);

/// How it is known that something works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Tests apply it on real hosts.
    RealHosts,
    /// Its parts are tested, with real output of the tools, but no test applies it on a host.
    Fixtures,
}

/// A property of a resource type.
#[derive(Debug)]
pub struct PropertyDefinition {
    /// Name in Chef's spelling, for example `manage_home`.
    pub name: &'static str,
    /// What values it takes.
    pub value: ValueType,
    /// Meaning, units and default.
    pub documentation: &'static str,
}

/// What values a property takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// Text.
    Text,
    /// Text that is JSON.
    Json,
    /// Bytes.
    Bytes,
    /// A signed whole number.
    Integer,
    /// True or false.
    Boolean,
    /// Texts in order.
    TextList,
    /// Pairs of name and text, in order.
    TextMap,
    /// Whole numbers in order.
    IntegerList,
}

/// A value that a recipe gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Of [`ValueType::Text`] or [`ValueType::Json`].
    Text(String),
    /// Of [`ValueType::Bytes`].
    Bytes(Vec<u8>),
    /// Of [`ValueType::Integer`].
    Integer(i64),
    /// Of [`ValueType::Boolean`].
    Boolean(bool),
    /// Of [`ValueType::TextList`].
    TextList(Vec<String>),
    /// Of [`ValueType::TextMap`].
    TextMap(Vec<(String, String)>),
    /// Of [`ValueType::IntegerList`].
    IntegerList(Vec<i64>),
}

impl Value {
    /// Whether a property of that type takes the value.
    pub fn fits(&self, value_type: ValueType) -> bool {
        matches!(
            (self, value_type),
            (Value::Text(_), ValueType::Text | ValueType::Json)
                | (Value::Bytes(_), ValueType::Bytes)
                | (Value::Integer(_), ValueType::Integer)
                | (Value::Boolean(_), ValueType::Boolean)
                | (Value::TextList(_), ValueType::TextList)
                | (Value::TextMap(_), ValueType::TextMap)
                | (Value::IntegerList(_), ValueType::IntegerList)
        )
    }

    /// Bytes of text and data in the value, for the payload limit.
    pub fn payload_bytes(&self) -> usize {
        match self {
            Value::Text(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            Value::Integer(_) | Value::Boolean(_) => 8,
            Value::TextList(texts) => texts.iter().map(|text| text.len() + 8).sum(),
            Value::TextMap(pairs) => pairs.iter().map(|(name, text)| name.len() + text.len() + 16).sum(),
            Value::IntegerList(numbers) => numbers.len() * 8,
        }
    }
}

impl TypeDefinition {
    /// The type of that name.
    pub fn find(name: &str) -> Option<&'static TypeDefinition> {
        TYPES.iter().copied().find(|definition| definition.name == name)
    }

    /// The property of that name, the identity not among them.
    pub fn property(&self, name: &str) -> Option<&'static PropertyDefinition> {
        self.properties.iter().find(|property| property.name == name)
    }
}

/// The capability that has no resource types: to use secrets. Its interface stands in `cookbook.wit`.
pub const SECRETS: &str = "secrets";

/// The names of all capabilities, in the order of the WIT files.
pub fn capabilities() -> Vec<&'static str> {
    let mut names = capabilities_with_types();
    names.push(SECRETS);
    names
}

/// The names of those that have resource types, in the order of the WIT files.
pub fn capabilities_with_types() -> Vec<&'static str> {
    let mut names: Vec<&str> = TYPES.iter().map(|definition| definition.capability).collect();
    names.dedup();
    names
}
