//! Whether a stack file still says what it said, without keeping what it says: attributes may hold secrets.

use std::collections::{BTreeMap, BTreeSet};

use engine_model::Stack;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A digest of each part of a stack: of each key, and of each entry where a key has several with names.
pub(crate) fn digests(stack: &Stack, key: &[u8; 32]) -> BTreeMap<String, String> {
    let mut parts = BTreeMap::new();
    // A stack is made of what can be written as JSON.
    let Ok(Value::Object(keys)) = serde_json::to_value(stack) else { return parts };
    for (name, value) in keys {
        let Value::Array(entries) = &value else {
            parts.insert(name, digest(key, &value));
            continue;
        };
        let names: Vec<&Value> = entries.iter().map(|entry| &entry["name"]).collect();
        for entry in entries {
            let part = match &entry["name"] {
                Value::String(entry) => format!("{name}.{entry}"),
                _ => name.clone(),
            };
            parts.insert(part, digest(key, entry));
        }
        // Which there are, and in which order.
        parts.insert(name.clone(), digest(key, &serde_json::json!([names, entries.len()])));
    }
    parts
}

/// The first part that is not what it was; the most exact one.
pub(crate) fn moved(then: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Option<String> {
    let all: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
    let moved: Vec<&String> = all.into_iter().filter(|part| then.get(*part) != now.get(*part)).collect();
    let exact = moved.iter().find(|part| part.contains('.')).or(moved.first());
    exact.map(|part| (*part).clone())
}

fn digest(key: &[u8; 32], value: &Value) -> String {
    let digest: [u8; 32] = Sha256::new().chain_update(key).chain_update(value.to_string()).finalize().into();
    digest[..16].iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

#[cfg(test)]
mod tests {
    use engine_model::{Attributes, Layer};

    use super::*;

    const KEY: [u8; 32] = [1; 32];

    fn stack() -> Stack {
        let layer = |name: &str| Layer::new(name.parse().unwrap());
        Stack { layers: vec![layer("app"), layer("db")], ..Stack::new("demo".parse().unwrap()) }
    }

    #[test]
    fn what_has_changed_is_named_and_not_kept() {
        let then = digests(&stack(), &KEY);
        assert_eq!(moved(&then, &digests(&stack(), &KEY)), None);
        let mut secret = stack();
        let word = "correct-horse".to_owned();
        secret.layers[1].attributes =
            Attributes(serde_json::Map::from_iter([("password".to_owned(), word.clone().into())]));
        let now = digests(&secret, &KEY);
        assert_eq!(moved(&then, &now).as_deref(), Some("layers.db"));
        assert!(!serde_json::to_string(&now).unwrap().contains(&word));
        let mut swapped = stack();
        swapped.layers.reverse();
        assert_eq!(moved(&then, &digests(&swapped, &KEY)).as_deref(), Some("layers"));
        let mut renamed = stack();
        renamed.attributes = secret.layers[1].attributes.clone();
        assert_eq!(moved(&then, &digests(&renamed, &KEY)).as_deref(), Some("attributes"));
    }
}
