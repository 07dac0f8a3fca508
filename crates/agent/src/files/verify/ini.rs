//! Sections, keys and values. There is no standard; what no reader can take is refused, the rest is not.

use super::Malformed;

pub(super) fn check(text: &str) -> Result<(), Malformed> {
    for (line, content) in (1..).zip(text.lines()) {
        let content = content.trim();
        if content.starts_with('[') && !content.contains(']') {
            return Err(Malformed::line(line, "a section without `]`"));
        }
        if content.starts_with('=') {
            return Err(Malformed::line(line, "a value without a key"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_needs_a_key() {
        assert_eq!(check("[a]\n = 1\n"), Err(Malformed::line(2, "a value without a key")));
        assert_eq!(check("[a] ; [\nkey =\nskip-networking\n!include x\n; [b\n"), Ok(()));
    }
}
