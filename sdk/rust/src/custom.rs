//! Resources of a cookbook's own making.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Context, Error, Result};

/// A custom resource and its name; [`cookbook!`](crate::cookbook!) makes the list of them.
#[derive(Debug, Clone, Copy)]
pub struct CustomResource {
    /// Its name, as recipes have it after `::`.
    pub name: &'static str,
    /// Declares what it stands for, from its properties as a JSON object.
    pub declare: fn(&mut Context, Value) -> Result<Value>,
}

/// For [`cookbook!`](crate::cookbook!): from JSON to what the function takes, and back.
#[doc(hidden)]
pub fn declare<P, R, F>(ctx: &mut Context, properties: Value, function: F) -> Result<Value>
where
    P: DeserializeOwned,
    R: Serialize,
    F: Fn(&mut Context, P) -> Result<R>,
{
    let invalid = |error: serde_json::Error| Error::new("invalid-value", error.to_string());
    let answer = function(ctx, serde_json::from_value(properties).map_err(invalid)?)?;
    serde_json::to_value(answer).map_err(invalid)
}
