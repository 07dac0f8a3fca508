//! Services, units and schedules.

use engine_protocol::{
    Action, Spec,
    resource::{CronSpec, ServiceSpec, SystemdUnitSpec, TimerSpec},
};

use super::{Declared, Lowered, checks, invalid, missing};

/// The kinds of units, by the end of their name.
const UNITS: [&str; 8] = ["service", "socket", "timer", "mount", "path", "target", "slice", "automount"];

pub(super) fn service(declared: &Declared<'_>) -> Lowered<Spec> {
    Ok(Spec::Service(ServiceSpec { name: declared.name()? }))
}

pub(super) fn systemd_unit(declared: &Declared<'_>) -> Lowered<Spec> {
    let name = declared.file_name()?;
    if !name.rsplit_once('.').is_some_and(|(stem, kind)| !stem.is_empty() && UNITS.contains(&kind)) {
        return Err(invalid("name", "name the unit with its kind, such as `app.service`"));
    }
    let content = declared.text("content");
    if content.as_deref().is_none_or(str::is_empty) && declared.does(&[Action::Create]) {
        return Err(missing("content", "say what is in the unit file"));
    }
    Ok(Spec::SystemdUnit(SystemdUnitSpec { name, content, verify: declared.boolean_or("verify", true) }))
}

/// The command of a job; only what makes the job needs one.
fn command(declared: &Declared<'_>) -> Lowered<Vec<String>> {
    let argv = declared.texts("command");
    if declared.does(&[Action::Create]) || !argv.is_empty() {
        checks::arguments_of("command", &argv)?;
        argv.iter().try_for_each(|argument| checks::line("command", argument))?;
        if !argv[0].starts_with('/') {
            return Err(invalid("command", "name the program with its absolute path"));
        }
    }
    Ok(argv)
}

/// The variables of a job, in a file that somebody else reads.
fn environment(declared: &Declared<'_>) -> Lowered<Vec<(String, String)>> {
    let pairs = declared.environment("environment")?;
    for (name, value) in &pairs {
        checks::line("environment", value)?;
        let identifier = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.starts_with(|first: char| first.is_ascii_digit()) || !name.bytes().all(identifier) {
            let message = format!("`{}` is no name of a variable", name.escape_debug());
            return Err(invalid("environment", message));
        }
    }
    Ok(pairs)
}

pub(super) fn cron(declared: &Declared<'_>) -> Lowered<Spec> {
    const FIELDS: [&str; 5] = ["minute", "hour", "day", "month", "weekday"];
    const WORDS: [&str; 8] =
        ["@reboot", "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
    let name = declared.file_name()?;
    // cron(8) of Debian leaves files alone whose names have other characters.
    if name.contains(['.', '@', ':']) {
        return Err(invalid("name", "cron reads files only whose names have no `.`, `@` or `:`"));
    }
    let mut fields = Vec::new();
    for field in FIELDS {
        let text = declared.text(field);
        let good = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"*/,-~".contains(&byte))
        };
        if text.as_deref().is_some_and(|text| !good(text)) {
            return Err(invalid(field, "this is no field of crontab(5)"));
        }
        fields.push(text);
    }
    let schedule = match declared.text("time") {
        Some(_) if fields.iter().any(Option::is_some) => {
            return Err(missing("time", "set `time` or the five fields, not both"));
        }
        Some(word) if WORDS.contains(&word.as_str()) => word,
        Some(_) => return Err(invalid("time", "this is no word of crontab(5), such as `@daily`")),
        None => {
            let fields: Vec<&str> = fields.iter().map(|field| field.as_deref().unwrap_or("*")).collect();
            fields.join(" ")
        }
    };
    let (environment, mailto) = (environment(declared)?, declared.line("mailto")?);
    for (name, _) in &environment {
        match name.as_str() {
            "SHELL" => return Err(invalid("environment", "`SHELL` would read the command; it is always sh")),
            "MAILTO" => return Err(invalid("environment", "set `mailto` instead of `MAILTO`")),
            _ => {}
        }
    }
    // cron takes these off, and knows no escapes.
    if mailto.as_deref().is_some_and(|text| text.trim() != text || text.starts_with(['"', '\''])) {
        return Err(invalid("mailto", "it must not begin or end with a blank, or begin with a quote"));
    }
    Ok(Spec::Cron(CronSpec {
        name,
        schedule,
        user: declared.plain("user")?.unwrap_or_else(|| "root".to_owned()),
        argv: command(declared)?,
        environment,
        mailto,
    }))
}

pub(super) fn timer(declared: &Declared<'_>) -> Lowered<Spec> {
    let name = declared.file_name()?;
    if [".timer", ".service"].iter().any(|kind| name.ends_with(kind)) {
        return Err(invalid("name", "name it without extension; it is a timer and a service"));
    }
    let (on_calendar, on_boot_seconds) = (declared.line("on_calendar")?, declared.number("on_boot_seconds")?);
    let interval_seconds = declared.number("interval_seconds")?;
    let never = on_calendar.is_none() && on_boot_seconds.is_none() && interval_seconds.is_none();
    if never && declared.does(&[Action::Create]) {
        return Err(missing("on_calendar", "set `on_calendar`, `on_boot_seconds` or `interval_seconds`"));
    }
    if declared.boolean("persistent") && on_calendar.is_none() {
        return Err(invalid("persistent", "only starts of `on_calendar` can be missed"));
    }
    // systemd starts without a pause what has an interval of none.
    if interval_seconds == Some(0) {
        return Err(invalid("interval_seconds", "it has to be at least 1"));
    }
    Ok(Spec::Timer(TimerSpec {
        name,
        on_calendar,
        on_boot_seconds,
        interval_seconds,
        randomized_delay_seconds: declared.number("randomized_delay_seconds")?.unwrap_or(0),
        persistent: declared.boolean("persistent"),
        argv: command(declared)?,
        environment: environment(declared)?,
        user: declared.plain("user")?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::Value;

    fn cron_with(property: &'static str, value: Value) -> Lowered<Spec> {
        let command = ("command", Value::TextList(vec!["/bin/true".into()]));
        let declared = Declared {
            identity: Some(&Value::Text("job".into())),
            properties: &[command, (property, value)],
            actions: &[Action::Create],
        };
        cron(&declared)
    }

    fn variable(name: &str, value: &str) -> Lowered<Spec> {
        cron_with("environment", Value::TextMap(vec![(name.into(), value.into())]))
    }

    #[test]
    fn no_variable_of_a_job_decides_what_reads_its_command() {
        assert!(variable("SHELL", "/srv/evil").is_err());
        assert!(variable("MAILTO", "x").is_err());
        for bad in ["", "A B", "A=B", "1A", "A\nB", "A-B"] {
            assert!(variable(bad, "x").is_err(), "{bad:?}");
        }
        assert!(variable("A_1", "x").is_ok());
    }

    #[test]
    fn an_address_is_what_cron_can_read() {
        for bad in ["\"a\"", "'a", " a", "a ", "a\nb"] {
            assert!(cron_with("mailto", Value::Text(bad.into())).is_err(), "{bad:?}");
        }
        for good in ["", "root", "a@example.org,b@example.org"] {
            assert!(cron_with("mailto", Value::Text(good.into())).is_ok(), "{good:?}");
        }
    }
}
