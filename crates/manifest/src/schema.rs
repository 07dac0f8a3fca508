//! The JSON Schema with which editors complete and check stack files.

use schemars::generate::SchemaSettings;

use crate::read::StackFile;

/// The schema of a stack file, made from the tables that reading uses.
///
/// Draft 7, which is what TOML language servers know.
pub fn schema() -> serde_json::Value {
    SchemaSettings::draft07().into_generator().into_root_schema_for::<StackFile>().to_value()
}
