//! Unit files and other configuration of systemd, as systemd.syntax(7) has it. Systemd passes over what it cannot
//! read with a warning in its journal; here that is an error.

use super::Malformed;

pub(super) fn check(text: &str) -> Result<(), Malformed> {
    let (mut section, mut goes_on) = (false, false);
    for (line, whole) in (1..).zip(text.lines()) {
        let content = whole.trim();
        // A comment among lines that belong together does not end them.
        if content.starts_with(['#', ';']) {
            continue;
        }
        let backslashes = whole.bytes().rev().take_while(|byte| *byte == b'\\').count();
        if std::mem::replace(&mut goes_on, backslashes % 2 == 1) || content.is_empty() {
            continue;
        }
        if let Some(name) = content.strip_prefix('[') {
            if name.strip_suffix(']').is_none_or(str::is_empty) {
                return Err(Malformed::line(line, "a section is `[Name]`"));
            }
            section = true;
            continue;
        }
        match content.split_once('=') {
            None => return Err(Malformed::line(line, "no `=`")),
            Some((key, _)) if key.trim().is_empty() => {
                return Err(Malformed::line(line, "a value without a key"));
            }
            Some(_) if !section => return Err(Malformed::line(line, "a key before the first section")),
            Some(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_would_pass_over_is_refused() {
        for (text, line, message) in [
            ("Description=x\n", 1, "a key before the first section"),
            ("[Unit\n", 1, "a section is `[Name]`"),
            ("[]\n", 1, "a section is `[Name]`"),
            ("[Unit]\n=x\n", 2, "a value without a key"),
            ("[Unit]\n\n# a comment\nAfter network.target\n", 4, "no `=`"),
        ] {
            assert_eq!(check(text), Err(Malformed::line(line, message)), "{text}");
        }
    }

    #[test]
    fn lines_that_go_on_are_one_up_to_an_empty_line() {
        let text =
            |between: &str| format!("[Service]\nExecStart=echo \\\n; comment\n{between}  [no section\n");
        assert_eq!(check(&text("")), Ok(()));
        assert_eq!(check(&text("\n")), Err(Malformed::line(5, "a section is `[Name]`")));
        assert_eq!(check("[Service]\nExecStart=echo \\\\\nx\n"), Err(Malformed::line(3, "no `=`")));
    }
}
