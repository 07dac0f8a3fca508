//! Attributes: the data with which an operator steers recipes. Chef's attributes, OpsWorks' custom JSON.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A tree of values. Keys are sorted, so that the same attributes are always the same bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attributes(pub Map<String, Value>);

impl Attributes {
    /// Lays `over` on top: tables are merged key by key, anything else is replaced.
    ///
    /// Precedence, lowest first: cookbook default, stack, layers in stack-file order, run.
    pub fn overlay(&mut self, over: &Attributes) {
        merge(&mut self.0, &over.0);
    }

    /// The value at a path of keys.
    pub fn get<K: AsRef<str>>(&self, path: &[K]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.0.get(first.as_ref())?, |value, key| value.get(key.as_ref()))
    }
}

fn merge(base: &mut Map<String, Value>, over: &Map<String, Value>) {
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (Some(Value::Object(below)), Value::Object(above)) => merge(below, above),
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn attributes(value: Value) -> Attributes {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn tables_merge_and_everything_else_is_replaced() {
        let mut base = attributes(json!({"nginx": {"port": 80, "hosts": ["a"]}, "x": {"y": 1}}));
        base.overlay(&attributes(json!({"nginx": {"hosts": ["b"]}, "x": 2})));
        assert_eq!(base, attributes(json!({"nginx": {"port": 80, "hosts": ["b"]}, "x": 2})));
        assert_eq!(base.get(&["nginx", "port"]), Some(&json!(80)));
        assert_eq!(base.get(&["nginx", "port", "deeper"]), None);
        assert_eq!(base.get::<&str>(&[]), None);
    }
}
