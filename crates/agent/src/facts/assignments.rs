//! Files of assignments that shells can read, as `os-release` and the files of locales are.

/// The value of a variable; the last assignment counts, and without any it is empty.
pub fn variable(text: &str, name: &str) -> String {
    let mut values = text.lines().filter_map(|line| {
        let line = line.trim();
        line.strip_prefix("export ").unwrap_or(line).strip_prefix(name)?.strip_prefix('=')
    });
    unquoted(values.next_back().unwrap_or_default())
}

fn unquoted(value: &str) -> String {
    let value = value.trim();
    if let Some(inner) = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return inner.to_owned();
    }
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        text.extend(if c == '\\' { characters.next() } else { Some(c) });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_are_read_as_a_shell_reads_them() {
        let text = "# LANG=x\nLANGUAGE=en\n LANG=\"C.UTF-8\"\n";
        assert_eq!(variable(text, "LANG"), "C.UTF-8");
        assert_eq!(variable("export LANG='de_DE.UTF-8'\nLANG=en_US.UTF-8\n", "LANG"), "en_US.UTF-8");
        assert_eq!(variable("NAME=\"a \\\"b\\\" \\$c\"", "NAME"), "a \"b\" $c");
        assert_eq!(variable("LANG=\"", "LANG"), "\"");
        assert_eq!(variable("", "LANG"), "");
    }
}
