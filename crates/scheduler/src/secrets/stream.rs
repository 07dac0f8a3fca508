//! Output that comes in parts: a value may begin in one part and end in another.

use super::scrub::Scrubber;

/// More than this is not held back.
const LONGEST: usize = 64 * 1024;

/// What of an output is held back until it is known not to be the beginning of a secret.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    held: String,
}

impl Stream {
    /// Takes a part, and gives what can be shown.
    pub(super) fn push(&mut self, scrubber: &Scrubber, part: &str) -> String {
        self.held.push_str(part);
        let mut end = match scrubber.beginning_of_a_value(&self.held, 1) {
            Some((length, _)) if length < LONGEST => self.held.len() - length,
            _ => self.held.len(),
        };
        // A value that reaches into what is held stays whole.
        while let Some((range, _)) =
            scrubber.find(&self.held).into_iter().find(|(range, _)| range.start < end && end < range.end)
        {
            end = range.start;
        }
        let mut shown: String = self.held.drain(..end).collect();
        scrubber.replace(&mut shown);
        shown
    }

    /// What is left when the output ends.
    pub(super) fn end(&mut self, scrubber: &Scrubber) -> String {
        let mut rest = std::mem::take(&mut self.held);
        scrubber.clean(&mut rest);
        rest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::scrub::tests::scrubber, *};

    fn in_parts(secrets: &[(&str, &str)], parts: &[&str]) -> String {
        let scrubber = scrubber(secrets);
        let mut stream = Stream::default();
        let mut shown: String = parts.iter().map(|part| stream.push(&scrubber, part)).collect();
        shown.push_str(&stream.end(&scrubber));
        shown
    }

    #[test]
    fn a_value_in_two_parts_is_one() {
        let secrets = [("db", "hunter2")];
        assert_eq!(in_parts(&secrets, &["it is hun", "ter2.\n"]), "it is [secret db].\n");
        assert_eq!(in_parts(&secrets, &["it is hun", "gry.\n"]), "it is hungry.\n");
        assert_eq!(in_parts(&secrets, &["h", "u", "n", "t", "e", "r", "2"]), "[secret db]");
    }

    #[test]
    fn what_is_no_secret_is_not_held_back() {
        let scrubber = scrubber(&[("db", "hunter2")]);
        assert_eq!(Stream::default().push(&scrubber, "building\n"), "building\n");
    }

    proptest! {
        #[test]
        fn however_it_is_cut_no_value_is_shown(
            value in "[a-c]{4,8}( [a-c\"'/]{4})?",
            around in proptest::collection::vec("[a-c \n]{0,12}", 1..4),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let text = around.join(&value) + &value;
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            places.extend([0, text.len()]);
            places.sort_unstable();
            let parts: Vec<&str> = places.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            let shown = in_parts(&[("db", &value)], &parts);
            prop_assert!(!shown.contains(&value), "{shown}");
        }
    }
}
