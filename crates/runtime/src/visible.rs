//! Text of a guest's, fit for a terminal.

use std::fmt::Write as _;

/// Longest message of a guest that is passed on, in bytes.
const MAXIMUM_BYTES: usize = 16 * 1024;

/// The message without characters that a terminal obeys or that turn the order of others around, and
/// cut if it is too long for anybody to read.
pub(crate) fn visible(message: &str) -> String {
    let end = message.floor_char_boundary(MAXIMUM_BYTES);
    let mut text = String::with_capacity(end);
    for c in message[..end].chars() {
        let harmful = c.is_control() && !matches!(c, '\n' | '\t')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if harmful {
            text.extend(c.escape_default());
        } else {
            text.push(c);
        }
    }
    if end < message.len() {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "… ({} bytes more)", message.len() - end);
    }
    text
}
