//! The texts that locales are kept in: what `locale -a` prints, `/etc/locale.gen`, and the variables.

/// One form for a locale's name: `en_US.UTF-8` and `en_US.utf8` are the same.
pub fn normal(name: &str) -> String {
    let (base, modifier) =
        name.split_once('@').map_or((name, None), |(base, modifier)| (base, Some(modifier)));
    let mut normal = base.to_owned();
    if let Some((language, charset)) = base.split_once('.') {
        let charset = charset.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase());
        normal = format!("{language}.{}", charset.collect::<String>());
    }
    modifier.map_or(normal.clone(), |modifier| format!("{normal}@{modifier}"))
}

/// Whether `locale -a` lists a locale.
pub fn lists(listing: &str, name: &str) -> bool {
    listing.lines().any(|line| normal(line.trim()) == normal(name))
}

/// The line of `/usr/share/i18n/SUPPORTED` for a locale, in the form of `/etc/locale.gen`.
pub fn supported(text: &str, name: &str) -> Option<String> {
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.into_iter().find(|line| line.split(' ').next().is_some_and(|first| normal(first) == normal(name)))
}

/// `/etc/locale.gen` with a locale to be generated: the comment that has it becomes a line, or it is added.
pub fn enable(text: &str, entry: &str) -> String {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.lines().any(|line| words(line) == entry) {
        return text.to_owned();
    }
    let mut enabled = String::with_capacity(text.len());
    let mut found = false;
    for line in text.split_inclusive('\n') {
        if !found && line.trim_start().strip_prefix('#').is_some_and(|rest| words(rest) == entry) {
            found = true;
            enabled.push_str(entry);
            enabled.push('\n');
        } else {
            enabled.push_str(line);
        }
    }
    if !found {
        end_line(&mut enabled);
        enabled.push_str(entry);
        enabled.push('\n');
    }
    enabled
}

/// The variables of locales that a file sets, in order.
pub fn variables(text: &str) -> Vec<(String, String)> {
    let found = text.lines().filter_map(assignment);
    found.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The file that sets these variables of locales and no others. The rest stays byte by byte.
pub fn set_variables(text: &str, wanted: &[(&str, &str)]) -> String {
    let mut edited = String::with_capacity(text.len());
    let mut placed: Vec<&str> = Vec::new();
    for line in text.split_inclusive('\n') {
        let Some((name, value)) = assignment(line) else {
            edited.push_str(line);
            continue;
        };
        let Some((name, new)) = wanted.iter().find(|(wanted, _)| *wanted == name) else { continue };
        if placed.contains(name) {
            continue;
        }
        placed.push(name);
        if value == *new {
            edited.push_str(line);
        } else {
            edited.extend([name, "=", new, "\n"]);
        }
    }
    for (name, value) in wanted.iter().filter(|(name, _)| !placed.contains(name)) {
        end_line(&mut edited);
        edited.extend([name, "=", value, "\n"]);
    }
    edited
}

fn end_line(text: &mut String) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

/// Name and value, without quotes, of a line that sets a variable of locales.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.trim().split_once('=')?;
    let known = matches!(name, "LANG" | "LANGUAGE") || name.starts_with("LC_");
    let value = value.trim();
    let bare = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    known.then(|| (name, bare.unwrap_or(value)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_one_locale_are_one() {
        // `locale -a` of glibc 2.36.
        let listing = "C\nC.utf8\nde_DE@euro\nde_DE.iso885915@euro\nen_US.utf8\nPOSIX\n";
        for name in ["C.UTF-8", "en_US.UTF-8", "en_US.utf8", "POSIX", "de_DE@euro", "de_DE.ISO-8859-15@euro"]
        {
            assert!(lists(listing, name), "{name}");
        }
        for name in ["en_GB.UTF-8", "en_US", "de_DE", "c.utf8"] {
            assert!(!lists(listing, name), "{name}");
        }
    }

    #[test]
    fn a_locale_is_generated_with_its_charset() {
        // From Debian 12's locales 2.36.
        let text = "en_US.UTF-8 UTF-8\nen_US ISO-8859-1\nde_DE@euro ISO-8859-15\naa_ER UTF-8\n";
        assert_eq!(supported(text, "en_US.utf8").as_deref(), Some("en_US.UTF-8 UTF-8"));
        assert_eq!(supported(text, "en_US").as_deref(), Some("en_US ISO-8859-1"));
        assert_eq!(supported(text, "xx_XX.UTF-8"), None);
    }

    #[test]
    fn a_comment_becomes_a_line() {
        let text =
            "# This file lists locales\n#\n# en_US ISO-8859-1\n# en_US.UTF-8 UTF-8  \n# en_ZA ISO-8859-1";
        let enabled = enable(text, "en_US.UTF-8 UTF-8");
        assert_eq!(enabled, text.replace("# en_US.UTF-8 UTF-8  ", "en_US.UTF-8 UTF-8"));
        assert_eq!(enable(&enabled, "en_US.UTF-8 UTF-8"), enabled);
        assert_eq!(enable(text, "aa_ER UTF-8"), format!("{text}\naa_ER UTF-8\n"));
    }

    #[test]
    fn variables_are_set_and_others_of_locales_are_taken_out() {
        let text =
            "#  File generated by update-locale\nLANG=\"de_DE.UTF-8\"\nLC_ALL=C\nTZ=UTC\nLC_TIME='C.UTF-8'";
        let wanted = [("LANG", "en_US.UTF-8"), ("LC_TIME", "C.UTF-8"), ("LC_PAPER", "C.UTF-8")];
        assert_eq!(
            set_variables(text, &wanted),
            "#  File generated by update-locale\nLANG=en_US.UTF-8\nTZ=UTC\nLC_TIME='C.UTF-8'\nLC_PAPER=C.UTF-8\n"
        );
        assert_eq!(variables(text)[0], ("LANG".to_owned(), "de_DE.UTF-8".to_owned()));
    }

    proptest! {
        #[test]
        fn setting_twice_is_setting_once_and_the_rest_stays(
            lines in prop::collection::vec("(LANG|LC_ALL|LC_TIME|TZ|#|)(=|)[\"' ]?[a-zA-Z]{0,3}[\"']?", 0..8),
            ended in any::<bool>(),
        ) {
            let mut text = lines.join("\n");
            if ended {
                text.push('\n');
            }
            let wanted = [("LANG", "C.UTF-8"), ("LC_TIME", "POSIX")];
            let once = set_variables(&text, &wanted);
            prop_assert_eq!(&set_variables(&once, &wanted), &once);
            let mut found = variables(&once);
            found.sort();
            prop_assert_eq!(found, [("LANG".to_owned(), "C.UTF-8".to_owned()), ("LC_TIME".to_owned(), "POSIX".to_owned())]);
            let rest = |text: &str| text.lines().filter(|line| assignment(line).is_none()).map(ToOwned::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(rest(&once), rest(&text));
        }
    }
}
