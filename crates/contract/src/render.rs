//! A collection as a person reads it in a snapshot.

use std::fmt;

use engine_protocol::{Collection, Resource};
use serde_json::{Value, json};

/// A collection as text, the same for the same collection: for snapshots.
///
/// Values that are not set are left out, and so is what the resource's name says already.
pub fn render(collection: &Collection) -> String {
    collection.resources.iter().map(|resource| Rendered { collection, resource }.to_string()).collect()
}

struct Rendered<'a> {
    collection: &'a Collection,
    resource: &'a Resource,
}

impl fmt::Display for Rendered<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rendered { collection, resource } = self;
        write!(formatter, "{resource}")?;
        for (index, action) in resource.actions.iter().enumerate() {
            write!(formatter, "{} {action}", if index == 0 { "" } else { "," })?;
        }
        writeln!(formatter)?;

        let spec = serde_json::to_value(&resource.spec).map_err(|_| fmt::Error)?;
        let fields = spec.as_object().and_then(|spec| spec.values().next()).and_then(Value::as_object);
        for (name, value) in fields.into_iter().flatten() {
            write_field(formatter, name, value, &resource.name)?;
        }

        let common = &resource.common;
        for notification in &common.notifies {
            let target = collection.resources.iter().find(|resource| resource.id == notification.target);
            let target = target.map_or_else(|| "?".to_owned(), ToString::to_string);
            let timing = format!("{:?}", notification.timing).to_lowercase();
            writeln!(formatter, "  notifies: {} {target}, {timing}", notification.action)?;
        }
        for guard in &common.only_if {
            writeln!(formatter, "  only_if: {guard}")?;
        }
        for guard in &common.not_if {
            writeln!(formatter, "  not_if: {guard}")?;
        }
        if common.retries > 0 {
            writeln!(formatter, "  retries: {}, every {} s", common.retries, common.retry_delay_seconds)?;
        }
        if common.sensitive {
            writeln!(formatter, "  sensitive")?;
        }
        if common.ignore_failure {
            writeln!(formatter, "  ignore_failure")?;
        }
        if let Some(seconds) = common.timeout_seconds {
            writeln!(formatter, "  timeout: {seconds} s")?;
        }
        if common.confirm_seconds.is_some() {
            writeln!(formatter, "  confirm: true")?;
        }
        if let Some(mask) = common.umask {
            writeln!(formatter, "  umask: {mask:04o}")?;
        }
        Ok(())
    }
}

#[allow(clippy::match_same_arms)] // One arm for each reason to leave a field out.
fn write_field(formatter: &mut fmt::Formatter<'_>, name: &str, value: &Value, known: &str) -> fmt::Result {
    match (name, value) {
        (_, Value::Null | Value::Bool(false)) => Ok(()),
        ("names" | "argv", _) => Ok(()),
        (_, Value::Array(values)) if values.is_empty() && name != "content" => Ok(()),
        // What is zero, empty or `false` in the protocol was not asked for.
        (_, Value::Number(number)) if number.as_u64() == Some(0) && name != "mode" => Ok(()),
        ("returns", value) if *value == json!([0]) => Ok(()),
        (_, Value::String(text)) if text.is_empty() || text == known => Ok(()),
        ("access" | "process" | "verify", Value::Object(parts)) => {
            parts.iter().try_for_each(|(name, value)| write_field(formatter, name, value, known))
        }
        ("mode", Value::Number(mode)) => writeln!(formatter, "  mode: {:04o}", mode.as_u64().unwrap_or(0)),
        ("content", Value::Array(bytes)) => {
            let bytes: Vec<u8> =
                bytes.iter().filter_map(Value::as_u64).filter_map(|byte| u8::try_from(byte).ok()).collect();
            write_content(formatter, &bytes)
        }
        (_, Value::String(text)) => writeln!(formatter, "  {name}: {text}"),
        (_, value) => writeln!(formatter, "  {name}: {value}"),
    }
}

fn write_content(formatter: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return writeln!(formatter, "  content: {} bytes", bytes.len());
    };
    if text.is_empty() {
        return writeln!(formatter, "  content: empty");
    }
    writeln!(formatter, "  content:")?;
    for line in text.lines() {
        writeln!(formatter, "    | {line}")?;
    }
    if !text.ends_with('\n') {
        writeln!(formatter, "    (no line break at the end)")?;
    }
    Ok(())
}
