//! The unit files of a timer, in the words of systemd.timer(5) and systemd.service(5).

use std::fmt::Write;

use engine_protocol::resource::TimerSpec;

/// When it starts the service.
///
/// It says so to the second: systemd would put starts off by up to a minute to wake the processor less often, which is
/// for laptops.
pub fn timer(spec: &TimerSpec) -> String {
    let mut text = head(spec, "Starts", "at its times");
    text.push_str("[Timer]\nAccuracySec=1s\n");
    if let Some(calendar) = &spec.on_calendar {
        line(&mut text, "OnCalendar", &specifiers(calendar));
    }
    if let Some(seconds) = spec.on_boot_seconds {
        line(&mut text, "OnBootSec", &format!("{seconds}s"));
    }
    if let Some(seconds) = spec.interval_seconds {
        // The interval counts from a start before; without any other cause there has to be a first one.
        if spec.on_calendar.is_none() && spec.on_boot_seconds.is_none() {
            line(&mut text, "OnActiveSec", &format!("{seconds}s"));
        }
        line(&mut text, "OnUnitActiveSec", &format!("{seconds}s"));
    }
    if spec.randomized_delay_seconds > 0 {
        line(&mut text, "RandomizedDelaySec", &format!("{}s", spec.randomized_delay_seconds));
    }
    if spec.persistent {
        line(&mut text, "Persistent", "true");
    }
    text.push_str("\n[Install]\nWantedBy=timers.target\n");
    text
}

/// What it starts.
pub fn service(spec: &TimerSpec) -> String {
    let mut text = head(spec, "Runs", "when its timer says");
    text.push_str("[Service]\nType=oneshot\n");
    if let Some(user) = &spec.user {
        line(&mut text, "User", &specifiers(user));
    }
    for (name, value) in &spec.environment {
        line(&mut text, "Environment", &quoted(&format!("{name}={value}")));
    }
    let mut words = spec.argv.iter();
    // Variables are put in place in arguments, not in the path of the program.
    let program = words.next().map(|program| quoted(program)).into_iter();
    let words: Vec<String> = program.chain(words.map(|word| quoted(&word.replace('$', "$$")))).collect();
    line(&mut text, "ExecStart", &words.join(" "));
    text
}

fn head(spec: &TimerSpec, does: &str, when: &str) -> String {
    let name = &spec.name;
    format!(
        "# Managed by engine: timer[{name}]. Changes made here are lost.\n[Unit]\nDescription={does} {} {when}\n\n",
        specifiers(name)
    )
}

fn line(text: &mut String, key: &str, value: &str) {
    let _ = writeln!(text, "{key}={value}");
}

/// A `%` begins what systemd fills in, such as the name of the host.
fn specifiers(text: &str) -> String {
    text.replace('%', "%%")
}

/// A word as systemd takes it apart (systemd.syntax(7)): in quotes, with its escapes.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:=@,+-$".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    let mut text = String::from("\"");
    for c in specifiers(word).chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '\t' => text.push_str("\\t"),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> TimerSpec {
        TimerSpec {
            name: "backup".into(),
            argv: ["/opt/my tools/backup", "100%", "$HOME", "say \"it's\\\"", "", ";", "--to=/srv"]
                .map(String::from)
                .into(),
            ..TimerSpec::default()
        }
    }

    #[test]
    fn a_timer_says_when() {
        let spec = TimerSpec {
            on_calendar: Some("Mon *-*-* 03:30".into()),
            on_boot_seconds: Some(90),
            interval_seconds: Some(3600),
            randomized_delay_seconds: 300,
            persistent: true,
            ..spec()
        };
        assert_eq!(
            timer(&spec),
            r"# Managed by engine: timer[backup]. Changes made here are lost.
[Unit]
Description=Starts backup at its times

[Timer]
AccuracySec=1s
OnCalendar=Mon *-*-* 03:30
OnBootSec=90s
OnUnitActiveSec=3600s
RandomizedDelaySec=300s
Persistent=true

[Install]
WantedBy=timers.target
"
        );
    }

    #[test]
    fn an_interval_alone_has_a_first_start() {
        let text = timer(&TimerSpec { interval_seconds: Some(60), ..spec() });
        assert!(text.contains("\nOnActiveSec=60s\nOnUnitActiveSec=60s\n"), "{text}");
    }

    #[test]
    fn a_service_has_the_very_arguments_and_variables() {
        let spec = TimerSpec {
            user: Some("nobody".into()),
            environment: vec![("A".into(), "1".into()), ("B".into(), " $HOME 5%".into())],
            ..spec()
        };
        assert_eq!(
            service(&spec),
            r#"# Managed by engine: timer[backup]. Changes made here are lost.
[Unit]
Description=Runs backup when its timer says

[Service]
Type=oneshot
User=nobody
Environment=A=1
Environment="B= $HOME 5%%"
ExecStart="/opt/my tools/backup" "100%%" $$HOME "say \"it's\\\"" "" ";" --to=/srv
"#
        );
    }
}
