//! Lines of crontab(5).

use std::fmt::Write;

use engine_protocol::resource::CronSpec;

/// Characters that cron of Debian reads of a command or of a variable; what is longer it does not run, or cuts off.
pub const LINE_CHARACTERS: usize = 998;

/// A line that cron would not read whole.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLong {
    /// What it is about.
    pub what: String,
    /// Characters that it would have.
    pub length: usize,
}

/// The whole file of a job.
pub fn file(spec: &CronSpec) -> Result<String, TooLong> {
    let mut text = format!("# Managed by engine: cron[{}]. Changes made here are lost.\n", spec.name);
    let mut line = Line::default();
    let mailto = spec.mailto.iter().map(|address| ("MAILTO", address.as_str()));
    let environment = spec.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in mailto.chain(environment) {
        match variable(name, value) {
            Some(variable) => {
                let _ = writeln!(text, "{}", short(&format!("the variable `{name}`"), variable)?);
            }
            None => line.assignment(name, value),
        }
    }
    for argument in &spec.argv {
        line.word(argument);
    }
    let _ = writeln!(text, "{} {} {}", spec.schedule, spec.user, short("the command", line.text)?);
    Ok(text)
}

fn short(what: &str, line: String) -> Result<String, TooLong> {
    match line.len() {
        length if length > LINE_CHARACTERS => Err(TooLong { what: what.to_owned(), length }),
        _ => Ok(line),
    }
}

/// A variable as cron reads it. It takes blanks off both ends, at the end even within quotes, takes off quotes, and
/// knows no escapes: not every value can be written so.
fn variable(name: &str, value: &str) -> Option<String> {
    match value {
        "" => Some(format!("{name}=\"\"")),
        value if value.trim() == value && !value.starts_with(['"', '\'']) => Some(format!("{name}={value}")),
        _ => None,
    }
}

/// Words for sh in a line that cron reads before. There a `%` stands for a line feed unless a backslash is before it,
/// which goes; of two backslashes one goes as well, except with some kinds of cron.
#[derive(Default)]
struct Line {
    text: String,
}

impl Line {
    /// A variable of the command alone.
    fn assignment(&mut self, name: &str, value: &str) {
        self.blank();
        self.text.push_str(name);
        self.text.push('=');
        self.quoted(value);
    }

    /// A word of the command.
    fn word(&mut self, word: &str) {
        self.blank();
        let plain = |c: char| c.is_ascii_alphanumeric() || "_./:=@,+-".contains(c);
        if word.is_empty() || !word.chars().all(plain) { self.quoted(word) } else { self.text.push_str(word) }
    }

    fn blank(&mut self) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
    }

    fn quoted(&mut self, word: &str) {
        self.text.push('\'');
        for character in word.chars() {
            if matches!(character, '\\' | '%') && self.text.ends_with('\\') {
                // The word's own backslash must not be taken for one that belongs to what comes.
                self.text.push_str("''");
            }
            match character {
                '\'' => self.text.push_str(r"'\''"),
                '%' => self.text.push_str(r"\%"),
                character => self.text.push(character),
            }
        }
        self.text.push('\'');
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    /// What cron makes of a command, and what it would get as its input. Of two backslashes one goes with cron
    /// 3.0pl1 of Debian, and none with others.
    fn as_cron_reads(command: &str, one_of_two_goes: bool) -> (String, Option<String>) {
        let mut read = String::new();
        let mut escaped = false;
        for (index, character) in command.char_indices() {
            match character {
                '%' if !escaped => return (read, Some(command[index + 1..].to_owned())),
                '%' => {
                    read.pop();
                }
                '\\' if escaped && one_of_two_goes => {
                    read.pop();
                }
                _ => {}
            }
            escaped = character == '\\' && !escaped;
            read.push(character);
        }
        (read, None)
    }

    fn arguments_as_sh_reads(command: &str) -> Vec<u8> {
        Command::new("sh").args(["-c", command]).env_clear().output().unwrap().stdout
    }

    fn strange() -> impl Strategy<Value = String> {
        prop_oneof![
            r#"[%\\' "$`#;&|a]{0,8}"#,
            "[^\n\r\0]{0,20}",
            Just(r"\%".to_owned()),
            Just(r"\\%'%\".to_owned()),
            Just("$(echo %)`date +%s`".to_owned()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn a_program_gets_the_very_arguments(value in strange(), arguments in prop::collection::vec(strange(), 0..5)) {
            let mut line = Line::default();
            line.assignment("A", &value);
            for word in ["/bin/sh", "-c", r#"printf '%s\0' "$A" "$@""#, "sh"] {
                line.word(word);
            }
            for argument in &arguments {
                line.word(argument);
            }
            let expected = [&[value][..], &arguments].concat().join("\0") + "\0";
            for one_of_two_goes in [true, false] {
                let (command, input) = as_cron_reads(&line.text, one_of_two_goes);
                prop_assert_eq!(input, None);
                prop_assert_eq!(arguments_as_sh_reads(&command), expected.as_bytes(), "{}", command);
            }
        }
    }

    #[test]
    fn plain_words_stay_as_they_are() {
        let mut line = Line::default();
        for word in ["/usr/local/bin/backup", "--all", "--to=a b", "100%", r"a\%b", r"\\", ""] {
            line.word(word);
        }
        assert_eq!(line.text, r"/usr/local/bin/backup --all '--to=a b' '100\%' 'a\''\%b' '\''\' ''");
    }

    #[test]
    fn a_file_has_variables_before_the_job() {
        let spec = CronSpec {
            name: "backup".into(),
            schedule: "30 3 * * *".into(),
            user: "backup".into(),
            argv: vec!["/usr/local/bin/backup".into(), "50%".into()],
            environment: vec![("LANG".into(), "C.UTF-8".into()), ("LABEL".into(), " a \"b\"".into())],
            mailto: Some(String::new()),
        };
        let expected = "# Managed by engine: cron[backup]. Changes made here are lost.\nMAILTO=\"\"\nLANG=C.UTF-8\n\
                        30 3 * * * backup LABEL=' a \"b\"' /usr/local/bin/backup '50\\%'\n";
        assert_eq!(file(&spec).unwrap(), expected);
    }

    #[test]
    fn what_cron_would_not_read_whole_is_an_error() {
        let spec = |argument: usize, value: usize| CronSpec {
            argv: vec!["/bin/x".into(), "a".repeat(argument)],
            environment: vec![("A".into(), "a".repeat(value))],
            ..CronSpec::default()
        };
        assert!(file(&spec(991, 996)).is_ok());
        let too_long = file(&spec(992, 996)).unwrap_err();
        assert_eq!((too_long.what.as_str(), too_long.length), ("the command", 999));
        assert_eq!(file(&spec(1, 997)).unwrap_err().what, "the variable `A`");
    }
}
