//! Text of a guest's, fit for a terminal.

use engine_contract::visible;
use engine_protocol::secret;

/// Longest message of a guest that is passed on, in bytes.
const MAXIMUM_BYTES: usize = 16 * 1024;

/// The message with the names of secrets instead of what stands for them, without characters that a terminal obeys or that turn the order of others around, and
/// cut if it is too long for anybody to read.
pub(crate) fn visible(message: &str) -> String {
    let message = secret::shown(message);
    let end = message.floor_char_boundary(MAXIMUM_BYTES);
    let text = visible::lines(&message[..end]);
    match message.len() - end {
        0 => text.into_owned(),
        more => format!("{text}… ({more} bytes more)"),
    }
}
