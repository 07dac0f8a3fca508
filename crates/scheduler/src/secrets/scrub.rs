//! Takes the values of secrets out of texts, in the forms that they come back in.

use std::ops::Range;

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use engine_protocol::secret;
use memchr::memmem;
use zeroize::Zeroizing;

use super::SecretValue;

/// Shorter values and lines are left: they stand in too many texts by chance.
const SHORTEST: usize = 4;
/// Shortest encoded part of a value that is looked for.
const SHORTEST_ENCODED: usize = 6;

/// All forms of all secrets that are known so far.
#[derive(Default)]
pub(super) struct Scrubber {
    needles: Vec<Needle>,
}

struct Needle {
    text: Zeroizing<String>,
    /// What is written instead.
    shown: String,
}

impl Scrubber {
    /// Adds a secret.
    pub(super) fn add(&mut self, name: &str, value: &SecretValue) {
        let shown = format!("[secret {name}]");
        for text in forms(value.expose()) {
            if self.needles.iter().all(|needle| needle.text != text) {
                self.needles.push(Needle { text, shown: shown.clone() });
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    /// Where values stand in a text, in order; those that touch are one, with what is written instead.
    pub(super) fn find(&self, text: &str) -> Vec<(Range<usize>, &str)> {
        let mut found: Vec<(Range<usize>, &str)> = Vec::new();
        for Needle { text: needle, shown } in &self.needles {
            let places = memmem::find_iter(text.as_bytes(), needle.as_bytes());
            found.extend(places.map(|start| (start..start + needle.len(), shown.as_str())));
        }
        found.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        let mut merged: Vec<(Range<usize>, &str)> = Vec::with_capacity(found.len());
        for (range, shown) in found {
            match merged.last_mut() {
                Some((last, _)) if range.start < last.end => last.end = last.end.max(range.end),
                _ => merged.push((range, shown)),
            }
        }
        merged
    }

    /// The text with names in the place of values. A text may have been cut: what could be the end of a value at its
    /// beginning, or the beginning of one at its end, goes as well.
    pub(super) fn clean(&self, text: &mut String) {
        if self.is_empty() {
            return;
        }
        self.replace(text);
        if let Some((length, shown)) = self.end_of_a_value(text) {
            text.replace_range(..length, &format!("{shown}…"));
        }
        if let Some((length, shown)) = self.beginning_of_a_value(text, SHORTEST) {
            text.replace_range(text.len() - length.., &format!("…{shown}"));
        }
    }

    /// The text with names in the place of whole values.
    pub(super) fn replace(&self, text: &mut String) {
        for (range, shown) in self.find(text).into_iter().rev() {
            text.replace_range(range, shown);
        }
    }

    fn end_of_a_value(&self, text: &str) -> Option<(usize, &str)> {
        let cut = |needle: &Needle| {
            let longest = needle.text.len().min(text.len() + 1) - 1;
            (SHORTEST..=longest).rev().find(|length| {
                text.as_bytes()[..*length] == needle.text.as_bytes()[needle.text.len() - length..]
                    && text.is_char_boundary(*length)
            })
        };
        self.longest(cut)
    }

    /// How many bytes at the end of a text are the beginning of a value, if at least so many are.
    pub(super) fn beginning_of_a_value(&self, text: &str, least: usize) -> Option<(usize, &str)> {
        let cut = |needle: &Needle| {
            let longest = needle.text.len().min(text.len() + 1) - 1;
            (least..=longest).rev().find(|length| {
                text.as_bytes()[text.len() - length..] == needle.text.as_bytes()[..*length]
                    && text.is_char_boundary(text.len() - length)
            })
        };
        self.longest(cut)
    }

    fn longest(&self, cut: impl Fn(&Needle) -> Option<usize>) -> Option<(usize, &str)> {
        let cuts = self.needles.iter().filter_map(|needle| Some((cut(needle)?, needle.shown.as_str())));
        cuts.max_by_key(|(length, _)| *length)
    }
}

/// A value in the forms in which programs and messages write it, and each of its lines.
fn forms(value: &str) -> Vec<Zeroizing<String>> {
    let lines = value.lines().map(str::trim).filter(|line| line.len() < value.len());
    let parts =
        std::iter::once(value).chain(value.lines().count().gt(&1).then_some(lines).into_iter().flatten());
    let mut forms = Vec::new();
    for part in parts.filter(|part| part.len() >= SHORTEST) {
        for form in forms_of(part).into_iter().filter(|form| form.len() >= SHORTEST) {
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
    }
    forms
}

fn forms_of(text: &str) -> Vec<Zeroizing<String>> {
    let json = serde_json::to_string(text).unwrap_or_default();
    let json = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or_default().to_owned();
    let mut forms = vec![
        text.to_owned(),
        json.replace('/', "\\/"),
        json,
        text.escape_debug().to_string(),
        text.escape_default().to_string(),
        shell_words::quote(text).into_owned(),
        text.replace('\'', "'\\''"),
        secret::quote(text),
        percent(text, "%20", "0123456789ABCDEF"),
        percent(text, "+", "0123456789ABCDEF"),
        percent(text, "%20", "0123456789abcdef"),
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;")
            .replace('\'', "&#39;"),
        HEXLOWER.encode(text.as_bytes()),
        HEXUPPER.encode(text.as_bytes()),
    ];
    for encoding in [BASE64_NOPAD, BASE64URL_NOPAD] {
        forms.extend((0..3).filter_map(|offset| base64_at(text, offset, &encoding)));
    }
    forms.into_iter().map(Zeroizing::new).collect()
}

/// What of a value is always the same in the encoding of a longer text, in which it stands at a multiple of three bytes and
/// `offset`.
fn base64_at(text: &str, offset: usize, encoding: &data_encoding::Encoding) -> Option<String> {
    let padded: Zeroizing<Vec<u8>> = Zeroizing::new([&[0; 3][..offset], text.as_bytes()].concat());
    let encoded = Zeroizing::new(encoding.encode(&padded));
    // Six bits a character: those that the neighbours have a part in are left out.
    let start = (offset * 8).div_ceil(6);
    let end = padded.len() * 8 / 6;
    let same = encoded.get(start..end)?;
    (same.len() >= SHORTEST_ENCODED).then(|| same.to_owned())
}

/// As in URLs: all but the unreserved characters of RFC 3986 as `%` and two digits.
fn percent(text: &str, space: &str, digits: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => encoded.push_str(space),
            b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            byte if byte.is_ascii_alphanumeric() => encoded.push(byte.into()),
            byte => {
                encoded.push('%');
                for digit in [byte >> 4, byte & 15].map(usize::from) {
                    encoded.push_str(&digits[digit..=digit]);
                }
            }
        }
    }
    encoded
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn scrubber(secrets: &[(&str, &str)]) -> Scrubber {
        let mut scrubber = Scrubber::default();
        for (name, value) in secrets {
            scrubber.add(name, &SecretValue::new(Zeroizing::new((*value).to_owned())));
        }
        scrubber
    }

    fn clean(secrets: &[(&str, &str)], text: &str) -> String {
        let mut text = text.to_owned();
        scrubber(secrets).clean(&mut text);
        text
    }

    #[test]
    fn values_go_in_every_form() {
        let value = "p/ss'w\"or d$&é";
        let secrets = [("db", value)];
        for form in [
            value.to_owned(),
            serde_json::to_string(value).unwrap(),
            format!("{value:?}"),
            shell_words::quote(value).into_owned(),
            "p%2Fss%27w%22or%20d%24%26%C3%A9".into(),
            "p%2fss%27w%22or%20d%24%26%c3%a9".into(),
            "p%2Fss%27w%22or+d%24%26%C3%A9".into(),
            HEXLOWER.encode(value.as_bytes()),
            "p/ss&#39;w&quot;or d$&amp;é".into(),
        ] {
            let cleaned = clean(&secrets, &format!("before {form} after"));
            assert!(cleaned.contains("[secret db]"), "{form}: {cleaned}");
            assert!(!cleaned.contains("ss") && !cleaned.contains(&form), "{form}: {cleaned}");
        }
    }

    #[test]
    fn a_value_within_an_encoded_text_goes() {
        let secrets = [("token", "correct horse")];
        for before in ["", "u", "us", "use", "user:"] {
            let encoded = data_encoding::BASE64.encode(format!("{before}correct horse!").as_bytes());
            let cleaned = clean(&secrets, &encoded);
            assert!(cleaned.contains("[secret token]"), "{encoded}: {cleaned}");
        }
    }

    #[test]
    fn each_line_of_a_value_goes() {
        let key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nab\nhkiG9w0BAQEFAASC\n-----END KEY-----\n";
        let cleaned = clean(&[("tls", key)], "1: hkiG9w0BAQEFAASC\n2: MIIEvQIBADANBgkq, ab");
        assert_eq!(cleaned, "1: [secret tls]\n2: [secret tls], ab");
        assert_eq!(clean(&[("tls", key)], key), "[secret tls]");
    }

    #[test]
    fn what_was_cut_goes_as_well() {
        let secrets = [("db", "hunter2-hunter3")];
        assert_eq!(clean(&secrets, "er2-hunter3 was used"), "[secret db]… was used");
        assert_eq!(clean(&secrets, "it is hunter2-hu"), "it is …[secret db]");
        assert_eq!(clean(&secrets, "er3 and hun"), "er3 and hun");
    }

    #[test]
    fn values_that_overlap_leave_nothing() {
        let secrets = [("a", "abcdefgh"), ("b", "efghijkl")];
        assert_eq!(clean(&secrets, "-abcdefghijkl-"), "-[secret a]-");
        assert_eq!(clean(&[("a", "aaaa")], "aaaaaaaaa"), "[secret a][secret a]a");
    }

    #[test]
    fn short_values_and_other_texts_stay() {
        assert_eq!(clean(&[("pin", "123")], "123 is a number"), "123 is a number");
        assert_eq!(clean(&[("db", "hunter2")], "nothing to see: é"), "nothing to see: é");
    }
}
