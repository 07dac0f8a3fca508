//! The patterns that ssh_config and known_hosts share: `*`, `?`, lists, and `!` for all but.

/// Whether `pattern`, where `*` is any text and `?` any character, matches all of `text`, whatever the case.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    matches_exactly(&pattern.to_lowercase(), &text.to_lowercase())
}

/// Like [`matches`], the case being part of it.
pub(crate) fn matches_exactly(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // Where to take up again when what follows the latest `*` does not fit.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(&c) if c == '?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((star, from)) => {
                    p = star + 1;
                    t = from + 1;
                    retry = Some((star, t));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

/// Whether some of `patterns` match and none of those that begin with `!`.
pub(crate) fn list_matches<'a>(patterns: impl IntoIterator<Item = &'a str>, text: &str) -> bool {
    list(patterns, |pattern| matches(pattern, text))
}

/// Like [`list_matches`], the case being part of it.
pub(crate) fn list_matches_exactly<'a>(patterns: impl IntoIterator<Item = &'a str>, text: &str) -> bool {
    list(patterns, |pattern| matches_exactly(pattern, text))
}

fn list<'a>(patterns: impl IntoIterator<Item = &'a str>, matches: impl Fn(&str) -> bool) -> bool {
    let mut found = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(pattern) if matches(pattern) => return false,
            Some(_) => {}
            None => found |= matches(pattern),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_answers() {
        assert!(matches("*.example.com", "a.EXAMPLE.com"));
        assert!(matches("192.168.0.?", "192.168.0.7"));
        assert!(!matches("192.168.0.?", "192.168.0.77"));
        assert!(matches("a*b*c", "axxbyybzzc"));
        assert!(!matches("", "a"));
        assert!(list_matches(["*", "!b"], "a"));
        assert!(!list_matches(["*", "!b"], "b"));
        assert!(!list_matches(["!b"], "a"));
    }

    proptest! {
        #[test]
        fn a_text_matches_itself_and_what_covers_it(head in "[a-z.]{0,8}", tail in "[a-z.]{0,8}") {
            let text = format!("{head}{tail}");
            prop_assert!(matches(&text, &text));
            let covering = format!("{head}*{tail}");
            let questions = "?".repeat(text.len());
            prop_assert!(matches(&covering, &text));
            prop_assert!(matches(&questions, &text));
        }

        #[test]
        fn never_panics(pattern in "[*?a!é]{0,12}", text in "\\PC{0,12}") {
            let _ = matches(&pattern, &text);
        }
    }
}
